"""Causes that lie in the question or its label: Q1, Q2, L1."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from whymiss.answering.lexical import Rarity, terms
from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine, unknown
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.text import locate_quote, words

LEAST_TERMS: Final = 4
"""Fewer words than these stand in many places by chance."""

GAP: Final = 0.34
"""A question with less of its weighted words in the evidence's chunk than this is worded apart."""

_ADDED_TERMS: Final = 5


def unanswerable(case: Case) -> Look:
    """Q1: there is no answer to find."""
    question = case.scene.question
    if question.unanswerable:
        said = "the question is labelled as one that the documents do not answer"
        return Look(says=said, deviation=said, definite=True)
    if not question.evidence and not question.documents:
        return unknown("no evidence is known, so whether there is an answer is not known either")
    return fine("evidence is labelled, so there is an answer")


def label_incomplete(case: Case) -> Look:
    """L1: the context holds the same words in another place than the label says."""
    if not case.lost:
        return fine("the labelled evidence was delivered")
    question = case.scene.question
    for spans in question.evidence:
        places = [_elsewhere(case, span) for span in spans]
        if any(place is None for place in places):
            continue
        found = tuple(place for place in places if place is not None)
        if found == spans:
            continue
        where = ", ".join(f"{p.doc_id} {list(p.interval)}" for p in found)
        said = f"the labelled words stand in the context too, at {where}"
        labelled = replace(question, evidence=(*question.evidence, found))
        patch = Patch(
            says=f"{where} accepted as an alternative",
            apply=partial(replace, case.scene, question=labelled),
        )
        return Look(says=said, deviation=said, definite=True, patches=(patch,))
    return fine("no passage of the context holds the labelled words in another place")


def _elsewhere(case: Case, span: EvidenceSpan) -> EvidenceSpan | None:
    """Where the words of a span stand in the context: at the labelled place, or at another."""
    quote = span.quote or ""
    if _delivered(case, span):
        return span
    if len(terms(quote)) < LEAST_TERMS:
        return None
    for passage in case.run.context.passages:
        document = case.scene.document(passage.doc_id)
        if document is None or document.text[passage.start : passage.end] != passage.text:
            continue
        for start, end in locate_quote(passage.text, quote):
            first, last = passage.start + start, passage.start + end
            return EvidenceSpan(doc_id=passage.doc_id, start=first, end=last)
    return None


def _delivered(case: Case, span: EvidenceSpan) -> bool:
    """Whether the context holds a whole span where the label says it is."""
    return span.pinned and any(
        doc_id == span.doc_id and start <= span.interval[0] and span.interval[1] <= end
        for doc_id, start, end in case.context_places
    )


def vocabulary_gap(case: Case) -> Look:
    """Q2: the question is worded unlike the evidence."""
    if not case.lost or not case.gold:
        return fine("the evidence is not missed for its wording")
    asked = terms(case.scene.question.query.text)
    gold = [case.chunks[row] for row in case.gold]
    held = frozenset[str]().union(*(terms(chunk.indexed_text) for chunk in gold))
    rarity = Rarity([terms(chunk.indexed_text) for chunk in case.run.chunks(case.run.ordered)])
    share = rarity.containment(asked, held)
    said = f"the evidence's chunk holds {share:.0%} of the question's words, by weight"
    rare = sorted(held - asked, key=lambda term: (-rarity.weight(term), term))[:_ADDED_TERMS]
    added = _as_written(rare, " ".join(chunk.indexed_text for chunk in gold))
    return Look(
        says=said,
        deviation=said if share < GAP else "",
        patches=(
            Patch(
                says=f"the question with the evidence's own words added ({', '.join(added)})",
                apply=lambda: asked_with(case.scene, " ".join(added)),
            ),
        ),
        numbers={"share_of_words": round(share, 4)},
    )


def _as_written(stems: list[str], text: str) -> list[str]:
    """For each stem the first word of a text that it is the stem of."""
    written: dict[str, str] = {}
    for word in words(text):
        for stem in terms(word):
            written.setdefault(stem, word)
    return list(dict.fromkeys(written.get(stem, stem) for stem in stems))


def asked_with(scene: Scene, more: str) -> Scene:
    """The scene with words added to its question."""
    query = scene.question.query
    return replace(
        scene,
        question=replace(scene.question, query=replace(query, text=f"{query.text} {more}")),
    )


UNANSWERABLE = Cause(code="Q1", name="Unanswerable", stage="parse", look=unanswerable)
LABEL_INCOMPLETE = Cause(code="L1", name="LabelIncomplete", stage="parse", look=label_incomplete)
VOCABULARY_GAP = Cause(code="Q2", name="VocabularyGap", stage="candidates", look=vocabulary_gap)
