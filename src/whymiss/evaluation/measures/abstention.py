"""Abstention: whether a question that has no answer is left unanswered."""

from __future__ import annotations

from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures._score import undefined
from whymiss.records import Answer, Score


def abstention(answer: Answer | None, question: Question) -> Score:
    """1 when an unanswerable question is not answered, 0 when it is; 1 is right.

    Its mean over questions is the accuracy on the unanswerable ones. Undefined for a question that
    has an answer (see `wrong_abstention`).

    Examples
    --------
    >>> from whymiss.records import Query
    >>> question = Question(query=Query(query_id="q", text="Fax?", tags=("unanswerable",)))
    >>> abstention(Answer(text="Yes.", generator="me"), question).value
    0.0
    """
    if not question.unanswerable:
        return undefined("abstention", "the question has an answer")
    if answer is None:
        return undefined("abstention", "no answer was written")
    return Score(measure="abstention", value=float(answer.abstained))
