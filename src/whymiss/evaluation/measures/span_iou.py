"""Span intersection over union at k, in characters."""

from __future__ import annotations

from collections.abc import Sequence

from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.measures._score import at
from whymiss.evaluation.measures.characters import best_of, count
from whymiss.records import Score


def span_iou(retrieved: Sequence[Retrieved], question: Question, k: int) -> Score:
    """Required characters retrieved, divided by those retrieved or required, at k hits.

    IoU of Chroma's report (see `characters`): the divisor is the length of all retrieved spans,
    repeats counted again, plus the required characters that were missed. Of several alternatives
    the best value counts. Undefined where no span is judged; 0 where nothing was retrieved.

    Raises
    ------
    ConfigError : k is below 1.

    Examples
    --------
    4 characters hit, 14 retrieved, 6 missed.

    >>> from whymiss.records import Query
    >>> span = EvidenceSpan(doc_id="a", start=0, end=10)
    >>> question = Question(query=Query(query_id="q", text="Refund?"), evidence=((span,),))
    >>> span_iou([("a", 6, 20)], question, 5).value
    0.2
    """

    def value(spans: Sequence[EvidenceSpan]) -> float:
        counts = count(retrieved[:k], spans)
        return counts.hit / (counts.retrieved + counts.uncovered)

    return best_of(at("span_iou", k), question, value)
