"""Charts of diagnoses: failures by stage and cause, headroom by step, one question's funnel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.plots.labels import check_columns, hover, label, number
from whymiss.plots.rows import (
    BAR,
    FIRST,
    WORDS_WIDTH,
    Row,
    bars,
    pieces,
    place_of,
    rank_axis,
    rows_figure,
    rows_of,
)
from whymiss.plots.theme import (
    BLUE,
    EMPTY_AXIS,
    GREEN,
    GRID,
    INK,
    VERMILLION,
    Figure,
    go,
    nothing,
)

_FAILURES: Final = ("stage", "cause", "name", "n", "share", "query_ids")
_HEADROOM: Final = ("step", "n", "share", "low", "high", "score_after", "query_ids", "perfect")
_FUNNEL: Final = ("stage", "holds", "rank", "n", "cut", "margin", "displaced_by", "note")
_HUES: Final = (BLUE, VERMILLION, GREEN)


def cause_bars(failures: pd.DataFrame) -> Figure:
    r"""How many questions fail at which stage, and by which cause.

    Parameters
    ----------
    failures : one row per stage and cause, as `Survey.failures` gives it; the cause is empty where
        none is proven.

    Raises
    ------
    InvalidRecordError : a column is missing, or a stage is none of `STAGES`.

    Examples
    --------
    >>> failures = pd.DataFrame({
    ...     "stage": ["chunk", "select", "select"], "cause": ["S2a", "S8", ""],
    ...     "name": ["SpanCutByBoundary", "CutOffByK", ""], "n": [1, 3, 2],
    ...     "share": [0.1, 0.3, 0.2], "query_ids": [("q1",), ("q2", "q5", "q6"), ("q3", "q4")],
    ... })
    >>> cause_bars(failures).layout.yaxis2.ticktext.tolist()
    ['1:\xa0S2a\xa0SpanCutByBoundary\xa01', '5:\xa0S8\xa0CutOffByK\xa03, unexplained\xa02']
    """
    check_columns(failures, _FAILURES, who="cause_bars")
    title = "Failed questions by stage at fault and proven cause"
    if not len(failures):
        return nothing("No question failed.", title=title)
    stages = _by_stage(failures)
    words = [label(_stage_words(rows), width=WORDS_WIDTH) for rows in stages.values()]
    drawn = rows_figure([label(stage) for stage in stages], words, title=title)
    y = drawn.layout.yaxis.tickvals
    longest = max(sum(row["n"] for row in rows) for rows in stages.values())
    for place, rows in zip(y, stages.values(), strict=True):
        start = 0
        for position, row in enumerate(rows):
            drawn.add_trace(_segment(row, position, start=start, y=place, longest=longest))
            start += row["n"]
    drawn.update_layout(barmode="overlay")
    drawn.update_xaxes(title={"text": "questions"}, range=[0, 1.02 * longest], tickformat="d")
    return drawn


def headroom_steps(headroom: pd.DataFrame) -> Figure:
    """From the score to 1: what each step would bring if it and all behind it were perfect.

    Read from the bottom up: the score as it is, then the steps from the end of the pipeline to
    its front, each beginning where the one below it ends.

    Parameters
    ----------
    headroom : one row per step in the order of the pipeline, as `Survey.headroom` gives it.

    Raises
    ------
    InvalidRecordError : a column is missing.
    """
    check_columns(headroom, _HEADROOM, who="headroom_steps")
    title = "Score if each step, and all behind it, were perfect"
    if not len(headroom) or headroom["score_after"].isna().any():
        return nothing("No question can be judged.", title=title)
    steps = rows_of(headroom)
    share = headroom["share"].to_numpy(dtype=np.float64)
    after = headroom["score_after"].to_numpy(dtype=np.float64)
    score = float(after[-1] - share[-1])
    names = [label(row["step"]) for row in steps]
    words = [f"+{number(row['share'])} ({row['n']})" if row["n"] else "+0" for row in steps]
    drawn = rows_figure([*names, "score as it is"], [*words, number(score)], title=title)
    y = drawn.layout.yaxis.tickvals
    said = [_step_hover(row) for row in steps]
    drawn.add_trace(bars(share, y[:-1], base=after - share, colour=GREEN, said=said))
    drawn.add_trace(
        bars(np.array([score]), y[-1:], base=np.zeros(1), colour=BLUE,
              said=[hover(f"score as it is: {number(score)}")])
    )  # fmt: skip
    begins = after - share
    drawn.add_trace(
        go.Scatter(
            x=pieces(np.repeat(begins, 2)), y=pieces(np.column_stack([y[:-1], y[1:]]).ravel()),
            mode="lines", line={"color": INK, "width": 1, "dash": "dot"}, hoverinfo="skip",
        )
    )  # fmt: skip
    drawn.update_layout(barmode="overlay")
    drawn.update_xaxes(title={"text": "share of judged questions"}, range=[0, 1.02])
    return drawn


def stage_funnel(funnel: pd.DataFrame) -> Figure:
    """The evidence of one question from stage to stage: its rank, and the cut it must be within.

    A bar runs over all that a stage handed on, a line stands behind the last that the next stage
    looks at, and a mark stands where the evidence is complete: a dot within the cut, a cross
    behind it. Stages without an order have words alone.

    Parameters
    ----------
    funnel : one row per stage, as `funnel_table` gives it.

    Raises
    ------
    InvalidRecordError : a column is missing, or a stage is none of `STAGES`.
    """
    check_columns(funnel, _FUNNEL, who="stage_funnel")
    title = "The evidence from stage to stage"
    if not len(funnel):
        return nothing("No stage was gone through.", title=title)
    rows = sorted(rows_of(funnel), key=lambda row: place_of(str(row["stage"]), who="stage_funnel"))
    words = [label(_funnel_words(row), width=WORDS_WIDTH) for row in rows]
    drawn = rows_figure([label(row["stage"]) for row in rows], words, title=title)
    y = dict(zip(map(id, rows), drawn.layout.yaxis.tickvals, strict=True))
    ordered = [row for row in rows if not pd.isna(row["cut"])]
    for trace in _orderings(ordered, [y[id(row)] for row in ordered]):
        drawn.add_trace(trace)
    most = max((int(row["n"]) for row in ordered), default=1)
    drawn.update_xaxes(
        title={"text": "rank (a line is the cut, behind which the next stage does not look)"},
        **rank_axis(most), **({} if ordered else EMPTY_AXIS),
    )  # fmt: skip
    return drawn


def _segment(row: Row, position: int, *, start: int, y: float, longest: int) -> Any:
    """One cause within the bar of its stage."""
    code = str(row["cause"])
    shown = label(code) if code else "?"
    said = f"{_cause(row)} at {row['stage']}: {row['n']} ({row['share']:.1%})"
    bar = bars(
        np.array([row["n"]]), np.array([y]), base=np.array([start]),
        colour=_HUES[position % len(_HUES)] if code else INK,
        said=[hover(said, ", ".join(map(str, row["query_ids"])))],
    )  # fmt: skip
    # A code that would be cut stands in the words on the right alone.
    if row["n"] / longest * 40 >= len(code) + 1:
        bar.update(
            text=np.array([shown]), textposition="inside", insidetextanchor="middle",
            textangle=0, textfont={"color": "#fff", "size": 11},
        )  # fmt: skip
    return bar


def _by_stage(failures: pd.DataFrame) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(rows_of(failures), key=lambda r: place_of(str(r["stage"]), who="cause_bars")):
        found.setdefault(str(row["stage"]), []).append(row)
    return found


def _stage_words(rows: Sequence[Row]) -> str:
    total = sum(row["n"] for row in rows)
    # A cause stays on one line with its number.
    said = [f"{_cause(row)} {row['n']}".replace(" ", "\u00a0") for row in rows]
    return f"{total}:\u00a0{', '.join(said)}"


def _cause(row: Row) -> str:
    return f"{row['cause']} {row['name']}" if row["cause"] else "unexplained"


def _step_hover(row: Row) -> str:
    interval = f"[{number(row['low'])}, {number(row['high'])}]"
    return hover(
        f"{row['step']}: {row['n']} questions, {number(row['share'])} {interval}",
        f"perfect: {row['perfect']}",
        f"score after: {number(row['score_after'])}",
        ", ".join(map(str, row["query_ids"])),
    )


def _orderings(rows: Sequence[Row], y: Sequence[float]) -> list[Any]:
    """What stages with an order handed on, where they are cut, and where the evidence stands."""
    places = np.array(y, dtype=np.float64)
    counts, ranks, cuts = (
        np.array([np.nan if pd.isna(row[name]) else row[name] for row in rows], dtype=np.float64)
        for name in ("n", "rank", "cut")
    )
    within = np.array([not pd.isna(row["holds"]) and bool(row["holds"]) for row in rows])
    said = np.array([_funnel_hover(row) for row in rows])
    half = BAR / 2 + 3
    return [
        go.Bar(
            x=counts + 0.5 - FIRST, y=places, base=np.full(len(rows), FIRST), orientation="h",
            width=BAR, marker={"color": GRID}, hovertext=said, hoverinfo="text",
        ),
        go.Scatter(
            x=pieces(np.repeat(cuts + 0.5, 2)), mode="lines", line={"color": INK, "width": 2},
            y=pieces(np.column_stack([places - half, places + half]).ravel()), hoverinfo="skip",
        ),
        go.Scatter(
            x=ranks, y=places, mode="markers", hovertext=said, hoverinfo="text", cliponaxis=False,
            marker={"size": 12, "color": np.where(within, GREEN, VERMILLION),
                    "symbol": np.where(within, "circle", "x")},
        ),
    ]  # fmt: skip


def _funnel_words(row: Row) -> str:
    held: str = (
        "– not told" if pd.isna(row["holds"]) else "✓ there" if row["holds"] else "✗ not there"
    )
    if pd.isna(row["cut"]):
        return f"{held}; {row['note']}" if row["note"] else held
    among = f"not among {row['n']}" if pd.isna(row["rank"]) else f"rank {row['rank']} of {row['n']}"
    return f"{held}: {among}" + (f", cut {row['cut']}" if row["cut"] < row["n"] else "")


def _funnel_hover(row: Row) -> str:
    ahead = ", ".join(map(str, row["displaced_by"]))
    return hover(
        f"{row['stage']}: {_funnel_words(row)}",
        "" if pd.isna(row["margin"]) else f"margin to the cut: {number(row['margin'], sign=True)}",
        f"in front: {ahead}" if ahead else "",
        row["note"],
    )
