"""The scores of one question's candidates, stage by stage, with the cut among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.plots.candidates import MARKS, candidate_hover, handed_on, is_ranked, score, stages_of
from whymiss.plots.labels import label
from whymiss.plots.rows import Row
from whymiss.plots.theme import EMPTY_AXIS, INK, Figure, axes, figure, go, make_subplots, nothing

_PANEL: Final = 62
_BETWEEN: Final = 34
_FRAME: Final = 150
_KEY: Final = 40
"""How far below the last axis the key stands."""
_WORDS_WIDTH: Final = 40


def score_distributions(flow: pd.DataFrame) -> Figure:
    """How the scores of one question's candidates lie at each stage, each on its own scale.

    A stroke for every candidate; those that hold evidence or were selected have the mark of their
    role too. The dashed line is the score of the last candidate that goes on.

    Parameters
    ----------
    flow : one row per stage and chunk, as `evaluation.flow.flow_frame` gives it.

    Raises
    ------
    InvalidRecordError : a column is missing, a stage is none of `STAGES`, or a role is unknown.

    Examples
    --------
    >>> flow = pd.DataFrame({
    ...     "stage": "dense", "rank": [1, 2], "score": [0.7, 0.6], "n": 2, "cut": [1, 1],
    ...     "chunk_id": ["a", "b"], "doc_id": "faq.md", "section": "Plans",
    ...     "excerpt": "Ten euros.", "role": ["other", "evidence"], "share": 1.0, "fate": "",
    ... })
    >>> score_distributions(flow).layout.yaxis2.ticktext.tolist()
    ['the first goes on, down to 0.7<br>evidence: 0.6, rank 2 of 2']
    """
    stages = stages_of(flow, who="score_distributions")
    title = "Scores of the candidates at each stage"
    if not any(is_ranked(row) for rows in stages.values() for row in rows):
        return nothing("No stage found a candidate.", title=title)
    total = _PANEL * len(stages) + _BETWEEN * (len(stages) - 1)
    drawn = figure(title=title, height=total + _FRAME)
    make_subplots(
        rows=len(stages), figure=drawn, specs=[[{"secondary_y": True}] for _ in stages],
        vertical_spacing=_BETWEEN / total if len(stages) > 1 else 0,
    )  # fmt: skip
    axes(drawn)
    told: set[str] = set()
    for at, (stage, every) in enumerate(stages.items(), start=1):
        rows = sorted(filter(is_ranked, every), key=lambda row: int(row["rank"]))
        _draw(drawn, at, rows, names=(label(stage), _words(rows, every)))
        for role in MARKS:
            some = [row for row in rows if row["role"] == role]
            if some and role != "other":
                drawn.add_trace(_marks(role, some, first=role not in told), row=at, col=1)
                told.add(role)
    drawn.update_layout(
        showlegend=True, legend={"orientation": "h", "y": _KEY / -total, "yanchor": "top", "x": 0}
    )
    return drawn


def _draw(drawn: Figure, at: int, rows: Sequence[Row], *, names: tuple[str, str]) -> None:
    """The strokes of one stage and its cut, its name on the left and words on the right."""
    strokes = go.Scatter(
        x=np.array([row["score"] for row in rows], dtype=np.float64), y=np.full(len(rows), -0.35),
        mode="markers", showlegend=at == 1, name="a candidate", legendrank=len(MARKS),
        marker={"symbol": "line-ns-open", "size": 18, "color": INK, "line": {"width": 1.5}},
        hovertext=np.array([candidate_hover(row) for row in rows]), hoverinfo="text",
    )  # fmt: skip
    drawn.add_trace(strokes, row=at, col=1)
    # An axis is drawn only where a trace uses it; this one carries the words on the right.
    empty = go.Scatter(
        x=np.array([np.nan]), y=np.array([np.nan]), hoverinfo="skip", showlegend=False
    )
    drawn.add_trace(empty, row=at, col=1, secondary_y=True)
    shared = {"range": [-1, 1], "tickvals": np.zeros(1), "showgrid": False, "fixedrange": True}
    for words, secondary in zip(names, (False, True), strict=True):
        drawn.update_yaxes(**shared, ticktext=np.array([words]), row=at, col=1,
                           secondary_y=secondary)  # fmt: skip
    drawn.update_xaxes(nticks=6, **({} if rows else EMPTY_AXIS), row=at, col=1)
    if rows:
        drawn.add_trace(_cut(rows, first=at == 1), row=at, col=1)


def _cut(rows: Sequence[Row], *, first: bool) -> Any:
    last = rows[int(rows[0]["cut"]) - 1]["score"]
    return go.Scatter(
        x=np.full(2, last, dtype=np.float64), y=np.array([-1.0, 1.0]), mode="lines",
        line={"color": INK, "width": 2, "dash": "dash"}, hoverinfo="skip", legendgroup="cut",
        name="the last that goes on", showlegend=first, legendrank=len(MARKS) + 1,
    )  # fmt: skip


def _marks(role: str, rows: Sequence[Row], *, first: bool) -> Any:
    mark = MARKS[role]
    return go.Scatter(
        x=np.array([row["score"] for row in rows], dtype=np.float64),
        # Above the strokes and the evidence above the others, so that none hides another.
        y=np.full(len(rows), 0.75 if role == "evidence" else 0.3), mode="markers", cliponaxis=False,
        marker={"symbol": mark.symbol, "size": mark.size, "color": mark.colour},
        hovertext=np.array([candidate_hover(row) for row in rows]), hoverinfo="text",
        name=label(mark.words, width=60), legendgroup=role, showlegend=first,
        legendrank=list(MARKS).index(role),
    )  # fmt: skip


def _words(ranked: Sequence[Row], every: Sequence[Row]) -> str:
    """The cut of a stage and where the best of the evidence is, on lines of their own."""
    if not ranked:
        return "nothing found"
    last = ranked[int(ranked[0]["cut"]) - 1]["score"]
    lines = [f"{handed_on(ranked[0])}, down to {score(last)}"]
    if any(row["role"] == "evidence" for row in every):
        best = next((row for row in ranked if row["role"] == "evidence"), None)
        lines.append(
            f"evidence: {score(best['score'])}, rank {best['rank']} of {best['n']}"
            if best
            else f"evidence: not among {ranked[0]['n']}"
        )
    return "<br>".join(label(line, width=_WORDS_WIDTH) for line in lines)
