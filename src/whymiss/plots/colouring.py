"""The colour of every point of a map: of the frequent values one each, or a scale of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from whymiss.plots.colours import BLUE, GREEN, INK, SCALE, VERMILLION, on_scale
from whymiss.plots.labels import label, wrapped

PALETTE: Final = (
    BLUE, VERMILLION, GREEN, "#870FF0", "#785A4B", "#F03CFF", "#A587C3", "#C30F87",
)  # fmt: skip
"""Eight hues of at least 3 to 1 on white and on black, found by search: of all such sets that hold
the first three, the one that stays furthest apart to people with and without colour blindness
(OKLab distances under the three simulations of Machado et al. 2009)."""
HOLLOW: Final = "rgba(0,0,0,0)"
"""The fill of a point without a value."""
HOLLOW_SYMBOL: Final = "circle-open"

_NAME_WIDTH: Final = 30
_NAME_LINES: Final = 2

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Points that share a line of the legend.

    value : what they have in common, as plain text; "" for points that the colour bar speaks for.
    rows : which rows of the frame.
    marker : plotly's settings of their marks.
    faint : values that share the grey, to be drawn below the others.
    """

    value: str
    rows: Mask
    marker: Mapping[str, Any]
    faint: bool = False

    @property
    def name(self) -> str:
        """The value, escaped, and how many have it; "" without a value."""
        # The value may be cut, the count not.
        shown = label(self.value, width=_NAME_WIDTH, lines=_NAME_LINES)
        return f"{shown} ({self.rows.sum():,})" if self.value else ""

    @property
    def words(self) -> str:
        """The same as plain text."""
        shown = " ".join(wrapped(self.value, width=_NAME_WIDTH, lines=_NAME_LINES))
        return f"{shown} ({self.rows.sum():,})" if self.value else ""

    @property
    def hollow(self) -> bool:
        """Whether these points have no value."""
        return bool(self.marker.get("symbol") == HOLLOW_SYMBOL)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Colouring:
    """How a column is drawn: every row is in exactly one group.

    fill : the colour of each row, for marks whose outline says something else.
    scale : plotly's colour axis without its title; empty for values that are no numbers.
    """

    groups: tuple[Group, ...]
    fill: npt.NDArray[Any]
    scale: Mapping[str, Any] = field(default_factory=dict)


def is_missing(value: Any) -> bool:
    """Whether a cell of a table holds nothing; a list or a text is something, even an empty one.

    >>> is_missing(None), is_missing(float("nan")), is_missing([None])
    (True, True, False)
    """
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def by_value(values: pd.Series, *, undefined: str, order: Sequence[str] = ()) -> Colouring:
    """The most frequent values in a colour each, all others in grey, missing ones hollow.

    Parameters
    ----------
    values : of any kind; missing ones and empty texts count as missing.
    undefined : what to call a missing value.
    order : values that the legend lists first and in this order; the others follow by count.

    Examples
    --------
    >>> drawn = by_value(pd.Series(["a.md", "b.md", "a.md", None]), undefined="no document")
    >>> [group.name for group in drawn.groups]
    ['no document (1)', 'a.md (2)', 'b.md (1)']
    """
    texts = np.array(["" if is_missing(value) else str(value) for value in values])
    missing = np.array([not text.strip() for text in texts], dtype=np.bool_)
    counts = pd.Series(texts[~missing]).value_counts()
    frequent = sorted(counts.index, key=lambda value: (-counts[value], value))[: len(PALETTE)]
    place = {value: i for i, value in enumerate(order)}
    frequent.sort(key=lambda value: place.get(value, len(place)))
    hues = dict(zip(frequent, PALETTE, strict=False))
    others = np.array([t not in hues for t in texts], dtype=np.bool_) & ~missing
    groups = [_hollow(undefined, missing), _others(len(counts) - len(hues), others)]
    groups += [
        Group(value=value, rows=texts == value, marker={"color": hue})
        for value, hue in hues.items()
    ]
    fill = [HOLLOW if gone else hues.get(t, INK) for t, gone in zip(texts, missing, strict=True)]
    return Colouring(groups=tuple(g for g in groups if g.rows.any()), fill=np.array(fill))


def by_number(values: pd.Series, *, undefined: str, low_first: bool = False) -> Colouring:
    """Numbers on a scale from dark blue to yellow; those that are none are hollow.

    Parameters
    ----------
    values : numbers; NaN, NA and infinity count as missing.
    undefined : what to call a missing value.
    low_first : the lowest is the brightest, as it should be of ranks.

    Examples
    --------
    >>> drawn = by_number(pd.Series([0.25, 0.75, float("nan")]), undefined="undefined")
    >>> drawn.scale["cmin"], drawn.scale["cmax"], drawn.groups[0].name
    (0.25, 0.75, 'undefined (1)')
    """
    numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(numbers)
    fill = np.full(len(numbers), HOLLOW, dtype=object)
    if not known.any():
        return Colouring(groups=(_hollow(undefined, ~known),), fill=fill)
    low, high = float(numbers[known].min()), float(numbers[known].max())
    if low == high:
        room = max(0.5, abs(low) / 100)
        low, high = low - room, high + room
    fill[known] = on_scale(shares(numbers[known], low, high), low_first=low_first)
    marker = {"color": numbers[known], "coloraxis": "coloraxis"}
    groups = (_hollow(undefined, ~known), Group(value="", rows=known, marker=marker))
    return Colouring(
        groups=tuple(g for g in groups if g.rows.any()),
        fill=fill,
        scale={"colorscale": SCALE, "reversescale": low_first, "cmin": low, "cmax": high},
    )


def shares(values: Floats, low: float, high: float) -> Floats:
    """How far up from `low` to `high` values lie, from 0 to 1.

    >>> shares(np.array([2.0, 5.0]), 0.0, 4.0).tolist()
    [0.5, 1.0]
    """
    # Halves, since the difference of two numbers may be too large for one.
    found: Floats = np.clip((values / 2 - low / 2) / (high / 2 - low / 2), 0, 1)
    return found


def _hollow(value: str, rows: Mask) -> Group:
    return Group(value=value, rows=rows, marker={"color": INK, "symbol": HOLLOW_SYMBOL})


def _others(n_values: int, rows: Mask) -> Group:
    noun = "other value" if n_values == 1 else "other values"
    return Group(value=f"{n_values:,} {noun}", rows=rows, marker={"color": INK}, faint=True)
