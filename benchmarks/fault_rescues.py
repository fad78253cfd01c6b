"""Repairs that were called rescues, made once more as a user makes them, and run.

A knob is turned by giving the plain `Pipeline` what `Repair.apply` gives, a filter by asking with
its clauses; rows, permissions, metadata and indexes that are built anew are changed as the repair
changes them. What reaches the context is judged by `whymiss.evaluation.judging` alone; where the
answer was what went wrong, what `Pipeline` answers is held against the words of the evidence too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.grounds import grounds_of
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.repairs.change import Change
from whymiss.diagnosis.repairs.repair import Repair
from whymiss.diagnosis.repairs.search import COST, changes_for, search
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation import pin
from whymiss.evaluation.judging import delivered
from whymiss.pipeline import Pipeline


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A repair that was called a rescue, and whether it rescues.

    where : the case, as "question: fault". rebuilds : whether it builds the whole index anew.
    """

    where: str
    title: str
    kind: str
    rebuilds: bool
    rescues: bool


@dataclass(frozen=True, kw_only=True)
class Searched:
    """One case whose repairs were searched: how many were run, and those called rescues."""

    n_run: int
    claims: tuple[Claim, ...]


def searched(
    where: str, diagnosis: Diagnosis, case: Case, *, rebuilds: Rebuilds, rebuild: bool
) -> Searched:
    """Search the repairs of a case, then make and run every one that is called a rescue."""
    found = search(case, diagnosis, rebuilds=rebuilds, rebuild=rebuild)
    changes = {(c.kind, c.title): c for c in changes_for(case, diagnosis, rebuilds)}
    claims = []
    for repair in found:
        if repair.rescues:
            change = changes[repair.kind, repair.title]
            made = as_a_user_makes_it(repair, change, case.scene)
            claims.append(
                Claim(
                    where=where, title=repair.title, kind=repair.kind, rebuilds=change.rebuilds,
                    rescues=comes_through(made, answer=case.run.delivered),
                )
            )  # fmt: skip
    return Searched(n_run=sum(r.rescues is not None for r in found), claims=tuple(claims))


def as_a_user_makes_it(repair: Repair, change: Change, scene: Scene) -> Scene:
    """The scene with a repair in it, by what the repair itself says wherever it says it all."""
    if change.rebuilds or not (repair.changes or repair.where):
        return change.alter(scene)
    query = scene.question.query
    asked = replace(query, where=(*query.where, *repair.where))
    question = replace(scene.question, query=asked)
    return replace(scene, config=repair.apply(), question=question)


def comes_through(scene: Scene, *, answer: bool) -> bool:
    """The scene through `Pipeline`, its context judged against the labels alone.

    With `answer` what the pipeline answers has to rest on the evidence as well.
    """
    pipeline = Pipeline(
        config=scene.config, space=scene.space, encoder=scene.encoder,
        read_documents=scene.read_documents, query_hash=str, reranker=scene.reranker,
        generator=scene.models.generator(scene.config) if answer else None,
    )  # fmt: skip
    trace = pipeline.run(scene.question.query)
    assert trace.context is not None
    wanted = sorted({s.doc_id for spans in scene.question.evidence for s in spans})
    documents = scene.read_documents(wanted)
    (question,) = pin([scene.question], documents.values()).questions
    held = [
        (p.doc_id, p.start, p.end) for p in trace.context.passages
        if p.doc_id not in documents or documents[p.doc_id].text[p.start : p.end] == p.text
    ]  # fmt: skip
    there = delivered(held, question)
    if trace.answer is None or not there:
        return there
    evidence, expected = Lab().truth(scene).text, question.query.expected_answer
    return grounds_of(trace.answer, trace.context, evidence=evidence, expected=expected).sound


def tally(cases: Sequence[Searched], *, rebuild: bool) -> dict[str, Any]:
    """Of the searched cases: repairs that were run, that were called rescues, and that rescue.

    By kind, those that build the whole index anew apart; and every one that does not rescue.
    """
    claims = [claim for case in cases for claim in case.claims]
    called = Counter((c.rebuilds, c.kind) for c in claims)
    hold = Counter((c.rebuilds, c.kind) for c in claims if c.rescues)
    kinds = [
        {"kind": kind, "rebuilds": rebuilds, "called": called[rebuilds, kind],
         "rescue": hold[rebuilds, kind]}
        for rebuilds in (False, True)
        for kind in sorted(COST, key=lambda k: COST[k])
        if called[rebuilds, kind]
    ]  # fmt: skip
    return {
        "n_cases": len(cases),
        "n_cases_with_one": sum(bool(case.claims) for case in cases),
        "rebuilding_tried": rebuild,
        "run": sum(case.n_run for case in cases),
        "called": sum(not c.rebuilds for c in claims),
        "rescue": sum(c.rescues and not c.rebuilds for c in claims),
        "called_rebuilding": sum(c.rebuilds for c in claims),
        "rescue_rebuilding": sum(c.rescues and c.rebuilds for c in claims),
        "kinds": kinds,
        "do_not_rescue": [f"{c.where}: {c.title}" for c in claims if not c.rescues],
    }
