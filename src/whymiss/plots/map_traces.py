"""The points, marks and lines of the embedding map, as plotly's traces."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.plots.colouring import Colouring, Group, Mask
from whymiss.plots.colours import INK
from whymiss.plots.labels import hover, number
from whymiss.plots.marks import ASKED, KEPT, MARKS, TORN, mark_size
from whymiss.plots.plane import Floats, outlined, points

_CLEAR: Final = 0.85
_DIM: Final = 0.35
_BEHIND: Final = 0.5
_FAINT: Final = 0.5
_TARGET: Final = {"size": 6, "opacity": 0}
"""A place to point at: not drawn, and small enough to be told of before all that lies below it."""
_NOWHERE: Final = np.array([np.nan])


def plain_points(
    places: Floats, colours: Colouring, said: Any, *, drawn: Mask, clear: Mask
) -> list[Any]:
    """A trace for each group of colours; a group of marked points alone keeps its line in the key.

    Parameters
    ----------
    places : (n, 2), of all points of the map.
    said : what is shown under the pointer.
    drawn : which points have no mark of their own.
    clear : which points do not step back.
    """
    size = mark_size(len(places))
    # What is grey for want of a colour lies below what has one.
    groups = sorted(colours.groups, key=lambda group: not group.faint)
    traces = []
    for group in groups:
        mine = group.rows & drawn
        opacity = np.where(clear[mine], _CLEAR, _DIM) * (_FAINT if group.faint else 1)
        traces.append(
            _trace(
                places, mine, said, name=group.name, showlegend=bool(group.name),
                legendrank=1 + colours.groups.index(group),
                marker=outlined(_marker_of(group, drawn), size=size, opacity=opacity),
            )
        )  # fmt: skip
    return traces


def marked_points(
    places: Floats, colours: Colouring, said: Any, *, marks: Any, clear: Mask
) -> list[Any]:
    """For each role a trace of its marks, one of rings where it has them, and one to point at.

    Parameters
    ----------
    marks : the key in `MARKS` of each point, "" for none.
    clear : which questions do not step back; everything else that is marked never does.
    """
    return [
        trace
        for rank, role in enumerate(MARKS)
        if (mine := marks == role).any()
        for trace in _of_role(role, rank, places, mine, colours.fill, said, clear)
    ]


def _of_role(
    role: str, rank: int, places: Floats, mine: Mask, fill: Any, said: Any, clear: Mask
) -> list[Any]:
    mark, n = MARKS[role], int(mine.sum())
    key = {"legend": "legend2", "legendgroup": role, "name": f"{mark.name} ({n:,})",
           "legendrank": len(MARKS) - rank}  # fmt: skip
    width = 1.5 if role == ASKED else 2.5
    marker = {"symbol": mark.symbol, "color": fill[mine],
              "opacity": np.where(clear[mine], _CLEAR, _BEHIND) if role == ASKED else 1,
              "size": mark.among(n),
              "line": {"width": width, "color": mark.colour}}  # fmt: skip
    ring = {"symbol": "circle-open", "color": mark.colour, "size": 2 * mark.size, "opacity": 1,
            "line": {"width": width}}  # fmt: skip
    if mark.ring:
        marker["line"] = {"width": 0.7, "color": INK}
    return [
        *([_trace(places, mine, None, marker=ring, showlegend=True, **key)] if mark.ring else []),
        _trace(places, mine, said, marker=marker, showlegend=not mark.ring, **key),
        # Of marks that lie on each other, plotly tells of the smallest, however far below it lies.
        _trace(places, mine, said, marker=_TARGET, showlegend=False, **key),
    ]


def edge_lines(places: pd.DataFrame, edges: pd.DataFrame, *, n: int) -> list[Any]:
    """The lines to the true neighbours, and in the middle of each a place to point at.

    Parameters
    ----------
    places : x and y by the ids of points.
    n : how many points the map has.
    """
    traces = []
    near = edges["kept"].astype(bool)
    for name, dash, rows in (
        (KEPT, "solid", edges[near]),
        (TORN, "dash", edges[~near]),
    ):
        if not len(rows):
            continue
        part = rows.sort_values(["from_id", "neighbour", "to_id"])
        start, end = (
            places.loc[part[side]].to_numpy(dtype=np.float64) for side in ("from_id", "to_id")
        )
        broken = np.stack([start, end, np.full_like(start, np.nan)], axis=1).reshape(-1, 2)
        middle = (start + end) / 2
        said = [_edge_hover(row, name) for row in part.to_dict(orient="records")]
        traces += [
            points(n, x=broken[:, 0], y=broken[:, 1], mode="lines", hoverinfo="skip",
                   line={"color": INK, "width": 2, "dash": dash}, legend="legend2",
                   legendrank=len(MARKS) + 1, showlegend=True, name=f"{name} ({len(part)})"),
            points(n, x=middle[:, 0], y=middle[:, 1], hovertext=np.array(said), hoverinfo="text",
                   showlegend=False, marker=_TARGET),
        ]  # fmt: skip
    return traces


def _trace(places: Floats, mine: Mask, said: Any, **settings: Any) -> Any:
    words = {"hoverinfo": "skip"}
    if said is not None:
        words = {"hovertext": said[mine], "hoverinfo": "text"}
    # The key has no line for a trace without any point, even one that is nowhere.
    x, y = places[mine].T if mine.any() else (_NOWHERE, _NOWHERE)
    return points(len(places), x=x, y=y, **words, **settings)


def _marker_of(group: Group, drawn: Mask) -> Mapping[str, Any]:
    """The marker of a group with the numbers of its drawn rows alone."""
    if isinstance(group.marker["color"], str):
        return group.marker
    return {**group.marker, "color": group.marker["color"][drawn[group.rows]]}


def _edge_hover(row: Mapping[Hashable, Any], name: str) -> str:
    return hover(name, f"neighbour {row['neighbour']}, cosine {number(row['cosine'])}")
