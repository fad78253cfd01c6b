"""An answer beside the expected one, normalised as SQuAD's evaluation does.

Rajpurkar et al. (2016), "SQuAD: 100,000+ Questions for Machine Comprehension of Text".
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Final

from whymiss.answering import claims
from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures._score import undefined
from whymiss.records import Answer, Score

_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_ARTICLE: Final = re.compile(r"\b(?:a|an|the)\b")


def squad_tokens(text: str) -> list[str]:
    """Words in lower case, without ASCII punctuation (joined, not split) and English articles.

    >>> squad_tokens("The phone-line, at €5.50!")
    ['phoneline', 'at', '€550']
    """
    bare = text.lower().translate(_NO_PUNCTUATION)
    return _ARTICLE.sub(" ", bare).split()


def compare(
    measure: str,
    answer: Answer | None,
    question: Question,
    value: Callable[[list[str], list[str]], float],
) -> Score:
    """The value of (given words, expected words); an abstention gives 0 where an answer exists.

    Citation markers are no part of the answer. Undefined without an answer, without an expected
    one, and for an unanswerable question, where `abstention` says what is right.
    """
    expected = squad_tokens(question.query.expected_answer or "")
    if question.unanswerable:
        return undefined(measure, "the question is unanswerable")
    if not expected:
        return undefined(measure, "no answer is expected")
    if answer is None:
        return undefined(measure, "no answer was written")
    given = "" if answer.abstained else " ".join(claim.text for claim in claims(answer.text))
    return Score(measure=measure, value=value(squad_tokens(given), expected))
