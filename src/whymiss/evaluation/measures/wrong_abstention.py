"""Wrong abstention: whether a question that has an answer is left unanswered."""

from __future__ import annotations

from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures._score import undefined
from whymiss.records import Answer, Score


def wrong_abstention(answer: Answer | None, question: Question) -> Score:
    """1 when a question that has an answer is not answered, 0 when it is; 0 is right.

    An abstention counts as wrong even where the evidence was not delivered: compare with
    `delivered_evidence` to see who is to blame. Undefined for an unanswerable question and for one
    without labels, which may have no answer.

    Examples
    --------
    >>> from whymiss.records import Query
    >>> question = Question(query=Query(query_id="q", text="Fax?"), documents=["faq.md"])
    >>> wrong_abstention(Answer(text="", abstained=True, generator="me"), question).value
    1.0
    """
    measure = "wrong_abstention"
    if question.unanswerable:
        return undefined(measure, "the question is unanswerable")
    if not question.relevant_documents() and not question.query.expected_answer:
        return undefined(measure, "nothing is judged")
    if answer is None:
        return undefined(measure, "no answer was written")
    return Score(measure=measure, value=float(answer.abstained))
