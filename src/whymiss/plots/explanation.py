"""A chart of an explanation: which parts of a score favour which of two chunks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.plots.labels import check_columns, hover, label, n_lines, number
from whymiss.plots.theme import BLUE, INK, VERMILLION, Figure, axes, figure, go, nothing
from whymiss.text import counted

Row = Mapping[Hashable, Any]

_NEEDED: Final = ("stage", "view", "kind", "part", "chunk", "against", "difference")
_LINE: Final = 16
_GAP: Final = 12
_FRAME: Final = 132
_BAR: Final = 18


def margin_bars(frame: pd.DataFrame, *, stage: str, view: str | None = None, n: int = 12) -> Figure:
    """What each part of a score adds to the margin between two chunks.

    Bars to the right favour the chunk, those to the left the other. The `n` parts that differ most
    have a bar each, all others one together; the bars sum to the margin.

    Parameters
    ----------
    frame : one row per part, as `Explanation.frame` gives it.
    stage, view : which score, and how it is taken apart; by default the stage's first view.
    n : bars of single parts, at most.

    Raises
    ------
    InvalidRecordError : a column is missing, or the frame has no such stage or view.

    Examples
    --------
    >>> frame = pd.DataFrame({
    ...     "stage": "bm25", "view": "terms", "kind": ["part", "part", "residual"],
    ...     "part": ["annual", "plan", ""], "chunk": [2.0, 0.0, 0.0], "against": [0.0, 1.5, 0.0],
    ...     "difference": [2.0, -1.5, 0.0]})
    >>> margin_bars(frame, stage="bm25").data[0].x.tolist()
    [2.0, -1.5]
    """
    check_columns(frame, _NEEDED, who="margin_bars")
    rows, view = _chosen(frame, stage, view)
    margin = float(rows["difference"].sum())
    title = f"What parts the scores of {stage}, by {view}: margin {number(margin, sign=True)}"
    parts = rows[rows["kind"] == "part"]
    parts = parts.iloc[np.argsort(-parts["difference"].abs().to_numpy(), kind="stable")]
    if not len(parts):
        return nothing("This score has no parts.", title=title)
    shown: list[Row] = list(parts.head(n).to_dict(orient="records"))
    names = [label(row["part"], lines=1) for row in shown]
    said = [_hover(row) for row in shown]
    values = [float(row["difference"]) for row in shown]
    if len(parts) > n:
        others = parts.iloc[n:]
        values.append(float(others["difference"].sum()))
        names.append(label(f"{counted(len(others), 'other')} together"))
        said.append(hover(f"{len(others)} others add {number(values[-1], sign=True)}"))
    return _drawn(np.array(values), names, said, title=title, first_alone=len(shown))


def _chosen(frame: pd.DataFrame, stage: str, view: str | None) -> tuple[pd.DataFrame, str]:
    rows = frame[frame["stage"] == stage]
    if view is None and len(rows):
        view = str(rows["view"].iloc[0])
    rows = rows[rows["view"] == view]
    if not len(rows):
        pairs = frame[["stage", "view"]].drop_duplicates().itertuples(index=False, name=None)
        known = ", ".join(f"{s} {v!r}" for s, v in pairs)
        wanted = f"{stage!r}" if view is None else f"{stage!r}, {view!r}"
        raise InvalidRecordError(f"margin_bars finds no {wanted} in the frame; it has {known}.")
    return rows, str(view)


def _drawn(
    values: Any, names: list[str], said: list[str], *, title: str, first_alone: int
) -> Figure:
    heights = np.array([_GAP + _LINE * n_lines(name) for name in names], dtype=np.float64)
    total = float(heights.sum())
    places = heights.cumsum() - heights / 2
    words = np.array([number(value, sign=True) for value in values])
    colours = np.where(values >= 0, BLUE, VERMILLION)
    # A sum of many small parts is no part: it has the colour of neither side.
    colours[first_alone:] = INK
    drawn = figure(title=title, height=int(total) + _FRAME)
    shared = {"range": [total, 0.0], "tickvals": places, "fixedrange": True, "showgrid": False}
    drawn.update_layout(
        yaxis={**shared, "ticktext": np.array(names)},
        yaxis2={**shared, "ticktext": words, "overlaying": "y", "side": "right"},
    )
    axes(drawn)
    drawn.add_trace(
        go.Bar(
            x=values, y=places, orientation="h", width=_BAR, marker={"color": colours},
            hovertext=np.array(said), hoverinfo="text",
        )
    )  # fmt: skip
    # An axis is drawn only where a trace uses it; this one carries the numbers on the right.
    drawn.add_trace(
        go.Scatter(x=np.array([np.nan]), y=np.array([np.nan]), yaxis="y2", hoverinfo="skip")
    )
    drawn.add_vline(x=0, line={"color": INK, "width": 1})
    drawn.update_xaxes(title={"text": "← favours the other    favours the chunk →"})
    return drawn


def _hover(row: Row) -> str:
    sides = [
        f"{name}: {number(float(row[key]), sign=True)}"
        for name, key in (("chunk", "chunk"), ("against", "against"))
        if not pd.isna(row[key])
    ]
    difference = f"difference: {number(float(row['difference']), sign=True)}"
    return hover(str(row["part"]), *sides, difference)
