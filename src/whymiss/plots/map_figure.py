"""The embedding map of an index: every chunk and question as a point, coloured by any column."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.plots.cluster_labels import cluster_labels, without_overlap
from whymiss.plots.colouring import Colouring
from whymiss.plots.labels import check_columns, hover, label
from whymiss.plots.map_rows import coloured_by, looked_at, marks_of, standing
from whymiss.plots.map_traces import edge_lines, marked_points, plain_points
from whymiss.plots.map_words import point_lines
from whymiss.plots.plane import Floats, caption, check_places, plain_axes, span
from whymiss.plots.theme import Figure, figure, nothing

_NEEDED: Final = (
    "kind", "id", "doc_id", "title", "section", "excerpt", "x", "y", "cluster", "cluster_label",
    "kept", "score", "rank", "role", "left_at",
)  # fmt: skip
_EDGES: Final = ("from_id", "to_id", "neighbour", "cosine", "kept")
_KINDS: Final = ("chunk", "question")
_ROLES: Final = ("", "retrieved", "displacing", "evidence", "question")
_HEIGHT: Final = 680
_LABELLED: Final = (620.0, 560.0)
"""Across and down, the pixels that the points are expected to fill, which depends on the page."""
_KEY_LINE: Final = 19
_KEY_GAP: Final = 16


def embedding_map(
    frame: pd.DataFrame,
    *,
    colour_by: str = "cluster_label",
    edges: pd.DataFrame | None = None,
    title: str = "Embedding map",
) -> Figure:
    """Draw chunks and questions where a projection placed them.

    Numbers are coloured on a scale, anything else by its most frequent values; points without a
    value are hollow. What a question retrieved, what stands ahead of its evidence, the evidence
    and the question itself have shapes of their own, and the other points step back.

    Parameters
    ----------
    frame : one row per point, as `whymiss.maps` gives it.
    colour_by : any of its columns.
    edges : the true neighbours of a point, each drawn as a line: solid where the two are
        neighbours on the map too, dashed where the map has torn them apart.

    Raises
    ------
    ConfigError : the frame has no column `colour_by`.
    InvalidRecordError : a column is missing, a kind or role is unknown, a point has no place, or
        an edge ends at a point that is not on the map.

    Examples
    --------
    >>> frame = pd.DataFrame({
    ...     "kind": "chunk", "id": ["c1", "c2"], "doc_id": "a.md", "title": "Refunds",
    ...     "section": ["Refunds", "Cards"], "excerpt": ["Ten days.", "Three days."],
    ...     "x": [0.0, 1.0], "y": [0.0, 1.0], "cluster": 0, "cluster_label": "refund, days",
    ...     "kept": [1.0, 0.5], "score": [0.8, 0.7], "rank": [1, 2],
    ...     "role": ["retrieved", ""], "left_at": "",
    ... })
    >>> [trace.name for trace in embedding_map(frame).data if trace.showlegend]
    ['refund, days (2)', 'retrieved (1)']
    """
    check_columns(frame, _NEEDED, who="embedding_map")
    if colour_by not in frame.columns:
        raise ConfigError(
            f"embedding_map cannot colour by {colour_by!r}; the frame has "
            f"{', '.join(map(str, frame.columns))}."
        )
    if not len(frame):
        return nothing("There is no point to draw.", title=title)
    rows = _in_order(frame)
    lines = pd.DataFrame(columns=_EDGES) if edges is None else edges
    _check_edges(rows, lines)
    colours = coloured_by(rows, colour_by)
    marks = marks_of(rows)
    places = rows[["x", "y"]].to_numpy(dtype=np.float64)
    records = rows.to_dict(orient="records")
    said = np.array(
        [hover(*point_lines(*pair, colour_by)) for pair in zip(records, marks, strict=True)]
    )
    ends = {*lines["from_id"], *lines["to_id"]}
    shown, clear = looked_at(rows, ends), standing(rows, ends)
    drawn = figure(title=title, height=_HEIGHT)
    drawn.add_traces(
        [
            *plain_points(places, colours, said, drawn=marks == "", clear=clear),
            *edge_lines(rows.drop_duplicates("id").set_index("id")[["x", "y"]], lines, n=len(rows)),
            *marked_points(places, colours, said, marks=marks, clear=clear),
        ]
    )
    plain_axes(drawn)
    _keys(drawn, colours, colour_by)
    caption(drawn, [_kept_words(rows["kept"]), *_write_labels(drawn, rows, free=places[shown])])
    return drawn


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in an order of their own, once it is known that all can be drawn."""
    for column, known in (("kind", _KINDS), ("role", _ROLES)):
        if len(unknown := frame.loc[~frame[column].isin(known), column]):
            raise InvalidRecordError(
                f"embedding_map needs a {column} of {', '.join(repr(k) for k in known)}; "
                f"got {unknown.iloc[0]!r}."
            )
    check_places(frame, ("x", "y"), who="embedding_map", name="id")
    return frame.sort_values(["kind", "id"], kind="stable").reset_index(drop=True)


def _check_edges(rows: pd.DataFrame, edges: pd.DataFrame) -> None:
    check_columns(edges, _EDGES, who="embedding_map with edges")
    known = set(rows["id"])
    if unknown := [end for c in ("from_id", "to_id") for end in edges[c] if end not in known]:
        raise InvalidRecordError(
            f"embedding_map needs edges between points of the map; {unknown[0]!r} is not on it."
        )


def _keys(drawn: Figure, colours: Colouring, colour_by: str) -> None:
    """The key of the marks, below it that of the colours, and at the bottom the colour bar."""
    title = {"text": label(f"coloured by {colour_by}"), "font": {"size": 12}}
    n_marks = sum(bool(trace.showlegend and trace.legend) for trace in drawn.data)
    place = {"x": 1.01, "xanchor": "left", "yanchor": "top", "itemsizing": "constant"}
    layout = drawn.layout
    inside = layout.height - layout.margin.t - layout.margin.b
    below = 1 - (_KEY_LINE * n_marks + _KEY_GAP) / inside if n_marks else 1
    drawn.update_layout(
        showlegend=True,
        legend2={**place, "y": 1, "tracegroupgap": 0},
        legend={**place, "y": below, **({} if colours.scale else {"title": title})},
    )
    if colours.scale:
        bar = {"title": {**title, "side": "top"}, "outlinewidth": 0, "thickness": 14,
               "x": 1.01, "y": 0, "yanchor": "bottom", "len": 0.5}  # fmt: skip
        drawn.update_layout(coloraxis={**colours.scale, "colorbar": bar})


def _write_labels(drawn: Figure, rows: pd.DataFrame, *, free: Floats) -> list[str]:
    """Write the names of clusters on the map; the words say if some found no place."""
    every = cluster_labels(rows[rows["kind"] == "chunk"])
    x, y = (span(rows[name].to_numpy(dtype=np.float64)) for name in ("x", "y"))
    written = without_overlap(every, free=free, scale=min(_LABELLED[0] / x, _LABELLED[1] / y))
    for name in written:
        drawn.add_annotation(
            x=name.x, y=name.y, text=name.text, showarrow=False, borderpad=1,
            bgcolor="rgba(68,68,68,.75)", font={"size": 10, "color": "#fff"},
        )  # fmt: skip
    if len(written) == len(every):
        return []
    return [
        f"{len(written)} of {len(every)} cluster labels are written, those of the largest clusters "
        "first, as far as there is room. Each point tells its own, and the frame has all."
    ]


def _kept_words(kept: pd.Series) -> str:
    shares = kept.to_numpy(dtype=np.float64, na_value=np.nan)
    known = shares[~np.isnan(shares)]
    meaning = "Directions have no meaning and distances are approximate: "
    if not len(known):
        return f"{meaning}how many true neighbours the map keeps is undefined for every point."
    missing = f"; undefined for {len(shares) - len(known):,}" if len(known) < len(shares) else ""
    return (
        f"{meaning}of the true nearest neighbours of a point, {known.mean():.0%} are among its "
        f"nearest on the map (mean of {len(known):,} points{missing})."
    )
