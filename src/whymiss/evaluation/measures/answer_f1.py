"""Answer F1: words shared by the answer and the expected one."""

from __future__ import annotations

from collections import Counter

from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures.expected import compare
from whymiss.records import Answer, Score


def answer_f1(answer: Answer | None, question: Question) -> Score:
    """Harmonic mean of precision and recall over the words of the two answers, from 0 to 1.

    Token F1 of SQuAD (see `expected`), without citation markers; a word counts as often as both
    have it. Long correct answers score low beside a short expected one: compare configurations by
    it, do not read it as a rate. An abstention scores 0 where an answer exists. Undefined without
    an expected answer.

    Examples
    --------
    Words within, ten, business, days against within, ten, days: precision 3/4, recall 1.

    >>> from whymiss.records import Query
    >>> query = Query(query_id="q", text="When?", expected_answer="Within ten days")
    >>> answer = Answer(text="Within ten business days [1].", generator="me")
    >>> round(answer_f1(answer, Question(query=query)).value, 4)
    0.8571
    """
    return compare("answer_f1", answer, question, token_f1)


def token_f1(given: list[str], expected: list[str]) -> float:
    """F1 of two bags of words; 0 when they share none.

    >>> token_f1(["ten", "days"], ["ten", "ten"])
    0.5
    """
    shared = (Counter(given) & Counter(expected)).total()
    return 2 * shared / (len(given) + len(expected)) if shared else 0.0
