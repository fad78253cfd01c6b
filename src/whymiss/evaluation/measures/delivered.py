"""Delivered evidence: whether what was packed for the generator holds the answer."""

from __future__ import annotations

from whymiss.evaluation.judging import delivered, why_unjudged
from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures._score import undefined
from whymiss.records import Context, Score


def delivered_evidence(
    context: Context | None, question: Question, *, theta: float | None = None
) -> Score:
    """1 when the passages of the context hold enough of every required span, else 0.

    Of several alternatives one is enough. Enough is `theta` of a span, counted over the union of
    the passages; by default all of a fact and 0.8 of a passage (see `judging.judge`). Its mean over
    questions is the rate at which the generator was given what it needed.

    Undefined where no span is judged or no context was packed; 0 for an empty context.

    Raises
    ------
    ConfigError : theta is no share.

    Examples
    --------
    >>> from whymiss.evaluation.labels import EvidenceSpan
    >>> from whymiss.records import Query
    >>> span = EvidenceSpan(doc_id="a", start=5, end=15)
    >>> question = Question(query=Query(query_id="q", text="Refund?"), evidence=((span,),))
    >>> empty = Context(passages=(), dropped=(), text="", n_tokens=0, budget=9)
    >>> delivered_evidence(empty, question).value
    0.0
    """
    measure = "delivered_evidence"
    reason = why_unjudged(question) or ("" if context else "no context was packed")
    if reason or context is None:
        return undefined(measure, reason)
    spans = [(passage.doc_id, passage.start, passage.end) for passage in context.passages]
    return Score(measure=measure, value=float(delivered(spans, question, theta=theta)))
