"""Rows of values with their intervals: a dot, a bar, and the numbers in words beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from whymiss.plots.labels import hover, label, n_lines
from whymiss.plots.theme import BLUE, EMPTY_AXIS, INK, Figure, axes, figure, go, make_subplots

Floats = npt.NDArray[np.float64]

_WORDS_WIDTH: Final = 42
_LINE: Final = 16
_GAP: Final = 14
_AXIS: Final = 76
_TOP: Final = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the chart. Texts are plain; they are escaped where they are drawn.

    value, low, high : NaN is undefined; an infinite end is no interval either.
    name, count, words : left of the dot, in brackets behind the name, and right of the dot.
    details : shown under the pointer, below the name and the words.
    why : why there is no value, drawn in its place.
    """

    name: str
    value: float
    low: float
    high: float
    words: str
    details: tuple[str, ...] = ()
    why: str = ""
    count: str = ""
    symbol: str = "circle"
    colour: str = BLUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Rows on one axis, top first, with a line at a value that they are read against."""

    axis: str
    rows: tuple[Row, ...]
    line: float | None = None
    line_name: str = ""


def dots(panels: Sequence[Panel], *, title: str) -> Figure:
    """Draw panels below each other, each with an axis of its own.

    Values are arrays as given; a row without a value gets words and no mark.
    """
    heights = [sum(_height(row) for row in panel.rows) for panel in panels]
    gaps = _AXIS * (len(panels) - 1)
    total = sum(heights) + gaps
    drawn = figure(title=title, height=total + _TOP + _AXIS)
    make_subplots(
        rows=len(panels), row_heights=heights, figure=drawn,
        vertical_spacing=_AXIS / total if len(panels) > 1 else 0,
        specs=[[{"secondary_y": True}] for _ in panels],
    )  # fmt: skip
    axes(drawn)
    for at, panel in enumerate(panels, start=1):
        _draw(drawn, at, panel)
    return drawn


def _height(row: Row) -> int:
    return _GAP + _LINE * max(n_lines(_name(row)), n_lines(_words(row)))


def _name(row: Row) -> str:
    # The name may be cut, the count not.
    return label(row.name) + (f" ({label(row.count)})" if row.count else "")


def _words(row: Row) -> str:
    return label(row.words, width=_WORDS_WIDTH)


def _centres(rows: Sequence[Row]) -> Floats:
    """Where each row lies, in pixels below the top of the panel."""
    heights = np.array([_height(row) for row in rows], dtype=np.float64)
    middles: Floats = heights.cumsum() - heights / 2
    return middles


def _draw(drawn: Figure, at: int, panel: Panel) -> None:
    rows, y = panel.rows, _centres(panel.rows)
    values, low, high = (
        np.array([getattr(row, name) for row in rows], dtype=np.float64)
        for name in ("value", "low", "high")
    )
    bounded = np.isfinite(low) & np.isfinite(high)
    marks = go.Scatter(
        x=values, y=y, mode="markers", cliponaxis=False,
        marker={"size": 11, "symbol": np.array([row.symbol for row in rows]),
                "color": np.array([row.colour for row in rows]),
                "line": {"width": 2, "color": np.array([row.colour for row in rows])}},
        error_x={"array": np.where(bounded, high - values, np.nan),
                 "arrayminus": np.where(bounded, values - low, np.nan),
                 "symmetric": False, "color": INK, "thickness": 2, "width": 5},
        hovertext=np.array([hover(row.name, row.words, *row.details) for row in rows]),
        hoverinfo="text",
    )  # fmt: skip
    drawn.add_trace(marks, row=at, col=1)
    # An axis is drawn only where a trace uses it; this one carries the words on the right.
    drawn.add_trace(
        go.Scatter(x=np.array([np.nan]), y=np.array([np.nan]), hoverinfo="skip"),
        row=at, col=1, secondary_y=True,
    )  # fmt: skip
    _label_rows(drawn, at, panel, y)
    _explain_gaps(drawn, at, panel, y)
    if panel.line is not None:
        drawn.add_vline(
            x=panel.line, row=at, col=1, line={"color": INK, "width": 1.5, "dash": "dash"},
            annotation={"text": label(panel.line_name), "font": {"size": 11}, "yanchor": "bottom",
                        "y": 1, "xanchor": "center"},
        )  # fmt: skip


def _label_rows(drawn: Figure, at: int, panel: Panel, y: Floats) -> None:
    bottom = float(sum(_height(row) for row in panel.rows))
    shared = {"range": [bottom, 0.0], "tickvals": y, "fixedrange": True}
    names = np.array([_name(row) for row in panel.rows])
    words = np.array([_words(row) for row in panel.rows])
    drawn.update_yaxes(**shared, ticktext=names, row=at, col=1, secondary_y=False)
    drawn.update_yaxes(**shared, ticktext=words, showgrid=False, row=at, col=1, secondary_y=True)
    empty = EMPTY_AXIS if all(np.isnan(row.value) for row in panel.rows) else {}
    drawn.update_xaxes(title={"text": label(panel.axis, width=80)}, **empty, row=at, col=1)


def _explain_gaps(drawn: Figure, at: int, panel: Panel, y: Floats) -> None:
    for row, place in zip(panel.rows, y, strict=True):
        if np.isnan(row.value):
            drawn.add_annotation(
                text=label(row.why or "the table does not say why", width=60, lines=1),
                hovertext=hover(row.name, row.words, row.why, *row.details),
                x=0.01, xanchor="left", xref=f"x{at if at > 1 else ''} domain",
                y=place, yref=f"y{2 * at - 1 if at > 1 else ''}",
                yanchor="bottom", showarrow=False, font={"color": INK, "size": 11},
            )  # fmt: skip
