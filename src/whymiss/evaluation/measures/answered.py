"""Measures of answering, over a whole evaluation: undefined where no answer was written."""

from __future__ import annotations

from collections.abc import Callable

from whymiss.evaluation.measures._score import undefined
from whymiss.records import Answer, Context, Score


def of_answer(
    measure: str,
    score: Callable[[Answer, Context], Score],
    answer: Answer | None,
    context: Context | None,
) -> Score:
    """The score of an answer and its context, or undefined where one of them is missing."""
    if answer is None:
        return undefined(measure, "no answer was written")
    if context is None:
        return undefined(measure, "no context was packed")
    return score(answer, context)
