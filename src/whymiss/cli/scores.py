"""Scores as a terminal shows them; an undefined one says so."""

from __future__ import annotations

import math

import pandas as pd

UNDEFINED = "undefined"


def value_text(value: float, unit: str = "share") -> str:
    """A score: three decimals of a share, three digits of anything else.

    >>> value_text(0.5), value_text(1234.5, "tokens"), value_text(0.21, "ms")
    ('0.500', '1234', '0.210')
    >>> value_text(float("nan"))
    'undefined'
    """
    if math.isnan(value):
        return UNDEFINED
    if unit == "share":
        return f"{value:.3f}"
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


def interval_text(low: float, high: float, unit: str = "share") -> str:
    """An interval, or that there is none.

    >>> interval_text(0.25, 0.75), interval_text(float("nan"), float("nan"))
    ('[0.250, 0.750]', 'none')
    """
    if math.isnan(low):
        return "none"
    return f"[{value_text(low, unit)}, {value_text(high, unit)}]"


def signed_text(value: float, unit: str = "share") -> str:
    """A difference, with its sign.

    >>> signed_text(0.25), signed_text(-3.0, "tokens")
    ('+0.250', '-3.00')
    """
    return f"+{value_text(value, unit)}" if value > 0 else value_text(value, unit)


def counted(n: int, what: str) -> str:
    """As in "1 question" or "2 questions".

    >>> counted(1, "question"), counted(0, "question")
    ('1 question', '0 questions')
    """
    return f"{n} {what}{'' if n == 1 else 's'}"


def p_text(p: float) -> str:
    """A p-value; a tiny one as a bound.

    >>> p_text(0.0421), p_text(1e-9)
    ('0.042', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else value_text(p)


def with_texts(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns value, low, high and unit as texts: `value` and `interval`."""
    rows = list(zip(table["value"], table["low"], table["high"], table["unit"], strict=True))
    return table.assign(
        value=[value_text(value, unit) for value, _, _, unit in rows],
        interval=[interval_text(low, high, unit) for _, low, high, unit in rows],
    )
