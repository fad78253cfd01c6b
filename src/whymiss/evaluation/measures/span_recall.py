"""Span recall at k, in characters."""

from __future__ import annotations

from collections.abc import Sequence

from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.measures._score import at
from whymiss.evaluation.measures.characters import best_of, count
from whymiss.records import Score


def span_recall(retrieved: Sequence[Retrieved], question: Question, k: int) -> Score:
    """Required characters that the first k hits hold, divided by all required ones.

    Recall of Chroma's report (see `characters`). Of several alternatives the best value counts.
    Undefined where no span is judged; 0 where nothing was retrieved.

    Raises
    ------
    ConfigError : k is below 1.

    Examples
    --------
    >>> from whymiss.records import Query
    >>> span = EvidenceSpan(doc_id="a", start=0, end=10)
    >>> question = Question(query=Query(query_id="q", text="Refund?"), evidence=((span,),))
    >>> span_recall([("a", 6, 20)], question, 5).value
    0.4
    """

    def value(spans: Sequence[EvidenceSpan]) -> float:
        counts = count(retrieved[:k], spans)
        return counts.hit / counts.required

    return best_of(at("span_recall", k), question, value)
