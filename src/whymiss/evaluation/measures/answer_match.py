"""Answer match: whether the answer is the expected one, word for word."""

from __future__ import annotations

from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures.expected import compare
from whymiss.records import Answer, Score


def answer_match(answer: Answer | None, question: Question) -> Score:
    """1 when answer and expected answer are the same words after normalising, else 0.

    Exact match of SQuAD (see `expected`), without citation markers. Strict: meant for short
    answers. An abstention scores 0 where an answer exists. Undefined without an expected answer.

    Examples
    --------
    >>> from whymiss.records import Query
    >>> query = Query(query_id="q", text="When?", expected_answer="Within ten days")
    >>> answer = Answer(text="Within the ten days. [1]", generator="me")
    >>> answer_match(answer, Question(query=query)).value
    1.0
    """
    return compare("answer_match", answer, question, lambda given, want: float(given == want))
