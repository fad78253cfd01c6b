"""The arithmetic that Chroma's character measures share.

Smith and Troynikov (2024), "Evaluating Chunking Strategies for Retrieval", Chroma Technical
Report. The report speaks of tokens; its published figures are counted in characters of the source
text, white space included, and so are these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from whymiss.evaluation.judging import Retrieved, why_unjudged
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.measures._score import undefined
from whymiss.records import Score
from whymiss.text import Interval, covered_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Characters of one alternative and of what was retrieved for it.

    hit : required characters that were retrieved, each once.
    required : lengths of the required spans, summed.
    uncovered : required characters that were not retrieved, summed over the spans.
    retrieved : lengths of the retrieved spans, summed; overlaps count as often as they occur, and
        so do spans of other documents.
    """

    hit: int
    required: int
    uncovered: int
    retrieved: int


def count(retrieved: Sequence[Retrieved], required: Sequence[EvidenceSpan]) -> Counts:
    """Count the characters of retrieved spans against those required.

    >>> counts = count([("a", 0, 8), ("a", 5, 12)], [EvidenceSpan(doc_id="a", start=6, end=16)])
    >>> counts.hit, counts.required, counts.uncovered, counts.retrieved
    (6, 10, 4, 15)
    """
    wanted = by_document(required)
    given: dict[str, list[Interval]] = {doc_id: [] for doc_id in wanted}
    total = 0
    for doc_id, start, end in retrieved:
        total += end - start
        if doc_id in given:
            given[doc_id].append((start, end))
    return Counts(
        hit=sum(covered_length(spans, given[doc_id]) for doc_id, spans in wanted.items()),
        required=sum(end - start for spans in wanted.values() for start, end in spans),
        uncovered=sum(
            end - start - covered_length([(start, end)], given[doc_id])
            for doc_id, spans in wanted.items()
            for start, end in spans
        ),
        retrieved=total,
    )


def by_document(spans: Sequence[EvidenceSpan]) -> Mapping[str, list[Interval]]:
    """The intervals of each document."""
    grouped: dict[str, list[Interval]] = {}
    for span in spans:
        grouped.setdefault(span.doc_id, []).append(span.interval)
    return grouped


def best_of(
    measure: str, question: Question, value: Callable[[Sequence[EvidenceSpan]], float]
) -> Score:
    """The greatest value that an alternative of the question reaches."""
    reason = why_unjudged(question)
    if reason:
        return undefined(measure, reason)
    return Score(measure=measure, value=max(value(spans) for spans in question.evidence))
