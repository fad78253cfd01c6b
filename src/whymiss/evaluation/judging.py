"""How far a list of retrieved spans holds the evidence of a question.

The unit of judgement is the source span. A hit is credited with the share of a required span that
it covers and no earlier hit did, so that repeats and overlaps add nothing the second time. White
space needs no covering where the label's text is known (after `labels.pin`): chunkers leave out
white space between chunks, and no reader misses it.

Whole documents are judged by the same arithmetic: each relevant document is one required item,
held by the first hit that comes from it. So every rank measure exists once and serves both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.judgement import Alternative, Find, Judgement, Required
from whymiss.evaluation.labels import EvidenceSpan, Question

Retrieved = tuple[str, int, int]
"""A retrieved span: doc_id and its characters [start, end)."""

FACT_CHARACTERS: Final = 200
"""Up to this length a required span is a fact, every character of which counts."""

PASSAGE_THETA: Final = 0.8
"""Share of a longer required span, a passage, that must be there for it to be delivered."""


def judge(
    retrieved: Sequence[Retrieved], question: Question, *, theta: float | None = None
) -> Judgement:
    """Judge retrieved spans, best first, against the question's evidence.

    Parameters
    ----------
    retrieved : (doc_id, start, end) of each hit; ranks count from 1. They may overlap and repeat.
    theta : share of a required span, above 0 and at most 1, that must be seen for it to count as
        found. By default 1.0 for a fact (at most 200 characters) and 0.8 for a passage.

    Returns
    -------
    Judgement
        Undefined, with the reason, for a question without evidence or with a quote not pinned.

    Examples
    --------
    The first hit holds 6 of 10 characters; the second 2 of the same and the other 4.

    >>> from whymiss.records import Query
    >>> span = EvidenceSpan(doc_id="faq.md", start=10, end=20)
    >>> question = Question(query=Query(query_id="q1", text="Refund?"), evidence=((span,),))
    >>> judged = judge([("faq.md", 0, 16), ("faq.md", 14, 30)], question)
    >>> [(find.rank, find.gained) for find in judged.best().finds], judged.first_found()
    ([(1, 6), (2, 4)], 2)
    """
    return SpanJudge(question, theta=theta).judge(retrieved)


class SpanJudge:
    """Judges ranking after ranking for one question; what its labels ask for is found out once."""

    def __init__(self, question: Question, *, theta: float | None = None) -> None:
        check_theta(theta)
        self._reason = why_unjudged(question)
        labels = () if self._reason else question.evidence
        self._wanted = tuple(_wanted(spans, theta) for spans in labels)

    def judge(self, retrieved: Sequence[Retrieved]) -> Judgement:
        """As `judge`."""
        return Judgement(
            unit="span",
            n_retrieved=len(retrieved),
            alternatives=tuple(_judge_spans(retrieved, wanted) for wanted in self._wanted),
            undefined_because=self._reason,
        )


def judge_documents(doc_ids: Iterable[str], question: Question) -> Judgement:
    """Judge the documents that hits come from, best hit first.

    A document counts at its best rank, and ranks count different documents: a second hit from the
    same one takes no place.

    Examples
    --------
    >>> from whymiss.records import Query
    >>> query = Query(query_id="q1", text="Refund?")
    >>> judged = judge_documents(["a", "a", "b"], Question(query=query, documents=["b"]))
    >>> judged.first_found(), judged.n_retrieved
    (2, 2)
    """
    ranks = {doc_id: rank for rank, doc_id in enumerate(dict.fromkeys(doc_ids), start=1)}
    relevant = question.relevant_documents()
    return Judgement(
        unit="document",
        n_retrieved=len(ranks),
        alternatives=tuple(
            Alternative(
                required=tuple(Required(1, 1, grade) for grade in grades.values()),
                finds=tuple(
                    sorted(
                        Find(ranks[doc_id], item, 1)
                        for item, doc_id in enumerate(grades)
                        if doc_id in ranks
                    )
                ),
            )
            for grades in relevant
        ),
        undefined_because="" if relevant else _why_no_document(question),
    )


def delivered(
    spans: Sequence[Retrieved], question: Question, *, theta: float | None = None
) -> bool:
    """Whether the union of the spans holds enough of every required span of one alternative.

    `theta` as for `judge`: by default all of a fact, 0.8 of a passage.

    Raises
    ------
    InvalidRecordError : the question has no evidence, or a quote is not pinned.

    >>> from whymiss.records import Query
    >>> spans = tuple(EvidenceSpan(doc_id="faq.md", start=s, end=s + 10) for s in (0, 50))
    >>> question = Question(query=Query(query_id="q1", text="Refund?"), evidence=(spans,))
    >>> delivered([("faq.md", 0, 55)], question), delivered([("faq.md", 0, 60)], question)
    (False, True)
    """
    judgement = judge(spans, question, theta=theta)
    if judgement.undefined_because:
        raise InvalidRecordError(
            f"Question {question.query_id!r} cannot be judged: {judgement.undefined_because}."
        )
    return judgement.complete


def why_unjudged(question: Question) -> str:
    """Why retrieved spans cannot be judged for this question; empty when they can."""
    if question.unanswerable:
        return "the question is unanswerable"
    if not question.evidence:
        return "no span is judged, only documents" if question.documents else "nothing is judged"
    for spans in question.evidence:
        for span in spans:
            if not span.pinned:
                # Judging by the other alternatives would call a found one missed.
                return f"a quote of {span.doc_id!r} is not pinned"
    return ""


def _why_no_document(question: Question) -> str:
    if question.unanswerable:
        return "the question is unanswerable"
    return "no judged document is relevant" if question.documents else "nothing is judged"


def check_theta(theta: float | None) -> None:
    """Refuse a share that is not above 0 and at most 1.

    Raises
    ------
    ConfigError : it is not.
    """
    if theta is not None and not 0 < theta <= 1:
        raise ConfigError(f"theta is a share above 0 and at most 1; got {theta}.")


# The characters of a required span are the bits of one whole number: the union of hits, and what
# one of them adds to it, are then single operations, exact for any overlap.


class _Wanted(NamedTuple):
    """One alternative: its items, their characters as bits, and where they stand by document."""

    required: tuple[Required, ...]
    bits: tuple[int, ...]
    places: dict[str, list[tuple[int, int, int]]]


def _wanted(spans: Sequence[EvidenceSpan], theta: float | None) -> _Wanted:
    bits = tuple(_visible(span) for span in spans)
    required = tuple(_required(span, some, theta) for span, some in zip(spans, bits, strict=True))
    places: dict[str, list[tuple[int, int, int]]] = {}
    for item, span in enumerate(spans):
        places.setdefault(span.doc_id, []).append((item, *span.interval))
    return _Wanted(required, bits, places)


def _judge_spans(retrieved: Sequence[Retrieved], wanted: _Wanted) -> Alternative:
    missing = list(wanted.bits)
    finds: list[Find] = []
    for rank, (doc_id, start, end) in enumerate(retrieved, start=1):
        for item, first, last in wanted.places.get(doc_id, ()):
            low, high = max(start, first), min(end, last)
            if low < high:
                gained = missing[item] & (((1 << (high - low)) - 1) << (low - first))
                if gained:
                    missing[item] ^= gained
                    finds.append(Find(rank, item, gained.bit_count()))
    return Alternative(required=wanted.required, finds=tuple(finds))


def _required(span: EvidenceSpan, bits: int, theta: float | None) -> Required:
    start, end = span.interval
    size = bits.bit_count()
    if theta is None:
        theta = 1.0 if end - start <= FACT_CHARACTERS else PASSAGE_THETA
    # Less a hair: 0.8 * 5 must not ask for more than 4 characters because of binary fractions.
    return Required(size, math.ceil(theta * size - 1e-9), span.grade)


def _visible(span: EvidenceSpan) -> int:
    """The span's characters that count, as bits, the first one lowest."""
    start, end = span.interval
    if span.quote is None or len(span.quote) != end - start:
        return (1 << (end - start)) - 1
    return _visible_bits(span.quote)


@lru_cache(maxsize=16384)
def _visible_bits(text: str) -> int:
    return int("".join("0" if c.isspace() else "1" for c in reversed(text)), 2)
