"""Charts of rows with a name on the left and words on the right, and the order of the stages."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.plots.labels import n_lines
from whymiss.plots.theme import Figure, axes, figure, go
from whymiss.stages import STAGES

Row = Mapping[Hashable, Any]

BAR: Final = 20
"""How thick a bar is, in pixels."""
WORDS_WIDTH: Final = 44
"""Characters on a line of the words on the right."""

FIRST: Final = 0.8
"""Where an axis of ranks begins: short of rank 1, so that a mark there is whole."""

_LINE: Final = 16
_GAP: Final = 18
_FRAME: Final = 132


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """The rows of a frame as mappings."""
    return list(frame.to_dict(orient="records"))


def place_of(stage: str, *, who: str) -> int:
    """Where a stage, or the first of several such as "dense, bm25", comes in the pipeline.

    Raises
    ------
    InvalidRecordError : it is none of `STAGES`.

    >>> place_of("dense, bm25", who="cause_bars") == place_of("dense", who="cause_bars")
    True
    """
    names = stage.split(", ")
    if unknown := [name for name in names if name not in STAGES]:
        raise InvalidRecordError(f"{who} needs stages of {', '.join(STAGES)}; got {unknown[0]!r}.")
    return STAGES.index(names[0])


def rows_figure(names: Sequence[str], words: Sequence[str], *, title: str) -> Figure:
    """An empty chart of rows, top first; `layout.yaxis.tickvals` is where each lies.

    y is in pixels downwards. Names and words are labels already, the title is plain text.
    """
    heights = np.array(
        [_GAP + _LINE * max(n_lines(n), n_lines(w)) for n, w in zip(names, words, strict=True)],
        dtype=np.float64,
    )
    total = float(heights.sum())
    drawn = figure(title=title, height=int(total) + _FRAME)
    places = heights.cumsum() - heights / 2
    shared = {"range": [total, 0.0], "tickvals": places, "fixedrange": True, "showgrid": False}
    drawn.update_layout(
        yaxis={**shared, "ticktext": np.array(names)},
        yaxis2={**shared, "ticktext": np.array(words), "overlaying": "y", "side": "right"},
    )
    axes(drawn)
    carry_axis(drawn, "y2")
    return drawn


def carry_axis(drawn: Figure, name: str) -> None:
    """Have an axis drawn that carries words alone: plotly shows one only where a trace uses it."""
    drawn.add_trace(
        go.Scatter(
            x=np.array([np.nan]), y=np.array([np.nan]), yaxis=name, hoverinfo="skip",
            showlegend=False,
        )
    )  # fmt: skip


def rank_axis(most: int) -> dict[str, Any]:
    """The settings of an axis of ranks from 1 to `most`, on which the first ones have most room.

    >>> rank_axis(79)["tickvals"].tolist()
    [1, 2, 5, 10, 20, 50]
    """
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if t <= most]
    ends = [float(np.log10(FIRST)), float(np.log10(1.15 * (most + 0.5)))]
    return {"type": "log", "tickvals": np.array(ticks), "range": ends}


def bars(lengths: Any, y: Any, *, base: Any, colour: str, said: Sequence[str]) -> Any:
    """Bars that lie, each from its base, with what is shown under the pointer."""
    return go.Bar(
        x=lengths, y=y, base=base, orientation="h", width=BAR, marker={"color": colour},
        hovertext=np.array(said), hoverinfo="text",
    )  # fmt: skip


def pieces(values: Any) -> Any:
    """Pairs of values as line pieces: nothing is drawn from one pair to the next."""
    pairs = np.asarray(values, dtype=np.float64).reshape(-1, 2)
    return np.column_stack([pairs, np.full(len(pairs), np.nan)]).ravel()
