"""Two configurations of one corpus on the same plane: which passages have other neighbours now."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.plots.colouring import Group, by_number
from whymiss.plots.labels import check_columns, hover
from whymiss.plots.marks import mark_size
from whymiss.plots.plane import caption, check_places, outlined, plain_axes, points
from whymiss.plots.theme import (
    INK,
    SCALE,
    VERMILLION,
    Figure,
    axes,
    figure,
    make_subplots,
    nothing,
)
from whymiss.text import counted

_NEEDED: Final = (
    "id_before", "id_after", "doc_id", "section", "excerpt", "x_before", "y_before", "x_after",
    "y_after", "changed", "shared_text", "entered", "left",
)  # fmt: skip
_SIDES: Final = ("before", "after")
_PLACES: Final = ("x_before", "y_before", "x_after", "y_after")
_HEIGHT: Final = 480
_NAMED: Final = 8
_NEIGHBOURS: Final = 3


def map_comparison(frame: pd.DataFrame, *, title: str = "Before and after") -> Figure:
    """Draw every passage in both configurations, coloured by how many of its neighbours changed.

    Where a point stands says little, for the plane is free to move; a passage that changed has
    other true neighbours. The bigger and brighter, the more; the most changed are numbered on
    both sides and told in words below.

    Parameters
    ----------
    frame : one row per passage, as `whymiss.maps` gives it; those that only one configuration has
        are counted, not drawn.

    Raises
    ------
    InvalidRecordError : a column is missing, or a passage has no place.

    Examples
    --------
    >>> frame = pd.DataFrame({
    ...     "id_before": ["c1", "c2"], "id_after": ["d1", "d2"], "doc_id": "a.md",
    ...     "section": ["Refunds", "Cards"], "excerpt": ["Ten days.", "Three days."],
    ...     "x_before": [0.0, 1.0], "y_before": 0.0, "x_after": [0.0, 0.9], "y_after": 0.1,
    ...     "changed": [0.0, 0.5], "shared_text": 1.0, "entered": [(), ("b.md",)],
    ...     "left": [(), ("c.md",)],
    ... })
    >>> map_comparison(frame).layout.annotations[-1].text.split("<br>")[3]
    '1. a.md, Cards: 50% of its neighbours are others now; came: b.md; went: c.md'
    """
    check_columns(frame, _NEEDED, who="map_comparison")
    both = frame[frame["id_before"].notna() & frame["id_after"].notna()]
    if not len(both):
        return nothing("No passage is in both configurations.", title=title)
    check_places(both, _PLACES, who="map_comparison", name="id_before")
    # The most changed come last, on top of the others.
    rows = both.sort_values(["changed", "id_before", "id_after"], na_position="first")
    changed = rows[rows["changed"] > 0]
    most = changed.iloc[: -_NAMED - 1 : -1]
    drawn = figure(title=title, height=_HEIGHT)
    make_subplots(cols=2, figure=drawn, horizontal_spacing=0.02, shared_xaxes="all",
                  shared_yaxes="all")  # fmt: skip
    axes(drawn)
    groups = by_number(rows["changed"], undefined="undefined").groups
    said = np.array([_hover(row) for row in rows.to_dict(orient="records")])
    for col, side in enumerate(_SIDES, start=1):
        for group in groups:
            drawn.add_trace(_passages(rows, group, said, side, named=col == 1), row=1, col=col)
        drawn.add_trace(_rings(most, side, n=len(rows)), row=1, col=col)
        _number(drawn, most, side, col=col)
    _finish(drawn)
    caption(drawn, [_summary(rows["changed"].to_numpy(dtype=np.float64, na_value=np.nan)),
                    *_alone(len(frame) - len(both)), *_in_words(most, n=len(changed))])  # fmt: skip
    return drawn


def _passages(rows: pd.DataFrame, group: Group, said: Any, side: str, *, named: bool) -> Any:
    # Each side has half of the width.
    size = mark_size(4 * len(rows))
    # An undefined change is drawn as small as none.
    changed = rows["changed"].fillna(0).to_numpy(dtype=np.float64)[group.rows]
    return points(
        len(rows), x=rows[f"x_{side}"].to_numpy(dtype=np.float64)[group.rows],
        y=rows[f"y_{side}"].to_numpy(dtype=np.float64)[group.rows], hovertext=said[group.rows],
        hoverinfo="text", name=group.name, legendgroup=group.name,
        showlegend=named and bool(group.name),
        marker=outlined(group.marker, size=size * (1 + changed), opacity=0.9),
    )  # fmt: skip


def _rings(most: pd.DataFrame, side: str, *, n: int) -> Any:
    """Rings around the passages that changed most."""
    return points(
        n, x=most[f"x_{side}"].to_numpy(dtype=np.float64),
        y=most[f"y_{side}"].to_numpy(dtype=np.float64), hoverinfo="skip", showlegend=False,
        marker={"symbol": "circle-open", "size": 17, "color": VERMILLION, "line": {"width": 2}},
    )  # fmt: skip


def _number(drawn: Figure, most: pd.DataFrame, side: str, *, col: int) -> None:
    for i, row in enumerate(most.to_dict(orient="records"), start=1):
        drawn.add_annotation(
            text=str(i), x=row[f"x_{side}"], y=row[f"y_{side}"], row=1, col=col, showarrow=False,
            xshift=14, yshift=12, borderpad=1, bgcolor="rgba(68,68,68,.75)",
            font={"size": 11, "color": "#fff"},
        )  # fmt: skip


def _finish(drawn: Figure) -> None:
    plain_axes(drawn)
    for col, side in enumerate(_SIDES, start=1):
        drawn.add_annotation(
            text=side, x=0, xref=f"x{col if col > 1 else ''} domain", xanchor="left", y=1,
            yref="paper", yanchor="bottom", showarrow=False, font={"size": 13, "color": INK},
        )  # fmt: skip
    bar = {"title": {"text": "share of neighbours<br>that are others now", "side": "top",
                     "font": {"size": 12}},
           "outlinewidth": 0, "thickness": 14, "x": 1.01, "y": 0, "yanchor": "bottom",
           "len": 0.75, "tickformat": ".0%"}  # fmt: skip
    drawn.update_layout(
        coloraxis={"colorscale": SCALE, "cmin": 0, "cmax": 1, "colorbar": bar}, showlegend=True,
        legend={"x": 1.01, "y": 1, "xanchor": "left", "yanchor": "top",
                "itemsizing": "constant"},
    )  # fmt: skip


def _alone(n: int) -> list[str]:
    """What is said of passages that only one configuration has."""
    return [f"{counted(n, 'passage is', 'passages are')} in one only, and not drawn."] if n else []


def _summary(changed: Any) -> str:
    known = changed[~np.isnan(changed)]
    words = (
        f"{len(changed):,} {'passage is' if len(changed) == 1 else 'passages are'} in both "
        "configurations. "
        "Where a point stands says little; the colour tells what has other neighbours."
    )
    if not len(known):
        return f"{words} The change is undefined for all of them."
    missing = len(changed) - len(known)
    return (
        f"{words} {(known == 0).sum():,} kept all true neighbours, {(known == 1).sum():,} kept "
        f"none, the mean change is {known.mean():.0%}"
        + (f"; undefined for {missing:,}." if missing else ".")
    )


def _in_words(most: pd.DataFrame, *, n: int) -> list[str]:
    """The passages with a number, of `n` that changed."""
    if not n:
        return []
    return [f"The most changed, {len(most)} of {n:,}:"] + [
        f"{i}. {_place(row)}: {row['changed']:.0%} of its neighbours are others now; "
        f"came: {_named(row['entered'])}; went: {_named(row['left'])}"
        for i, row in enumerate(most.to_dict(orient="records"), start=1)
    ]


def _hover(row: Mapping[Hashable, Any]) -> str:
    changed = row["changed"]
    return hover(
        row["doc_id"],
        row["section"],
        row["excerpt"],
        "change of neighbours: undefined"
        if pd.isna(changed)
        else f"{changed:.0%} of its neighbours are others now",
        f"came: {'; '.join(map(str, row['entered']))}" if row["entered"] else "",
        f"went: {'; '.join(map(str, row['left']))}" if row["left"] else "",
        "" if pd.isna(row["shared_text"]) else f"{row['shared_text']:.0%} of the text is the same",
    )


def _place(row: Mapping[Hashable, Any]) -> str:
    return f"{row['doc_id']}, {row['section']}" if row["section"] else str(row["doc_id"])


def _named(neighbours: tuple[str, ...]) -> str:
    """The first neighbours by name and the others by number."""
    shown = ", ".join(map(str, neighbours[:_NEIGHBOURS])) or "none"
    rest = len(neighbours) - _NEIGHBOURS
    return f"{shown} and {rest} more" if rest > 0 else shown
