"""Causes in the context: C1 budget, C2 position, C3 distractors, C4 evidence spread."""

from __future__ import annotations

from dataclasses import replace

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine
from whymiss.diagnosis.scene import Scene
from whymiss.text import counted

_NO_BUDGET = 2**31 - 1


def over_budget(case: Case) -> Look:
    """C1: the evidence was selected, and did not fit."""
    if case.run.lost_at != "pack":
        return fine(
            f"{case.run.context.n_tokens} of {case.run.context.budget} tokens are used, and no "
            "evidence was left out"
        )
    gold = {case.chunks[row].chunk_id for row in case.gold}
    dropped = [(c, why) for c, why in case.run.context.dropped if c in gold]
    reasons = sorted({why for _, why in dropped})
    said = (f"left out of the context: {counted(len(dropped), 'chunk')} with evidence "
            f"({', '.join(reasons)}) at a budget of {case.run.context.budget} tokens")  # fmt: skip
    return Look(
        says=said, deviation=said, definite="over budget" in reasons,
        patches=(
            Patch(says="no limit to the context",
                  apply=lambda: case.scene.configured({"context.token_budget": _NO_BUDGET})),
            Patch(says="no limit to the context, and repeats kept",
                  apply=lambda: case.scene.configured({"context.token_budget": _NO_BUDGET,
                                                       "context.deduplicate": False})),
        ),
        numbers={"left_out": len(dropped), "budget": case.run.context.budget},
    )  # fmt: skip


def position(case: Case) -> Look:
    """C2: the reader misses the evidence because of where it stands."""
    places = _passage_numbers(case)
    if case.lost or not places or not _wrong(case):
        return fine("the answer is not wrong for the place of the evidence")
    total = len(case.run.context.passages)
    said = f"the evidence is in passage {min(places)} of {total}"
    ordered = case.scene.config.context.order != "rank"
    return Look(
        says=said,
        deviation=f"{said}, the order is {case.scene.config.context.order!r}" if min(places) > 1
        else "",
        definite=ordered and min(places) > 1,
        patches=(Patch(says="the same passages, the evidence first",
                       apply=lambda: gold_first(case)),) if min(places) > 1 else (),
        numbers={"passage": min(places), "passages": total},
    )  # fmt: skip


def distractors(case: Case) -> Look:
    """C3: the reader is led away by the other passages."""
    if case.lost or not _wrong(case):
        return fine("the answer is not wrong for what stands beside the evidence")
    others = len(case.run.context.passages) - len(_passage_numbers(case))
    if not others:
        return fine("the context holds nothing but the evidence")
    said = f"beside the evidence the context has {counted(others, 'other passage')}"
    return Look(
        says=said, deviation=said,
        patches=(Patch(says="the evidence alone", apply=lambda: gold_only(case)),),
        numbers={"other_passages": others},
    )  # fmt: skip


def spread(case: Case) -> Look:
    """C4: of several spans that are all needed only some were delivered."""
    if not case.lost or len(case.evidence) < 2 or not case.run.truth.holds:
        return fine("the evidence is not spread over several spans")
    context = case.context_places
    held = [
        s
        for s in case.evidence
        if any(d == s.doc_id and a <= s.interval[0] and s.interval[1] <= b for d, a, b in context)
    ]
    if not held or len(held) == len(case.evidence):
        return fine(f"{len(held)} of {len(case.evidence)} spans were delivered")
    said = f"{len(held)} of {len(case.evidence)} spans were delivered"
    selected = case.run.stages["select"].rows.tolist()
    missing = [row for row in case.gold if row not in selected]
    return Look(
        says=said, deviation=said,
        patches=(Patch(says="the chunks with the other spans selected too",
                       apply=lambda: replace(case.scene, chosen=(*selected, *missing))),),
        numbers={"delivered_spans": len(held), "spans": len(case.evidence)},
    )  # fmt: skip


def _wrong(case: Case) -> bool:
    grounds = case.run.grounds
    return grounds is not None and not grounds.says


def _passage_numbers(case: Case) -> list[int]:
    return [p.number for p in case.run.context.passages
            if case.run.truth.touches((p.doc_id, p.start, p.end))]  # fmt: skip


def _in_context(case: Case) -> tuple[list[int], list[int]]:
    """Rows of the context, those with evidence and the others, best first."""
    gold = set(case.gold)
    row_of = case.scene.space.snapshot.row_of
    packed = {row_of[chunk_id] for chunk_id in case.run.context.chunk_ids}
    rows = [row for row in _selected(case) if row in packed]
    return [row for row in rows if row in gold], [row for row in rows if row not in gold]


def _selected(case: Case) -> list[int]:
    if case.scene.chosen is not None:
        return list(case.scene.chosen)
    return [int(row) for row in case.run.stages["select"].rows]


def gold_first(case: Case) -> Scene:
    """The same passages, those with evidence in front."""
    gold, others = _in_context(case)
    scene = case.scene.configured({"context.order": "rank"})
    return replace(scene, chosen=(*gold, *others))


def gold_only(case: Case) -> Scene:
    """The passages with evidence alone."""
    gold, _ = _in_context(case)
    return replace(case.scene, chosen=tuple(gold))


OVER_BUDGET = Cause(code="C1", name="ContextOverBudget", stage="pack", look=over_budget)
POSITION = Cause(code="C2", name="LostInTheContext", stage="pack", look=position)
DISTRACTORS = Cause(code="C3", name="Distractors", stage="answer", look=distractors)
SPREAD = Cause(code="C4", name="EvidenceSpread", stage="select", look=spread)
