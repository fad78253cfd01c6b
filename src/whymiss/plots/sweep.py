"""Charts of a sweep: one measure over two knobs, and quality against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.pareto import knob_columns, pareto_front
from whymiss.plots.labels import check_columns, counted, estimate, hover, label, n_lines, number
from whymiss.plots.theme import BLUE, EMPTY_AXIS, INK, SCALE, Figure, figure, go

_NEEDED: Final = ("config", "measure", "unit", "value", "low", "high", "n", "n_undefined", "note")
_KEY_WIDTH: Final = 90


def heatmap(
    table: pd.DataFrame, *, measure: str, x: str, y: str, where: Mapping[str, Any] | None = None
) -> Figure:
    """One measure over two knobs of a sweep.

    A cell without a value stays blank and says "undefined"; a combination that was not part of
    the sweep says "not run". The interval, n and the reasons are shown under the pointer.

    Parameters
    ----------
    table : the tidy table of a sweep.
    x, y : the knobs across and down, such as "retrieval.k".
    where : the value at which every other varied knob is held, by its name.

    Raises
    ------
    ConfigError : the measure, a knob or a value is not in the sweep, or another knob varies too.
    InvalidRecordError : a column is missing, or two rows fall into one cell.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "config": ["a", "b"], "retrieval.k": [3, 5], "retrieval.mode": "dense",
    ...     "measure": "recall@5", "unit": "share", "value": [0.6, 0.8], "low": [0.5, 0.7],
    ...     "high": [0.7, 0.9], "n": 40, "n_undefined": 0, "note": "",
    ... })
    >>> drawn = heatmap(table, measure="recall@5", x="retrieval.k", y="retrieval.mode")
    >>> drawn.data[0].z.tolist()
    [[0.6, 0.8]]
    """
    check_columns(table, _NEEDED, who="heatmap")
    held = dict(where or {})
    part = _held(_of_measure(table, measure), x, y, held)
    across, down = _in_order(part[x]), _in_order(part[y])
    cells = _cells(part, x, y, across, down)
    grid = [[cells.get((i, j)) for i in range(len(across))] for j in range(len(down))]
    values = np.array(
        [[np.nan if row is None else row["value"] for row in line] for line in grid],
        dtype=np.float64,
    )
    numbers = np.array([["" if np.isnan(v) else number(v) for v in line] for line in values])
    hovers = [
        [_cell_hover(row, (x, across[i]), (y, down[j]), measure) for i, row in enumerate(line)]
        for j, line in enumerate(grid)
    ]
    unit = str(part["unit"].iloc[0])
    colours = go.Heatmap(
        x=np.arange(len(across)), y=np.arange(len(down)), z=values, colorscale=SCALE,
        text=numbers, texttemplate="%{text}", hovertext=np.array(hovers), hoverinfo="text",
        xgap=2, ygap=2, hoverongaps=False,
        colorbar={"title": {"text": label(unit), "side": "top"},
                  "outlinewidth": 0, "thickness": 14},
    )  # fmt: skip
    drawn = figure(
        [colours, _gaps(grid, hovers)], title=_title(measure, x, y, held),
        height=170 + 46 * len(down),
    )  # fmt: skip
    _knob_axis(drawn.update_xaxes, x, across)
    _knob_axis(drawn.update_yaxes, y, down, downwards=True)
    return drawn


def pareto(table: pd.DataFrame, *, quality: str, cost: str) -> Figure:
    """Quality against cost, one point per configuration, with the front that nobody beats.

    Points of the front are numbered squares, joined by the best quality to be had at each
    cost; the key below gives their configurations. The others are open circles. Bars are
    intervals of the quality.

    Parameters
    ----------
    table : the tidy table of a sweep.
    quality, cost : measures of it, as `pareto_front` wants them.

    Raises
    ------
    ConfigError : as `pareto_front` does.
    InvalidRecordError : as `pareto_front` does, or a column is missing.
    """
    check_columns(table, _NEEDED, who="pareto")
    front = pareto_front(table, quality=quality, costs=[cost])
    shown = front.dropna(subset=[quality, cost])
    best = shown[shown["on_front"]].sort_values([cost, quality])
    others = shown[~shown["on_front"]]
    undefined = front[front[[quality, cost]].isna().any(axis=1)]
    traces = [
        go.Scatter(x=best[cost].to_numpy(), y=best[quality].to_numpy(), mode="lines",
                   line={"shape": "hv", "color": BLUE, "width": 2}, hoverinfo="skip",
                   name="best to be had at this cost"),
        _points(others, quality, cost, name="beaten by another", symbol="circle-open",
                colour=INK),
    ]  # fmt: skip
    for i, (_, row) in enumerate(best.iterrows(), start=1):
        point = _points(row.to_frame().T, quality, cost, name=f"{i}. {row['config']}",
                        symbol="square", colour=BLUE)  # fmt: skip
        # The number stands in the mark, where no other point's bar can run through it.
        point.update(text=np.array([str(i)]), textfont={"color": "#fff", "size": 11})
        point.update(marker={"size": 15, "line": {"width": 0}})
        traces.append(point)
    return _pareto_figure(traces, table, quality, cost, undefined)


def _of_measure(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    part = table[table["measure"] == measure]
    if not len(part):
        known = ", ".join(dict.fromkeys(table["measure"].astype(str))) or "none"
        raise ConfigError(f"heatmap: the sweep has no measure {measure!r}; it has {known}.")
    return part


def _held(part: pd.DataFrame, x: str, y: str, held: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of the chart: other knobs at the values given for them."""
    knobs = knob_columns(part)
    for name in (x, y, *held):
        if name not in knobs:
            raise ConfigError(
                f"heatmap: the sweep does not vary {name!r}; "
                f"it varies {', '.join(knobs) or 'none'}."
            )
    if x == y:
        raise ConfigError(f"heatmap needs two different knobs; got {x!r} for x and y.")
    for name, wanted in held.items():
        if not any(_same(value, wanted) for value in part[name]):
            raise ConfigError(
                f"heatmap: no configuration has {name} = {_shown(wanted)}; "
                f"there are {_choices(part[name])}."
            )
        part = part[[_same(value, wanted) for value in part[name]]]
    varying = [name for name in knobs if name not in (x, y) and len(_in_order(part[name])) > 1]
    if varying:
        others = "; ".join(f"{name} ({_choices(part[name])})" for name in varying)
        raise ConfigError(
            f"heatmap shows two knobs, but this sweep also varies {others}. "
            f"Hold each at one value: where={{{varying[0]!r}: ...}}."
        )
    return part


def _same(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) or (_is_unset(value) and _is_unset(wanted))


def _is_unset(value: Any) -> bool:
    # A column of numbers turns None into NaN.
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _shown(value: Any) -> str:
    if _is_unset(value):
        return "not set"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choices(values: pd.Series[Any]) -> str:
    return ", ".join(map(_shown, _in_order(values)))


def _in_order(values: pd.Series[Any]) -> list[Any]:
    """Different values: numbers ascending, anything else as the sweep lists them."""
    found: list[Any] = []
    for value in values:
        if not any(_same(value, other) for other in found):
            found.append(value)
    is_number = all(isinstance(v, int | float | np.number) or _is_unset(v) for v in found)
    # What is not set comes first, as the smallest.
    return sorted(found, key=lambda v: -np.inf if _is_unset(v) else v) if is_number else found


def _cells(
    part: pd.DataFrame, x: str, y: str, across: Sequence[Any], down: Sequence[Any]
) -> dict[tuple[int, int], dict[Any, Any]]:
    cells: dict[tuple[int, int], dict[Any, Any]] = {}
    for row in part.to_dict(orient="records"):
        i = next(i for i, value in enumerate(across) if _same(value, row[x]))
        j = next(j for j, value in enumerate(down) if _same(value, row[y]))
        if (i, j) in cells:
            raise InvalidRecordError(
                f"heatmap needs one row per cell; {cells[i, j]['config']!r} and "
                f"{row['config']!r} both have {x} = {_shown(row[x])}, {y} = {_shown(row[y])}."
            )
        cells[i, j] = row
    return cells


def _cell_hover(
    row: Mapping[Any, Any] | None, x: tuple[str, Any], y: tuple[str, Any], measure: str
) -> str:
    place = [f"{name} = {_shown(value)}" for name, value in (x, y)]
    if row is None:
        return hover(*place, "not run: the sweep has no such combination")
    value = estimate(row["value"], row["low"], row["high"])
    count = counted(row["n"], row["n_undefined"])
    return hover(row["config"], *place, f"{measure}: {value}", count, row["note"])


def _gaps(grid: Sequence[Sequence[Any]], hovers: Sequence[Sequence[str]]) -> Any:
    """Words in the cells that have no colour."""
    places = [
        (i, j, "not run" if row is None else "undefined")
        for j, line in enumerate(grid)
        for i, row in enumerate(line)
        if row is None or np.isnan(row["value"])
    ]
    return go.Scatter(
        x=np.array([i for i, _, _ in places]), y=np.array([j for _, j, _ in places]), mode="text",
        text=np.array([word for _, _, word in places]), textfont={"color": INK},
        hovertext=np.array([hovers[j][i] for i, j, _ in places]), hoverinfo="text",
    )  # fmt: skip


def _title(measure: str, x: str, y: str, held: Mapping[str, Any]) -> str:
    at = ", ".join(f"{name} = {_shown(value)}" for name, value in held.items())
    return f"{measure} over {x} and {y}" + (f" at {at}" if at else "")


def _knob_axis(update: Any, name: str, values: Sequence[Any], *, downwards: bool = False) -> None:
    ends = [-0.5, len(values) - 0.5]
    names = np.array([label(_shown(value), width=24) for value in values])
    update(
        tickvals=np.arange(len(values)), ticktext=names, title={"text": label(name)},
        showgrid=False, range=ends[::-1] if downwards else ends,
    )  # fmt: skip


def _points(
    rows: pd.DataFrame, quality: str, cost: str, *, name: str, symbol: str, colour: str
) -> Any:
    values, low, high = (rows[c].to_numpy(dtype=np.float64) for c in (quality, "low", "high"))
    hovers = [
        hover(
            row["config"],
            f"{quality}: {estimate(row[quality], row['low'], row['high'])}, n = {row['n']}",
            f"{cost}: {number(row[cost])}",
            f"beaten by {row['beaten_by']}" if row["beaten_by"] else "nobody beats it",
            row["note"],
        )
        for row in rows.to_dict(orient="records")
    ]
    return go.Scatter(
        x=rows[cost].to_numpy(dtype=np.float64), y=values, mode="markers+text",
        name=label(name, width=_KEY_WIDTH),
        marker={"symbol": symbol, "size": 11, "color": colour,
                "line": {"width": 2, "color": colour}},
        error_y={"array": high - values, "arrayminus": values - low, "symmetric": False,
                 "color": INK, "thickness": 1.2, "width": 4},
        cliponaxis=False,
        hovertext=np.array(hovers), hoverinfo="text",
    )  # fmt: skip


def _pareto_figure(
    traces: Sequence[Any], table: pd.DataFrame, quality: str, cost: str, undefined: pd.DataFrame
) -> Figure:
    units = dict(zip(table["measure"], table["unit"], strict=True))
    n_lines_of_key = sum(n_lines(trace.name) for trace in traces)
    left_out = [f"{row['config']}: {row['note']}" for row in undefined.to_dict(orient="records")]
    drawn = figure(
        traces,
        title=f"{quality} against {cost}",
        height=460 + 20 * (n_lines_of_key + len(left_out)),
    )
    drawn.update_layout(
        showlegend=True,
        legend={"orientation": "v", "y": -0.2, "yanchor": "top", "x": 0, "xanchor": "left"},
    )
    drawn.update_xaxes(title={"text": label(f"{cost} ({units[cost]}), less is better", width=80)})
    drawn.update_yaxes(
        title={"text": label(f"{quality} ({units[quality]}), more is better", width=60)}
    )
    if len(left_out) == table["config"].nunique():
        drawn.update_xaxes(**EMPTY_AXIS)
        drawn.update_yaxes(**EMPTY_AXIS)
    for line in left_out:
        # A trace without points: the key is where the words of the chart stand.
        empty = go.Scatter(
            x=np.array([np.nan]), y=np.array([np.nan]), mode="markers",
            marker={"symbol": "x-thin-open", "color": INK},
            name=label(f"not drawn: {line}", width=_KEY_WIDTH),
        )  # fmt: skip
        drawn.add_trace(empty)
    return drawn
