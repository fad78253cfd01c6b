"""Where the time of requests goes, stage by stage."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.plots.labels import check_columns, hover, label, number
from whymiss.plots.rows import BAR, Row, bars, pieces, rows_figure, rows_of
from whymiss.plots.theme import BLUE, EMPTY_AXIS, INK, Figure, go, nothing
from whymiss.text import counted

_NEEDED: Final = ("stage", "n", "n_undefined", "p50", "p95", "note")


def latency_bars(latency: pd.DataFrame) -> Figure:
    """Milliseconds of each stage: a bar to the median, a line to the 95th percentile.

    Where no stage ran more than once the bars are the times themselves. Bars of stages do not add
    up to that of all stages: the medians are of different requests.

    Parameters
    ----------
    latency : one row per stage, as `evaluation.latency.latency_frame` gives it.

    Raises
    ------
    InvalidRecordError : a column is missing.

    Examples
    --------
    >>> latency = pd.DataFrame({
    ...     "stage": ["dense", "rerank"], "n": [40, 0], "n_undefined": [0, 40],
    ...     "p50": [4.0, float("nan")], "p95": [9.5, float("nan")], "note": ["", "did not run"],
    ... })
    >>> latency_bars(latency).layout.yaxis2.ticktext.tolist()
    ['4.00 ms, p95 9.50 ms (n = 40)', 'did not run']
    """
    check_columns(latency, _NEEDED, who="latency_bars")
    most = int(latency["n"].max()) if len(latency) else 0
    once = most == 1
    title = "Milliseconds of one request" if once else "Milliseconds by stage: median and p95"
    if not most:
        return nothing("No request was timed.", title=title)
    rows = rows_of(latency)
    words = [label(_words(row, once=once), width=60) for row in rows]
    drawn = rows_figure([label(row["stage"]) for row in rows], words, title=title)
    y = drawn.layout.yaxis.tickvals
    p50, p95 = (latency[name].to_numpy(dtype=np.float64) for name in ("p50", "p95"))
    said = [_hover(row, once=once) for row in rows]
    drawn.add_trace(bars(p50, y, base=np.zeros(len(rows)), colour=BLUE, said=said))
    if not once:
        drawn.add_traces(_up_to(p50, p95, y, said))
    longest = float(np.nanmax(p50 if once else p95))
    drawn.update_xaxes(title={"text": "ms"}, range=[0, 1.05 * longest], rangemode="tozero",
                       **({} if longest else EMPTY_AXIS))  # fmt: skip
    return drawn


def _up_to(p50: Any, p95: Any, y: Any, said: list[str]) -> list[Any]:
    """Lines from the median to p95, each with a bar across its end."""
    return [
        go.Scatter(
            x=pieces(np.column_stack([p50, p95])), y=pieces(np.repeat(y, 2)), mode="lines",
            line={"color": INK, "width": 2}, hoverinfo="skip",
        ),
        go.Scatter(
            x=p95, y=y, mode="markers", hovertext=np.array(said), hoverinfo="text",
            cliponaxis=False,
            marker={"symbol": "line-ns-open", "size": BAR - 6, "color": INK, "line": {"width": 2}},
        ),
    ]  # fmt: skip


def _words(row: Row, *, once: bool) -> str:
    if not row["n"]:
        return str(row["note"])
    if once:
        return f"{_ms(row['p50'])} ms"
    return f"{_ms(row['p50'])} ms, p95 {_ms(row['p95'])} ms (n = {row['n']})"


def _hover(row: Row, *, once: bool) -> str:
    missing = row["n_undefined"]
    return hover(
        f"{row['stage']}: {_words(row, once=once)}",
        f"did not run in {counted(missing, 'request')}" if missing and row["n"] else "",
    )


def _ms(value: float) -> str:
    """Milliseconds, to a hundredth below 10.

    >>> _ms(4.0), _ms(41.26)
    ('4.00', '41.3')
    """
    return f"{value:.2f}" if value < 10 else number(value)
