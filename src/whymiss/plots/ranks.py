"""The candidates of one question from stage to stage, by rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from whymiss.plots.candidates import (
    MARKS,
    candidate_hover,
    handed_on,
    is_ranked,
    named,
    stages_of,
    where,
)
from whymiss.plots.labels import label
from whymiss.plots.rows import FIRST, Row, carry_axis, pieces, rank_axis
from whymiss.plots.theme import GRID, INK, Figure, figure, go, nothing
from whymiss.text import counted

Floats = npt.NDArray[np.float64]
_Piece = tuple[float, float, float, float]
"""From a place to another: x, rank, x, rank."""

_HEIGHT: Final = 640
_FRAME: Final = 240
_LINE: Final = 17
_NAME_WIDTH: Final = 52
_BEFORE: Final = 0.27
"""How far before a stage a chunk that is not in its list is turned away; stages are 1 apart."""
_TO_NAMES: Final = 0.28


def rank_flow(flow: pd.DataFrame, *, n_others: int = 8) -> Figure:
    """How the candidates of one question move from stage to stage, rank 1 on top.

    One line per chunk, with a mark for its role: evidence, selected in front of it, selected,
    or not. A cross before a stage says that the chunk is not in its list; a bar across a stage
    is its cut, behind which the next stage does not look. Names on the right are those that were
    selected, and the evidence wherever it ended.

    Parameters
    ----------
    flow : one row per stage and chunk, as `evaluation.flow.flow_frame` gives it.
    n_others : chunks that were not selected and hold no evidence, the best ranked ones, that have
        a line too; the rest are dots, and the words below tell how many.

    Raises
    ------
    InvalidRecordError : a column is missing, a stage is none of `STAGES`, or a role is unknown.

    Examples
    --------
    >>> flow = pd.DataFrame({
    ...     "stage": ["dense", "select"], "rank": [1, None], "score": [0.7, None], "n": [50, 5],
    ...     "cut": [5, 5], "chunk_id": "c", "doc_id": "faq.md", "section": "Plans",
    ...     "excerpt": "Ten euros.", "role": "evidence", "share": 1.0, "fate": "",
    ... })
    >>> rank_flow(flow).layout.yaxis2.ticktext.tolist()
    ['✗ not among 5: evidence: faq.md › Plans']
    """
    stages = stages_of(flow, who="rank_flow")
    title = "Candidates from stage to stage"
    if not any(is_ranked(row) for rows in stages.values() for row in rows):
        return nothing("No stage found a candidate.", title=title)
    paths = _paths(stages)
    lined = [path for path in paths if path.role != "other"]
    others = sorted((p for p in paths if p.role == "other"), key=lambda path: path.best)
    lined += others[: max(0, n_others)]
    dotted = others[max(0, n_others) :]
    named_ones = sum(path.role != "other" for path in paths)
    drawn = figure(title=title, height=max(_HEIGHT, _FRAME + _LINE * (named_ones + 2)))
    drawn.add_traces([*_lists(stages), _dots(dotted)])
    for role in reversed(MARKS):
        some = [path for path in lined if path.role == role and path.ranked]
        drawn.add_traces(_role_traces(role, some))
    _lay_out(drawn, stages, paths, words=_left_out(paths, dotted))
    return drawn


@dataclass(frozen=True, slots=True)
class _Path:
    """One chunk through all stages; `ranks` are NaN where it is not in the list."""

    rows: tuple[Row, ...]
    ranks: tuple[float, ...]

    @property
    def role(self) -> str:
        return str(self.rows[0]["role"])

    @property
    def ranked(self) -> list[int]:
        """The stages whose list it is in."""
        return [at for at, rank in enumerate(self.ranks) if not np.isnan(rank)]

    @property
    def best(self) -> float:
        return min((self.ranks[at] for at in self.ranked), default=np.inf)


def _paths(stages: Mapping[str, Sequence[Row]]) -> list[_Path]:
    by_chunk: dict[str, dict[str, Row]] = {}
    for stage, rows in stages.items():
        for row in rows:
            by_chunk.setdefault(str(row["chunk_id"]), {})[stage] = row
    return [
        _Path(
            rows=tuple(rows[stage] for stage in stages if stage in rows),
            ranks=tuple(
                float(rows[stage]["rank"]) if stage in rows and is_ranked(rows[stage]) else np.nan
                for stage in stages
            ),
        )
        for rows in by_chunk.values()
    ]


def _lists(stages: Mapping[str, Sequence[Row]]) -> list[Any]:
    """How long the list of each stage is, and its cut."""
    places = np.arange(len(stages), dtype=np.float64)
    ends, cuts = (
        np.array([rows[0][name] or np.nan for rows in stages.values()], dtype=np.float64)
        for name in ("n", "cut")
    )
    lists = go.Scatter(
        x=pieces(np.repeat(places, 2)), mode="lines", hoverinfo="skip", showlegend=False,
        y=pieces(np.column_stack([np.where(ends > 0, FIRST, np.nan), ends + 0.5])),
        line={"color": GRID, "width": 14},
    )  # fmt: skip
    cut = go.Scatter(
        x=pieces(np.column_stack([places - 0.12, places + 0.12])), mode="lines",
        y=pieces(np.repeat(cuts + 0.5, 2)), line={"color": INK, "width": 3}, hoverinfo="skip",
        name="cut: the next stage does not look below", legendrank=5,
    )  # fmt: skip
    return [lists, cut]


def _dots(paths: Sequence[_Path]) -> Any:
    """Chunks without a line, where they are in a list."""
    seen = [(at, path) for path in paths for at in path.ranked]
    mark = MARKS["other"]
    return go.Scatter(
        x=np.array([at for at, _ in seen]), y=np.array([path.ranks[at] for at, path in seen]),
        mode="markers", showlegend=False,
        marker={"size": mark.size, "color": mark.colour, "symbol": mark.symbol},
        hovertext=np.array([candidate_hover(path.rows[at]) for at, path in seen]),
        hoverinfo="text",
    )  # fmt: skip


def _role_traces(role: str, paths: Sequence[_Path]) -> list[Any]:
    """Lines and marks of one role: whole lines, dotted ones to a cross, marks, crosses."""
    if not paths:
        return []
    mark = MARKS[role]
    solid, gone, crosses = [], [], []
    for path in paths:
        found = _segments(path)
        solid += found[0]
        gone += found[1]
        crosses += [(x, y, path.rows[at]) for x, y, at in found[2]]
    seen = [(at, path) for path in paths for at in path.ranked]
    shared = {"legendgroup": role, "showlegend": False}
    line = {"color": mark.colour, "width": mark.line}
    return [
        _line(solid, line=line, **shared),
        _line(gone, line={**line, "dash": "dot", "width": min(2, mark.line)}, **shared),
        go.Scatter(
            x=np.array([at for at, _ in seen]),
            y=np.array([path.ranks[at] for at, path in seen]), mode="markers",
            marker={"size": mark.size, "color": mark.colour, "symbol": mark.symbol},
            hovertext=np.array([candidate_hover(path.rows[at]) for at, path in seen]),
            hoverinfo="text", name=label(mark.words, width=60), legendgroup=role,
            legendrank=list(MARKS).index(role),
        ),
        go.Scatter(
            x=np.array([x for x, _, _ in crosses]), y=np.array([y for _, y, _ in crosses]),
            mode="markers", marker={"size": mark.size - 2 * (role != "other") + 2,
                                    "color": mark.colour, "symbol": "x-thin",
                                    "line": {"color": mark.colour, "width": max(1.5, mark.line)}},
            hovertext=np.array([candidate_hover(row) for _, _, row in crosses]),
            hoverinfo="text", **shared,
        ),
    ]  # fmt: skip


def _line(segments: Sequence[_Piece], **settings: Any) -> Any:
    table = np.array(segments, dtype=np.float64).reshape(-1, 4)
    return go.Scatter(
        x=pieces(table[:, [0, 2]]), y=pieces(table[:, [1, 3]]), mode="lines", hoverinfo="skip",
        **settings,
    )  # fmt: skip


def _segments(path: _Path) -> tuple[list[_Piece], list[_Piece], list[tuple[float, float, int]]]:
    """Whole pieces of a path, dotted ones, and (x, y, stage) of the crosses on these."""
    solid: list[_Piece] = []
    gone: list[_Piece] = []
    crosses: list[tuple[float, float, int]] = []
    ranked, ranks = path.ranked, path.ranks
    for one, other in pairwise(ranked):
        ends = (one, ranks[one], other, ranks[other])
        (solid if other == one + 1 else gone).append(ends)
        between = range(one + 1, other)
        crosses += [(at - _BEFORE, _rank_at(at - _BEFORE, ends), at) for at in between]
    first, last = ranked[0], ranked[-1]
    # What was not selected need not tell in which branch it was not found.
    if first and path.role != "other":
        gone.append((-_BEFORE, ranks[first], first, ranks[first]))
        crosses += [(at - _BEFORE, ranks[first], at) for at in range(first)]
    if last + 1 < len(ranks):
        left = last + 1 - _BEFORE
        gone.append((last, ranks[last], left, ranks[last]))
        crosses.append((left, ranks[last], last + 1))
    return solid, gone, crosses


def _rank_at(x: float, ends: _Piece) -> float:
    """The rank at x on a piece that is straight on the chart, whose ranks are logarithmic."""
    x0, y0, x1, y1 = ends
    return float(y0 * (y1 / y0) ** ((x - x0) / (x1 - x0)))


def _left_out(paths: Sequence[_Path], dotted: Sequence[_Path]) -> str:
    """What the chart does not draw in full, in words."""
    said = []
    if dotted:
        rest = counted(len(dotted), "other candidate is a dot", "other candidates are dots")
        said.append(f"{rest} without a line: not selected, no evidence.")
    said += [f"Evidence in no list: {where(path.rows[0])}." for path in paths if not path.ranked]
    return " ".join(said)


def _lay_out(
    drawn: Figure, stages: Mapping[str, Sequence[Row]], paths: Sequence[_Path], *, words: str
) -> None:
    last = len(stages) - 1
    ticks = [
        f"{label(stage)}<br>{label(rows[0]['n'])} listed<br>{label(handed_on(rows[0]))}"
        for stage, rows in stages.items()
    ]
    drawn.update_xaxes(
        tickvals=np.arange(len(stages)), ticktext=np.array(ticks), showgrid=False,
        range=[-0.4, last + _TO_NAMES], title={"text": label(words, width=110, lines=6)},
    )  # fmt: skip
    axis = rank_axis(max(int(rows[0]["n"]) for rows in stages.values()))
    axis["range"] = axis["range"][::-1]
    drawn.update_yaxes(**axis, title={"text": "rank"})
    drawn.update_layout(
        showlegend=True, legend={"orientation": "h", "y": -0.25, "yanchor": "top", "x": 0}
    )
    _name(drawn, paths, last, axis)


def _name(drawn: Figure, paths: Sequence[_Path], last: int, axis: Mapping[str, Any]) -> None:
    """Names at the right of what was selected and of the evidence, kept apart from each other."""
    ends = sorted(
        (
            (path.ranks[last] if last in path.ranked else path.ranks[path.ranked[-1]], path)
            for path in paths
            if path.role != "other" and path.ranked
        ),
        key=lambda end: end[0],
    )
    bottom, top = axis["range"]
    per_pixel = (bottom - top) / (drawn.layout.height - _FRAME)
    wanted = np.log10(np.array([rank for rank, _ in ends], dtype=np.float64))
    y = 10 ** _apart(wanted, least=_LINE * per_pixel, end=bottom)
    names = np.array([_name_of(path, last) for _, path in ends])
    drawn.update_layout(
        yaxis2={"overlaying": "y", "side": "right", "type": "log", "range": axis["range"],
                "tickvals": y, "ticktext": names, "showgrid": False, "automargin": True,
                "ticks": "", "fixedrange": True},
        yaxis={"fixedrange": True},
    )  # fmt: skip
    carry_axis(drawn, "y2")
    leaders = [
        (last if last in path.ranked else path.ranked[-1] + 1 - _BEFORE, rank, last + _TO_NAMES, at)
        for (rank, path), at in zip(ends, y, strict=True)
    ]
    drawn.add_trace(_line(leaders, line={"color": GRID, "width": 1}, showlegend=False))


def _apart(wanted: Floats, *, least: float, end: float) -> Floats:
    """Ascending places moved as little as needed to stand apart, the last not behind the end."""
    placed = wanted.copy()
    for at in range(1, len(placed)):
        placed[at] = max(placed[at], placed[at - 1] + least)
    latest: Floats = end - least * np.arange(len(placed), dtype=np.float64)[::-1]
    return np.minimum(placed, latest)


def _name_of(path: _Path, last: int) -> str:
    role = "evidence: " if path.role == "evidence" else ""
    if last in path.ranked:
        return named(path.rows[last], f"{path.ranks[last]:.0f}. {role}", width=_NAME_WIDTH)
    left = path.rows[path.ranked[-1] + 1]
    return named(left, f"✗ not among {left['n']}: {role}", width=_NAME_WIDTH)
