"""Causes in the answer itself, looked at once the evidence was delivered: G1 to G5, and X1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from whymiss.answering import sentence_support
from whymiss.answering.support import SUPPORTED
from whymiss.diagnosis.case import Case, UnprobedError
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine, unknown
from whymiss.diagnosis.causes.packing import gold_only
from whymiss.diagnosis.generators import edited
from whymiss.diagnosis.grounds import Grounds
from whymiss.diagnosis.lab import Lab
from whymiss.records import Answer, Citation, Context, Passage
from whymiss.text import counted


def context_ignored(case: Case) -> Look:
    """G1: even with nothing but the evidence to read, the answer does not rest on it."""
    return _of_answer(case, _ignored)


def _ignored(case: Case, grounds: Grounds) -> Look:
    if grounds.says or grounds.abstained:
        return fine("the answer repeats the evidence" if grounds.says else "the answer abstains")
    alone = case.probe(gold_only(case))
    still = alone.grounds is not None and not alone.grounds.says
    said = ("with the evidence alone to read, the answer still does not rest on it" if still
            else "with the evidence alone to read, the answer rests on it")  # fmt: skip
    return Look(
        says=said, deviation=said if still else "", definite=still and bool(grounds.unsupported),
        patches=_quoting(case) if still else (),
    )  # fmt: skip


def unsupported_claim(case: Case) -> Look:
    """G2: beside the evidence the answer says what no passage says."""
    return _of_answer(case, _unsupported)


def _unsupported(case: Case, grounds: Grounds) -> Look:
    if not grounds.says or not grounds.unsupported:
        return fine("every claim of the answer is supported, or none rests on the evidence")
    n = len(grounds.unsupported)
    said = f"{counted(n, 'claim stands', 'claims stand')} in no passage: {grounds.unsupported[0]!r}"
    return Look(says=said, deviation=said, definite=True, patches=(
        Patch(says="the answer without its unsupported claims",
              apply=lambda: edited(case.scene, _without_unsupported)),
    ), numbers={"unsupported": len(grounds.unsupported)})  # fmt: skip


def wrong_citation(case: Case) -> Look:
    """G3: the answer repeats the evidence and cites another passage, or none."""
    return _of_answer(case, _miscited)


def _miscited(case: Case, grounds: Grounds) -> Look:
    if not grounds.miscited:
        return fine("what repeats the evidence cites a passage that supports it")
    n = len(grounds.miscited)
    said = f"{counted(n, 'claim cites', 'claims cite')} no passage that supports it"
    return Look(says=said, deviation=said, definite=True, patches=(
        Patch(says="each claim cited to the passage that supports it most",
              apply=lambda: edited(case.scene, _cited_again)),
    ), numbers={"miscited": len(grounds.miscited)})  # fmt: skip


def incomplete(case: Case) -> Look:
    """G4: of several spans that are all needed the answer repeats only some."""
    return _of_answer(case, _some_only)


def _some_only(case: Case, grounds: Grounds) -> Look:
    if len(case.evidence) < 2 or not grounds.says:
        return fine("the evidence is one span, or the answer repeats none")
    return unknown(
        f"the evidence is {len(case.evidence)} spans; whether the answer needs all of them cannot "
        "be told by its words"
    )


def wrongly_abstained(case: Case) -> Look:
    """G5: the answer abstains although the evidence is there."""
    return _of_answer(case, _abstained)


def _abstained(case: Case, grounds: Grounds) -> Look:
    if not grounds.abstained:
        return fine("the answer does not abstain")
    reason = case.run.answer.reason if case.run.answer is not None else ""
    said = f"the evidence was delivered, and the answer abstains{f' ({reason})' if reason else ''}"
    lenient = Patch(
        says="no threshold for answering",
        apply=lambda: case.scene.configured({"answer.min_support": 0.0}),
    )
    return Look(says=said, deviation=said, definite=True, patches=(lenient, *_quoting(case)))


def not_reproducible(case: Case) -> Look:
    """X1: the same question gives other candidates, another context or another answer."""
    if not case.probes:
        raise UnprobedError
    again = Lab().run(case.scene, answer_always=case.run.answer is not None)
    same = all(
        np.array_equal(found.rows, again.stages[stage].rows)
        for stage, found in case.run.stages.items()
    )
    said_again = again.answer.text if again.answer is not None else None
    alike = case.run.answer is None or case.run.answer.text == said_again
    if same and alike:
        return fine("run again, it gave the same candidates, context and answer")
    said = "run again, it gave " + ("other candidates" if not same else "another answer")
    return Look(says=said, deviation=said, definite=True)


def _of_answer(case: Case, look: Callable[[Case, Grounds], Look]) -> Look:
    if case.lost:
        return unknown("the evidence was not delivered, so the answer cannot be blamed")
    if case.run.grounds is None:
        return unknown("nothing was answered")
    return look(case, case.run.grounds)


def _quoting(case: Case) -> tuple[Patch, ...]:
    """The evidence quoted word for word in place of the answer: what a perfect reader would do."""
    truth = case.run.truth

    def quote(_: Answer, context: Context) -> Answer:
        found = [p for p in context.passages if truth.touches((p.doc_id, p.start, p.end))]
        text, citations = "", []
        for passage in found:
            said = _evidence_in(case, passage)
            citations.append(_citation(len(text), len(text) + len(said), passage))
            text += f"{said} [{passage.number}]\n"
        return Answer(text=text.strip(), citations=tuple(citations), generator="quoted evidence")

    return (
        Patch(says="the evidence quoted as the answer", apply=lambda: edited(case.scene, quote)),
    )


def _evidence_in(case: Case, passage: Passage) -> str:
    parts = [
        passage.text[max(0, s.interval[0] - passage.start) : s.interval[1] - passage.start]
        for s in case.evidence
        if s.doc_id == passage.doc_id and s.interval[0] < passage.end
        and passage.start < s.interval[1]
    ]  # fmt: skip
    return " ".join(dict.fromkeys(" ".join(part.split()) for part in parts))


def _citation(start: int, end: int, passage: Passage) -> Citation:
    return Citation(
        start=start, end=end, passage=passage.number,
        chunk_id=passage.chunk_ids[0], doc_id=passage.doc_id,
    )  # fmt: skip


def _without_unsupported(answer: Answer, context: Context) -> Answer:
    text, citations = "", []
    for claim in sentence_support(answer, context):
        if claim.support < SUPPORTED:
            continue
        said = answer.text[claim.start : claim.end]
        own = [c for c in answer.citations if c.start < claim.end and claim.start < c.end]
        citations += [replace(c, start=len(text), end=len(text) + len(said)) for c in own]
        marks = "".join(f" [{c.passage}]" for c in own if f"[{c.passage}]" not in said)
        text += f"{said}{marks}\n"
    return replace(answer, text=text.strip(), citations=tuple(citations))


def _cited_again(answer: Answer, context: Context) -> Answer:
    passages = {passage.number: passage for passage in context.passages}
    citations = tuple(
        _citation(claim.start, claim.end, passages[claim.passage])
        for claim in sentence_support(answer, context)
        if claim.passage is not None
    )
    return replace(answer, citations=citations)


CONTEXT_IGNORED = Cause(code="G1", name="ContextIgnored", stage="answer", look=context_ignored)
UNSUPPORTED = Cause(code="G2", name="UnsupportedClaim", stage="answer", look=unsupported_claim)
WRONG_CITATION = Cause(code="G3", name="WrongCitation", stage="answer", look=wrong_citation)
INCOMPLETE = Cause(code="G4", name="IncompleteAnswer", stage="answer", look=incomplete)
ABSTAINED = Cause(code="G5", name="WronglyAbstained", stage="answer", look=wrongly_abstained)
NOT_REPRODUCIBLE = Cause(code="X1", name="NotReproducible", stage="answer", look=not_reproducible)
