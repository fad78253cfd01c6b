"""Healthy scenes to call healthy, some with oddities that do no harm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from whymiss.diagnosis.edits import rows_of, with_rows
from whymiss.diagnosis.faults.filter_faults import asked_by_someone, asking, filtered, tagged
from whymiss.diagnosis.faults.index_faults import earlier_row, exported, outdated
from whymiss.diagnosis.faults.looking import dense_only, gold_documents, rows_in
from whymiss.diagnosis.lab import Lab, Run
from whymiss.diagnosis.scene import Scene
from whymiss.records import Clause

_SMALL: Final = 12
"""Most rows of a document that an oddity is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A healthy scene, and what is odd about it (empty: nothing)."""

    name: str
    scene: Scene
    oddity: str = ""


def controls(scene: Scene, rng: np.random.Generator, lab: Lab) -> tuple[Control, ...]:
    """Healthy variants of a scene; none where the scene itself is not healthy.

    Those that turn out not to be healthy are left out.
    """
    run = lab.run(scene)
    if run.ending != "healthy":
        return ()
    every = [Control(name="as it is", scene=scene), *_settings(run), *_rows(run, rng)]
    return tuple(c for c in every if lab.run(c.scene).ending == "healthy")


def _settings(run: Run) -> Iterator[Control]:
    scene, needed = run.scene, run.rank(run.ordered)
    if needed is not None and needed < scene.config.retrieval.k:
        yield Control(
            name="small k", oddity="k is just large enough",
            scene=scene.configured({"retrieval.k": needed}),
        )  # fmt: skip
    yield Control(
        name="tight budget", oddity="the context fills its budget",
        scene=scene.configured({"context.token_budget": run.context.n_tokens}),
    )  # fmt: skip
    for simple in dense_only(scene)[-1:]:
        yield Control(name="dense alone", scene=simple, oddity="one branch and no reranker")
    for wide in filtered(scene)[:1]:
        yield Control(name="a filter", scene=wide, oddity="a filter that the evidence passes")
    for someone in asked_by_someone(scene)[:1]:
        yield Control(name="somebody asks", scene=someone, oddity="the asker has a name")
    everywhere = tagged_everywhere(scene)
    clause = Clause(field="edition", op="eq", value="current")
    yield Control(
        name="wide filter", oddity="a filter that every document passes",
        scene=asking(everywhere, clause),
    )  # fmt: skip


def _rows(run: Run, rng: np.random.Generator) -> Iterator[Control]:
    """Things that are out of order in a document that has nothing to do with the question."""
    scene = run.scene
    doc_id = _uninvolved(run, rng)
    if doc_id is None:
        return
    chunks = [chunk for _, chunk in rows_in(scene, doc_id)]
    yield Control(
        name="a copy elsewhere", oddity="another document stands twice in the index",
        scene=exported(scene, [doc_id], 1),
    )  # fmt: skip
    yield Control(
        name="rows missing elsewhere", oddity="another document is not in the index",
        scene=with_rows(scene, drop=rows_of(scene, [doc_id])),
    )  # fmt: skip
    if (stale := outdated(scene, doc_id, rng)) is not None:
        yield Control(name="stale elsewhere", scene=stale, oddity="another document is stale")
    orphans = [left for c in chunks if (left := earlier_row(scene, c, rng)) is not None]
    if orphans and not scene.config.embedding.late_chunking:
        yield Control(
            name="orphans elsewhere", oddity="rows of an earlier text of another document",
            scene=with_rows(scene, add=orphans),
        )  # fmt: skip


def tagged_everywhere(scene: Scene) -> Scene:
    """Every document of one edition."""
    catalogue = scene.space.catalogue
    made = scene.space.derived(
        ("edition", "everywhere"),
        lambda: tagged(scene, {d: {"edition": "current"} for d in catalogue.documents}),
    )
    return replace(scene, space=made.space, read_documents=made.read_documents)


def _uninvolved(run: Run, rng: np.random.Generator) -> str | None:
    """A small document that is not retrieved and holds no evidence."""
    snapshot = run.scene.space.snapshot
    seen = {snapshot.chunks[row].doc_id for row in run.ordered.rows.tolist()}
    gold = set(gold_documents(run.scene))
    found = [
        d for d in snapshot.doc_ids if d not in seen | gold and len(rows_in(run.scene, d)) <= _SMALL
    ]
    return found[int(rng.integers(len(found)))] if found else None
