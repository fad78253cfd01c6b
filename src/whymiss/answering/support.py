"""How far an answer's words stand in its passages: lexical measures that need no judge.

They count words, not meaning. A claim that turns a passage round ("is not refunded") can pass, a
true paraphrase can fail; numbers and codes are held to the letter. Read them as an alarm, not as a
verdict. The pair citation precision and recall follows ALCE (Gao et al. 2023, "Enabling Large
Language Models to Generate Text with Citations"), where an entailment model decides instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from whymiss.answering.claims import Claim, claims
from whymiss.answering.lexical import Rarity, exact_terms, missing_exact, terms
from whymiss.answering.statements import statements
from whymiss.records import Answer, Context, Passage, Score

SUPPORTED: Final = 0.7
"""Share of a claim's weighted words that must stand in a passage for it to be supported."""

CAP: Final = 0.5
"""Most support of a claim with a number or code that the passage lacks; below SUPPORTED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSupport:
    """A claim [start, end) of an answer and the passage that says most of it.

    `support` is from 0 to 1; `passage` is None when no passage shares a word with the claim.
    `missing` are numbers and codes of the claim that this passage does not hold.
    """

    start: int
    end: int
    text: str
    support: float
    passage: int | None
    missing: tuple[str, ...] = ()


def sentence_support(answer: Answer, context: Context) -> tuple[ClaimSupport, ...]:
    """For each claim of the answer, the passage that holds most of its words.

    Support is the share of the claim's words, weighted by their rarity in the context, that stand
    anywhere in one passage; function words are left out, the others stemmed. A number or a code
    that the passage lacks caps it at 0.5. Sentences without such words are no claims. An
    abstention claims nothing.

    Examples
    --------
    >>> passage = Passage(number=1, chunk_ids=("c1",), doc_id="faq", start=0, end=22,
    ...                   text="Refunds take ten days.")
    >>> context = Context(passages=(passage,), dropped=(), text="", n_tokens=0, budget=9)
    >>> answer = Answer(text="A refund takes 14 days [1].", generator="me")
    >>> [(s.support, s.missing) for s in sentence_support(answer, context)]
    [(0.5, ('14',))]
    """
    judge = _Judge(context)
    return tuple(judge.best(claim) for claim in _claims(answer))


def lexical_faithfulness(
    answer: Answer, context: Context, *, threshold: float = SUPPORTED
) -> Score:
    """Share of the answer's claims that some passage supports lexically.

    Undefined for an abstention and for an answer without claims.
    """
    found = sentence_support(answer, context)
    supported = [claim.support >= threshold for claim in found]
    return _share("lexical_faithfulness", supported, answer, "the answer makes no claim")


def citation_precision(answer: Answer, context: Context, *, threshold: float = SUPPORTED) -> Score:
    """Share of the answer's citations whose passage supports the cited claim lexically.

    ALCE also counts a citation as precise when it is needed beside others; here each passage must
    support its claim alone. Undefined for an abstention and without citations.
    """
    judge = _Judge(context)
    found = _claims(answer)
    supported = [
        judge.support(claim, judge.passages(number)) >= threshold
        for claim in found
        for number in _cited(answer, claim)
    ]
    return _share("citation_precision", supported, answer, "the answer cites nothing")


def citation_recall(answer: Answer, context: Context, *, threshold: float = SUPPORTED) -> Score:
    """Share of the answer's claims that the passages they cite support lexically, read together.

    A claim without a citation counts as unsupported. Undefined for an abstention and for an
    answer without claims.
    """
    judge = _Judge(context)
    supported = [
        judge.support(claim, judge.passages(*_cited(answer, claim))) >= threshold
        for claim in _claims(answer)
    ]
    return _share("citation_recall", supported, answer, "the answer makes no claim")


class _Judge:
    """What the passages of one context say, looked at once."""

    def __init__(self, context: Context) -> None:
        self._passages = {passage.number: passage for passage in context.passages}
        self._read = {n: _read(passage) for n, passage in self._passages.items()}
        self._terms = {n: terms(text) for n, text in self._read.items()}
        self._rarity = Rarity(
            [
                terms(passage.text[s.start : s.end])
                for passage in context.passages
                for s in statements(passage.text)
            ]
        )

    def passages(self, *numbers: int) -> list[int]:
        """Those of the numbers that are passages."""
        return [number for number in numbers if number in self._passages]

    def support(self, claim: Claim, numbers: Sequence[int]) -> float:
        """How far these passages, read together, hold the claim's words."""
        given = frozenset(term for number in numbers for term in self._terms[number])
        share = self._rarity.containment(terms(claim.text), given)
        return min(share, CAP) if self.missing(claim, numbers) else share

    def missing(self, claim: Claim, numbers: Iterable[int]) -> tuple[str, ...]:
        """The claim's numbers and codes that these passages do not hold."""
        together = "\n".join(self._read[number] for number in numbers)
        return missing_exact(exact_terms(claim.text), together)

    def best(self, claim: Claim) -> ClaimSupport:
        """The passage that supports the claim most; the first of equals."""
        supports = {number: self.support(claim, [number]) for number in self._passages}
        best = max(supports, key=lambda number: (supports[number], -number), default=None)
        support = supports[best] if best is not None else 0.0
        number = best if support > 0 else None
        return ClaimSupport(
            start=claim.start,
            end=claim.end,
            text=claim.text,
            support=support,
            passage=number,
            missing=self.missing(claim, [] if number is None else [number]),
        )


def _read(passage: Passage) -> str:
    """What a reader of the passage sees, its header included: a claim may rest on the title."""
    return "\n".join((passage.title, *passage.headings, passage.text))


def _claims(answer: Answer) -> list[Claim]:
    return [] if answer.abstained else [c for c in claims(answer.text) if terms(c.text)]


def _cited(answer: Answer, claim: Claim) -> list[int]:
    """Passages cited for a claim: the answer's citations whose text shares characters with it."""
    numbers = (c.passage for c in answer.citations if c.start < claim.end and claim.start < c.end)
    return list(dict.fromkeys(numbers))


def _share(measure: str, outcomes: Sequence[bool], answer: Answer, otherwise: str) -> Score:
    if not outcomes:
        reason = "the answer abstained" if answer.abstained else otherwise
        return Score(measure=measure, value=math.nan, undefined_because=reason)
    return Score(measure=measure, value=sum(outcomes) / len(outcomes))
