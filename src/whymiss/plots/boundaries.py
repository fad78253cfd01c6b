"""Where a document was cut into chunks, over the characters of its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.frames import short
from whymiss.plots.labels import check_columns, hover, label
from whymiss.plots.rows import BAR, WORDS_WIDTH, Row, rows_figure, rows_of
from whymiss.plots.theme import BLUE, GREEN, INK, VERMILLION, Figure, go, nothing
from whymiss.text import counted

_NEEDED: Final = ("kind", "number", "start", "end", "n_tokens", "section", "note", "text")
_KINDS: Final = ("heading", "evidence", "chunk", "overlap", "unread", "gap")
_EXCERPT: Final = 420


def chunk_boundaries(boundaries: pd.DataFrame, *, name: str = "") -> Figure:
    """The chunks of a document over its characters, with their tokens and what is wrong with them.

    Chunks are bars in turn in two lanes, or in as many as overlap at one place, each with its
    number and tokens where they fit. The hatched end of a bar is beyond the encoder's limit. Lanes
    of their own have the headings, the evidence, what several chunks hold, and what none does.

    Parameters
    ----------
    boundaries : the stretches of one document, as `evaluation.boundaries.boundaries_frame` gives
        them.
    name : of the document, for the title.

    Raises
    ------
    InvalidRecordError : a column is missing, or a kind is unknown.

    Examples
    --------
    >>> boundaries = pd.DataFrame({
    ...     "kind": ["chunk", "chunk", "overlap"], "number": [1, 2, 1], "start": [0, 8, 8],
    ...     "end": [10, 20, 10], "n_tokens": [5, 6, None], "section": "", "note": "",
    ...     "text": ["Ten euros.", "s. Paid once", "s."],
    ... })
    >>> chunk_boundaries(boundaries).layout.yaxis.ticktext.tolist()
    ['chunks, number: tokens', '', 'overlap']
    """
    check_columns(boundaries, _NEEDED, who="chunk_boundaries")
    title = f"Chunks of {name}" if name else "Chunks over the text"
    rows = sorted(rows_of(boundaries), key=lambda row: (int(row["start"]), int(row["number"])))
    if unknown := [row["kind"] for row in rows if row["kind"] not in _KINDS]:
        raise InvalidRecordError(
            f"chunk_boundaries needs the kinds {', '.join(_KINDS)}; got {unknown[0]!r}."
        )
    if not rows:
        return nothing("The document has no text.", title=title)
    by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in _KINDS}
    lanes = [lane for kind in _KINDS for lane in _lanes(kind, by_kind)]
    words = [label(lane.words, width=WORDS_WIDTH) for lane in lanes]
    drawn = rows_figure([label(lane.name) for lane in lanes], words, title=title)
    for lane, y in zip(lanes, drawn.layout.yaxis.tickvals, strict=True):
        drawn.add_traces(_drawn(lane, y))
    length = max(int(row["end"]) for row in rows)
    drawn.update_layout(barmode="overlay", uniformtext={"minsize": 9, "mode": "hide"})
    drawn.update_xaxes(
        title={"text": "character of the document (drag over a part to see it closer)"},
        range=[0, length], tickformat=",d",
    )  # fmt: skip
    return drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """One line of the chart: a kind of stretches, and those of `tails` laid over them."""

    kind: str
    name: str
    words: str
    rows: Sequence[Row]
    tails: Sequence[Row] = ()


def _lanes(kind: str, by_kind: dict[str, list[Row]]) -> list[_Lane]:
    rows = by_kind[kind]
    if kind == "gap":
        # White space between chunks is nobody's loss.
        rows = [row for row in rows if str(row["text"]).strip()]
    if not rows or kind == "unread":
        return []
    if kind == "chunk":
        return _chunk_lanes(rows, by_kind["unread"])
    names = {"heading": "headings", "gap": "in no chunk"}
    words = {
        "heading": counted(len(rows), "heading"),
        "evidence": "; ".join(dict.fromkeys(str(row["note"]) for row in rows)),
    }
    told = words.get(kind, counted(sum(r["end"] - r["start"] for r in rows), "character"))
    return [_Lane(kind=kind, name=names.get(kind, kind), words=told, rows=rows)]


def _chunk_lanes(rows: Sequence[Row], tails: Sequence[Row]) -> list[_Lane]:
    """Each chunk goes into the lane after that of the one before, or the next that has room."""
    ends: list[int] = [0, 0] if len(rows) > 1 else [0]
    held: list[list[Row]] = [[] for _ in ends]
    at = -1
    for row in rows:
        turns = [(at + 1 + step) % len(ends) for step in range(len(ends))]
        at = next((turn for turn in turns if ends[turn] <= row["start"]), len(ends))
        if at == len(ends):
            ends.append(0)
            held.append([])
        ends[at] = int(row["end"])
        held[at].append(row)
    numbers = [{row["number"] for row in some} for some in held]
    words = [f"{counted(len(rows), 'chunk')}, {sum(row['n_tokens'] for row in rows):,} tokens"]
    if tails:
        unread = sum(row["n_tokens"] for row in tails)
        words.append(f"{unread:,} tokens in {counted(len(tails), 'chunk')} are not read")
    words += [""] * len(held)
    return [
        _Lane(
            kind="chunk", name="" if i else "chunks, number: tokens", words=words[i], rows=some,
            tails=[tail for tail in tails if tail["number"] in numbers[i]],
        )
        for i, some in enumerate(held)
    ]  # fmt: skip


def _drawn(lane: _Lane, y: float) -> list[Any]:
    if lane.kind == "heading":
        starts = np.array([row["start"] for row in lane.rows])
        return [
            go.Scatter(
                x=starts, y=np.full(len(starts), y), mode="markers", cliponaxis=False,
                marker={"symbol": "line-ns-open", "size": BAR - 4, "color": INK,
                        "line": {"width": 2}},
                hovertext=np.array([hover(row["section"]) for row in lane.rows]),
                hoverinfo="text",
            )
        ]  # fmt: skip
    colours = {"chunk": BLUE, "evidence": GREEN, "overlap": INK, "gap": VERMILLION}
    bars = _bars(lane.rows, y, colour=colours[lane.kind])
    if lane.kind == "chunk":
        bars.update(
            text=np.array([_short_name(row) for row in lane.rows]), textposition="inside",
            insidetextanchor="start", textangle=0, textfont={"color": "#fff", "size": 11},
        )  # fmt: skip
    tails = _bars(lane.tails, y, colour="#fff")
    # Hatched, so that it is told without its colour too.
    tails.update(
        marker={"pattern": {"shape": "/", "fgcolor": VERMILLION, "bgcolor": "#fff", "size": 6},
                "line": {"color": VERMILLION, "width": 1}}
    )  # fmt: skip
    return [bars, tails] if lane.tails else [bars]


def _bars(rows: Sequence[Row], y: float, *, colour: str) -> Any:
    starts, ends = (
        np.array([row[name] for row in rows], dtype=np.float64) for name in ("start", "end")
    )
    return go.Bar(
        x=ends - starts, base=starts, y=np.full(len(rows), y), orientation="h", width=BAR,
        marker={"color": colour, "line": {"width": 0}}, hoverinfo="text",
        hovertext=np.array([_hover(row) for row in rows]),
    )  # fmt: skip


def _short_name(row: Row) -> str:
    return f"{row['number']}: {row['n_tokens']}"


def _hover(row: Row) -> str:
    tokens: str = "" if pd.isna(row["n_tokens"]) else f", {row['n_tokens']} tokens"
    kind = "not read by the encoder, end of chunk" if row["kind"] == "unread" else row["kind"]
    return hover(
        f"{kind} {row['number']}{tokens}",
        row["section"],
        f"characters {row['start']:,} to {row['end']:,}",
        row["note"],
        short(str(row["text"]), _EXCERPT),
    )
