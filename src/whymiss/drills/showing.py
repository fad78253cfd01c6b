"""What is seen of a drill, as text and as HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from whymiss.drills.grading import MOST_POINTS, Grade
from whymiss.pages.markup import IN_NOTEBOOK, Markup, foreign, join, table, tag

_WIDTH: Final = 100
_WORDS: Final = {True: "right", False: "wrong", None: "not said"}
_FIXED: Final = {0.0: "wrong", 0.5: "right, by half", 1.0: "right", None: "not said"}

Pairs = Sequence[tuple[str, str]]


def two_texts(facts: Pairs, probes: Pairs) -> str:
    """What is known, then something of probes, each as two columns."""
    return "\n".join([*_aligned(facts), "", *_aligned(probes)])


def two_tables(facts: Pairs, probes: Pairs, *, captions: tuple[str, str], tells: str) -> Markup:
    """The same as two tables; `tells` heads what is said of each probe."""
    known = [(name, foreign(value)) for name, value in facts]
    named = [(tag("code", name), says) for name, says in probes]
    return _shown(
        table(captions[0], ("what", "is"), known, style=IN_NOTEBOOK),
        table(captions[1], ("probe", tells), named, style=IN_NOTEBOOK),
    )


def marked_text(grade: Grade, points: float, left: int) -> str:
    """A graded hand-in in a few lines."""
    return "\n".join([*grade.feedback, _standing(points, left)])


def marked_html(grade: Grade, points: float, left: int) -> Markup:
    """The same as a table and sentences."""
    parts = (("stage", _WORDS[grade.stage]), ("cause", _WORDS[grade.cause]),
             ("fix", _FIXED[grade.fix]))  # fmt: skip
    return _shown(
        table("Handed in", ("part", "is"), parts, style=IN_NOTEBOOK),
        *(tag("p", foreign(sentence)) for sentence in grade.feedback),
        tag("p", _standing(points, left)),
    )


def _standing(points: float, left: int) -> str:
    return f"{points:g} of {MOST_POINTS} points; hand-ins left: {left}"


def _aligned(pairs: Pairs) -> list[str]:
    wide = max(len(name) for name, _ in pairs) + 2
    return [
        line
        for name, value in pairs
        for line in textwrap.wrap(
            value, _WIDTH, initial_indent=f"{name:<{wide}}", subsequent_indent=" " * wide
        )
    ]


def _shown(*pieces: Markup) -> Markup:
    # MathJax leaves this class alone, so that a price in dollars is no formula.
    return tag("div", join(pieces), class_="mathjax_ignore")
