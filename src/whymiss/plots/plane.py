"""What every map shares: a plane without numbers, and points that stay usable in their thousands.

Points are drawn as SVG, which stays sharp in print and works in every browser; in their thousands
it gets slow (see `WEBGL_FROM`), and they are drawn by WebGL instead. WebGL lies above all SVG of a
plane, so that what is to lie on the points must be drawn by it too: one way for all of a plane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.plots.labels import label, n_lines
from whymiss.plots.theme import GRID, INK, Figure, go

Floats = npt.NDArray[np.float64]

WEBGL_FROM: Final = 3000
"""From how many points on a plane the browser draws them by WebGL. Below, SVG is fast enough,
and a page has few WebGL places (16 in Chromium), which a notebook with many maps would use up."""

_LINE: Final = 16
_CAPTION_WIDTH: Final = 120


def check_places(frame: pd.DataFrame, columns: Sequence[str], *, who: str, name: str) -> None:
    """Refuse points that have no place on the plane.

    Parameters
    ----------
    columns : the coordinates.
    name : the column that tells one point from another.

    Raises
    ------
    InvalidRecordError : a coordinate is missing or infinite.
    """
    places = frame[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan)
    lost = ~np.isfinite(places).all(axis=1)
    if lost.any():
        raise InvalidRecordError(
            f"{who} needs finite {', '.join(columns)} for every point; {lost.sum()} of "
            f"{len(frame)} lack one, the first is {frame.loc[lost, name].iloc[0]!r}."
        )


def points(n: int, **settings: Any) -> Any:
    """A trace of marks, or lines, on a plane that holds `n` points in all."""
    trace = go.Scattergl if n >= WEBGL_FROM else go.Scatter
    return trace(**{"mode": "markers", **settings})


def outlined(marker: Mapping[str, Any], *, size: Any, opacity: Any) -> dict[str, Any]:
    """The settings of marks with the thin grey edge that shows dark ones on black."""
    return {**marker, "size": size, "opacity": opacity, "line": {"width": 0.7, "color": INK}}


def span(values: Floats) -> float:
    """How far values reach, for a scale; 1 where they are all the same."""
    return float(np.ptp(values)) or 1.0


def plain_axes(drawn: Figure) -> None:
    """Equal scales on both axes, a frame, and no numbers: they would mean nothing."""
    look = {"showticklabels": False, "showgrid": False, "showline": True, "mirror": True,
            "linecolor": GRID}  # fmt: skip
    drawn.update_xaxes(**look)
    drawn.update_yaxes(**look)
    drawn.update_layout(yaxis={"scaleanchor": "x", "scaleratio": 1})


def caption(drawn: Figure, lines: Sequence[str]) -> None:
    """Words below the plane, a paragraph each; the chart grows by what they need."""
    text = "<br>".join(label(line, width=_CAPTION_WIDTH) for line in lines)
    room = _LINE * n_lines(text) + 16
    drawn.add_annotation(
        text=text, x=0, xref="paper", xanchor="left", y=0, yref="paper", yanchor="top", yshift=-10,
        showarrow=False, align="left", font={"size": 12, "color": INK},
    )  # fmt: skip
    drawn.update_layout(
        height=drawn.layout.height + room, margin={"b": drawn.layout.margin.b + room}
    )
