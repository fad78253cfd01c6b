"""Span precision at k, in characters."""

from __future__ import annotations

from collections.abc import Sequence

from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.measures._score import at
from whymiss.evaluation.measures.characters import best_of, count
from whymiss.records import Score


def span_precision(retrieved: Sequence[Retrieved], question: Question, k: int) -> Score:
    """Required characters that the first k hits hold, divided by all characters retrieved.

    Precision of Chroma's report (see `characters`): what hits repeat counts again in the divisor,
    and so do hits of other documents. Of several alternatives the best value counts. Undefined
    where no span is judged; 0 where nothing was retrieved.

    Raises
    ------
    ConfigError : k is below 1.

    Examples
    --------
    >>> from whymiss.records import Query
    >>> span = EvidenceSpan(doc_id="a", start=0, end=10)
    >>> question = Question(query=Query(query_id="q", text="Refund?"), evidence=((span,),))
    >>> span_precision([("a", 6, 20), ("b", 0, 6)], question, 5).value
    0.2
    """

    def value(spans: Sequence[EvidenceSpan]) -> float:
        counts = count(retrieved[:k], spans)
        return counts.hit / counts.retrieved if counts.retrieved else 0.0

    return best_of(at("span_precision", k), question, value)
