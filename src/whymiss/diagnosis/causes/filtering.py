"""Causes in who may see what: F1 wrongly excluded, F2 post-filter starvation, F3 leak."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine
from whymiss.diagnosis.scene import Scene
from whymiss.records import Clause
from whymiss.retrieval.editing import recatalogued_space
from whymiss.retrieval.filters import satisfies
from whymiss.text import counted


def wrongly_excluded(case: Case) -> Look:
    """F1: a clause or a permission hides rows that hold the evidence."""
    query = case.scene.question.query
    visible = case.scene.space.visible(query)
    hidden = [row for row in case.gold if not visible[row]]
    if not hidden:
        return fine(f"all {len(case.gold)} rows with evidence may be seen, and pass the filter")
    documents = case.scene.space.catalogue.documents
    doc_ids = sorted({case.chunks[row].doc_id for row in hidden})
    unreadable = [
        d for d in doc_ids if d in documents and not documents[d].readable_by(query.principals)
    ]
    failed = [c for c in query.where if not all(_passes(case, row, c) for row in hidden)]
    said = "; ".join(
        [
            *(f"{c.field} {c.op} {c.value!r} excludes {', '.join(_values(case, hidden, c))}"
              for c in failed),
            *([f"the asker may not read {', '.join(unreadable)}"] if unreadable else []),
        ]
    )  # fmt: skip
    patches = []
    if failed and not unreadable:
        patches.append(
            Patch(
                says="the evidence's documents marked as the filter asks",
                apply=lambda: tagged(case.scene, doc_ids),
            )
        )
    patches += [
        Patch(says=f"the clause on {c.field} dropped", apply=partial(without, case.scene, [c]))
        for c in failed
    ]
    if unreadable:
        patches.append(Patch(says=f"{', '.join(unreadable)} made readable to the asker",
                             apply=lambda: permitted(case.scene, unreadable)))  # fmt: skip
    if len(failed) + bool(unreadable) > 1:
        patches.append(
            Patch(
                says="all clauses dropped, and the documents made readable",
                apply=lambda: permitted(without(case.scene, failed), unreadable),
            )
        )
    return Look(
        says=f"hidden: {len(hidden)} of {counted(len(case.gold), 'row')} with evidence; {said}",
        deviation=said, definite=True, patches=tuple(patches),
        numbers={"hidden_rows": len(hidden)},
    )  # fmt: skip


def _passes(case: Case, row: int, clause: Clause) -> bool:
    known = case.chunks[row].doc_id in case.scene.space.catalogue.documents
    return known and satisfies(case.fields(row), clause)


def _values(case: Case, rows: list[int], clause: Clause) -> list[str]:
    found = [
        f"{case.chunks[row].doc_id} ({case.fields(row).get(clause.field)!r})"
        for row in rows
        if not _passes(case, row, clause)
    ]
    return list(dict.fromkeys(found))


def without(scene: Scene, clauses: list[Clause]) -> Scene:
    """The scene with some clauses of its question dropped."""
    query = scene.question.query
    kept = tuple(clause for clause in query.where if clause not in clauses)
    return replace(scene, question=replace(scene.question, query=replace(query, where=kept)))


def tagged(scene: Scene, doc_ids: Collection[str]) -> Scene:
    """The scene with some documents marked as the question's clauses ask for.

    Clauses that only exclude name no value to mark them with, and stay as they are.
    """
    catalogue = scene.space.catalogue
    wanted = {
        c.field: c.value[0] if c.op == "in" else c.value
        for c in scene.question.query.where
        if c.op in ("eq", "in", "le", "ge")
    }
    documents = {
        d: replace(doc, metadata={**doc.metadata, **wanted}) if d in doc_ids else doc
        for d, doc in catalogue.documents.items()
    }
    space = recatalogued_space(scene.space, replace(catalogue, documents=documents))
    return replace(scene, space=space)


def permitted(scene: Scene, doc_ids: list[str]) -> Scene:
    """The scene with some documents made readable to the asker."""
    if not doc_ids:
        return scene
    catalogue, query = scene.space.catalogue, scene.question.query
    names = query.principals or ("*",)
    documents = {
        d: replace(doc, allowed=(*doc.allowed, *names)) if d in doc_ids else doc
        for d, doc in catalogue.documents.items()
    }
    return replace(
        scene, space=recatalogued_space(scene.space, replace(catalogue, documents=documents))
    )


def starved(case: Case) -> Look:
    """F2: the filter acts on candidates that are found already, and few are left."""
    query, knobs = case.scene.question.query, case.scene.config.retrieval
    if knobs.filter_mode == "pre" or not query.where:
        return fine("the filter acts before candidates are found")
    left = {stage: len(found.rows) for stage, found in case.run.branches.items()}
    said = "after the filter " + ", ".join(
        f"{n} of {knobs.candidate_depth} {stage} candidates are left" for stage, n in left.items()
    )
    starving = takes_away(case, left)
    visible = case.scene.space.visible(query)
    seen = any(visible[row] for row in case.gold)
    return Look(
        says=said,
        deviation=said if starving and seen else "",
        definite=starving and seen,
        patches=(
            Patch(says="the filter before the search",
                  apply=lambda: case.scene.configured({"retrieval.filter_mode": "pre"})),
        ),
        numbers={f"{stage}_left": n for stage, n in left.items()},
    )  # fmt: skip


def takes_away(case: Case, left: dict[str, int]) -> bool:
    """Whether fewer candidates are left than the filter would have let through."""
    visible = case.scene.space.visible(case.scene.question.query)
    most = min(case.scene.config.retrieval.candidate_depth, int(visible.sum()))
    if min(left.values(), default=most) >= most:
        return False
    if not case.probes:
        return True
    # BM25 finds few of a rare word, with whatever filter.
    pre = case.probe(case.scene.configured({"retrieval.filter_mode": "pre"}))
    return any(n < len(pre.branches[stage].rows) for stage, n in left.items())


def leaked(case: Case) -> Look:
    """F3: something was retrieved that the asker may not read."""
    documents = case.scene.space.catalogue.documents
    principals = case.scene.question.query.principals
    chunks = [chunk for found in case.run.stages.values() for chunk in case.run.chunks(found)]
    leaks = {
        c.chunk_id for c in chunks
        if c.doc_id not in documents or not documents[c.doc_id].readable_by(principals)
    }  # fmt: skip
    if leaks:
        said = f"{len(leaks)} chunks were retrieved that the asker may not read"
        return Look(says=said, deviation=said, definite=True)
    return fine(f"the asker may read every one of {len(chunks)} hits", hits=len(chunks))


WRONGLY_EXCLUDED = Cause(code="F1", name="WronglyExcluded", stage="filter", look=wrongly_excluded)
STARVED = Cause(code="F2", name="PostFilterStarvation", stage="filter", look=starved)
LEAKED = Cause(code="F3", name="PermissionLeak", stage="filter", look=leaked)
