"""Text and numbers as a chart shows them: escaped, wrapped, and undefined said in words."""

from __future__ import annotations

import math
import textwrap
from typing import Any, Final

import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.text import esc

LABEL_WIDTH: Final = 30
HOVER_WIDTH: Final = 70
_LABEL_LINES: Final = 3
_HOVER_LINES: Final = 8


def label(text: object, *, width: int = LABEL_WIDTH, lines: int = _LABEL_LINES) -> str:
    """Any text as a label: plotly's few tags do nothing in it, long lines are wrapped.

    What does not fit in the given lines is cut at a "…"; `hover` shows more of it, and the frame
    behind the chart all.

    >>> label("<a href='x'>R&D</a>")
    "&lt;a href='x'&gt;R&amp;D&lt;/a&gt;"
    >>> label("chunking.size=200 retrieval.mode=hybrid")
    'chunking.size=200<br>retrieval.mode=hybrid'
    """
    return "<br>".join(esc(line) for line in wrapped(text, width=width, lines=lines))


def wrapped(text: object, *, width: int, lines: int) -> list[str]:
    """The lines of a label as plain text.

    >>> wrapped("a <b> of many words", width=8, lines=2)
    ['a <b> of', 'many …']
    """
    # Hyphens do not break: names such as "cross-encoder" read better whole.
    return textwrap.wrap(
        str(text), width, max_lines=lines, placeholder=" …", break_on_hyphens=False
    )


def n_lines(shown: str) -> int:
    """How many lines a label takes.

    >>> n_lines("one<br>two")
    2
    """
    return shown.count("<br>") + 1


def hover(*lines: object) -> str:
    """What is shown under the pointer: each line that says something, wrapped and escaped.

    >>> hover("recall@5", "", "no question has a value")
    'recall@5<br>no question has a value'
    """
    return "<br>".join(
        label(line, width=HOVER_WIDTH, lines=_HOVER_LINES) for line in lines if str(line).strip()
    )


def number(value: float, *, sign: bool = False) -> str:
    """A number with the digits that matter at its size.

    >>> number(0.81249), number(0.125, sign=True), number(41.26), number(1234.5)
    ('0.812', '+0.125', '41.3', '1,234')
    """
    size = abs(value)
    digits = 3 if size < 10 else 1 if size < 1000 else 0
    return f"{value:{'+' if sign else ''},.{digits}f}"


def estimate(value: float, low: float, high: float, *, sign: bool = False) -> str:
    """A value with its interval, or the words that say which of them does not exist.

    >>> estimate(0.8, 0.7, 0.9), estimate(0.8, float("nan"), float("nan"))
    ('0.800 [0.700, 0.900]', '0.800, no interval')
    """
    if pd.isna(value):
        return "undefined"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{number(value, sign=sign)}, no interval"
    return f"{number(value, sign=sign)} [{number(low, sign=sign)}, {number(high, sign=sign)}]"


def counted(n: Any, n_undefined: Any) -> str:
    """How many questions stand behind a value.

    >>> counted(38, 2), counted(40, 0)
    ('n = 38, undefined for 2', 'n = 40')
    """
    return f"n = {n}, undefined for {n_undefined}" if n_undefined else f"n = {n}"


def check_columns(frame: pd.DataFrame, needed: tuple[str, ...], *, who: str) -> None:
    """Refuse a frame that is not what the chart draws.

    Raises
    ------
    InvalidRecordError : a column is missing.

    >>> check_columns(pd.DataFrame({"value": []}), ("value", "low"), who="slice_dots")
    Traceback (most recent call last):
    whymiss.errors.InvalidRecordError: slice_dots needs the columns value, low; 'low' is missing.
    """
    if missing := [name for name in needed if name not in frame.columns]:
        raise InvalidRecordError(
            f"{who} needs the columns {', '.join(needed)}; {missing[0]!r} is missing."
        )
