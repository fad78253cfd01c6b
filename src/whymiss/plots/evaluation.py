"""Charts of one evaluation and of comparisons: values with intervals, slices, failures."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.plots.dots import Panel, Row, dots
from whymiss.plots.labels import check_columns, counted, estimate, hover, label
from whymiss.plots.rows import place_of, rows_of
from whymiss.plots.theme import BLUE, GREEN, INK, VERMILLION, Figure, figure, go, nothing

_VALUES: Final = ("measure", "value", "low", "high", "n", "n_undefined", "note")
_SUMMARY: Final = (*_VALUES, "unit", "confidence")
_SLICES: Final = ("slice", *_VALUES)
_FAILURES: Final = ("stage", "n", "share", "query_ids")
_COMPARED: Final = (
    "config", "measure", "n", "n_undefined", "difference", "low", "high", "confidence", "wins",
    "losses", "ties", "verdict", "note",
)  # fmt: skip
_VERDICTS: Final = {
    "better": ("triangle-up", GREEN),
    "worse": ("triangle-down", VERMILLION),
    "undecided": ("circle-open", INK),
}
_NAMED_QUESTIONS: Final = 12


def summary_dots(summary: pd.DataFrame) -> Figure:
    """Every measure of an evaluation with its interval; one axis per unit.

    Parameters
    ----------
    summary : one row per measure, as `EvaluationRun.summary` gives it.

    Raises
    ------
    InvalidRecordError : a column is missing.

    Examples
    --------
    >>> summary = pd.DataFrame([{
    ...     "measure": "recall@5", "unit": "share", "value": 0.8, "low": 0.7, "high": 0.9,
    ...     "confidence": 0.95, "n": 40, "n_undefined": 0, "note": "",
    ... }])
    >>> float(summary_dots(summary).data[0].x[0])
    0.8
    """
    check_columns(summary, _SUMMARY, who="summary_dots")
    title = "Measures with their intervals"
    if not len(summary):
        return nothing("Nothing was measured.", title=title)
    panels = [
        Panel(axis=str(unit), rows=tuple(_value_row(row, row["measure"]) for row in rows_of(part)))
        for unit, part in summary.groupby("unit", sort=False)
    ]
    return dots(panels, title=title)


def slice_dots(slices: pd.DataFrame, measure: str, *, overall: float | None = None) -> Figure:
    """One measure in each slice of the questions, best first; slices may overlap.

    Parameters
    ----------
    slices : one row per slice and measure, as `EvaluationRun.slices` gives it.
    overall : the value over all questions, drawn as a line.

    Raises
    ------
    ConfigError : the frame does not hold this measure.
    InvalidRecordError : a column is missing.

    Examples
    --------
    >>> slices = pd.DataFrame({
    ...     "slice": ["en", "de"], "measure": "recall@5", "value": [0.6, 0.8],
    ...     "low": [0.5, 0.7], "high": [0.7, 0.9], "n": 40, "n_undefined": 0, "note": "",
    ... })
    >>> slice_dots(slices, "recall@5", overall=0.7).layout.yaxis.ticktext.tolist()
    ['de (n = 40)', 'en (n = 40)']
    """
    check_columns(slices, _SLICES, who="slice_dots")
    title = f"{measure} by slice"
    if not len(slices):
        return nothing("There are no slices.", title=title)
    part = slices[slices["measure"] == measure]
    if not len(part):
        known = ", ".join(dict.fromkeys(slices["measure"].astype(str)))
        raise ConfigError(f"slice_dots: the slices have no measure {measure!r}; they have {known}.")
    # Stable, so that equal slices keep the order of the frame; undefined ones come last.
    part = part.sort_values("value", ascending=False, kind="stable", na_position="last")
    rows = tuple(_value_row(row, row["slice"], count=f"n = {row['n']}") for row in rows_of(part))
    if overall is None or pd.isna(overall):
        return dots([Panel(axis=measure, rows=rows)], title=title)
    name = f"all questions {overall:.3f}"
    return dots([Panel(axis=measure, rows=rows, line=overall, line_name=name)], title=title)


def failures_bar(failures: pd.DataFrame) -> Figure:
    """How many questions lost their evidence at which stage, in the order of the pipeline.

    Parameters
    ----------
    failures : one row per stage, as `EvaluationRun.failures` gives it. A miss of two branches,
        such as "dense, bm25", stands where the first of them does.

    Raises
    ------
    InvalidRecordError : a column is missing, or a stage is none of `STAGES`.

    Examples
    --------
    >>> failures = pd.DataFrame({
    ...     "stage": ["select", "chunk"], "n": [3, 1], "share": [0.75, 0.25],
    ...     "query_ids": [("q1", "q2", "q5"), ("q9",)],
    ... })
    >>> failures_bar(failures).layout.yaxis.ticktext.tolist()
    ['chunk', 'select']
    """
    check_columns(failures, _FAILURES, who="failures_bar")
    title = "Where questions lost their evidence"
    if not len(failures):
        return nothing("No question lost its evidence.", title=title)
    rows = sorted(
        rows_of(failures), key=lambda row: place_of(str(row["stage"]), who="failures_bar")
    )
    y, counts = np.arange(len(rows)), np.array([row["n"] for row in rows], dtype=np.float64)
    bars = go.Bar(
        x=counts, y=y, orientation="h",
        marker={"color": BLUE}, width=0.6, cliponaxis=False, textposition="outside",
        text=np.array([f"{row['n']} ({row['share']:.0%})" for row in rows]),
        hovertext=np.array([_failure_hover(row) for row in rows]), hoverinfo="text",
    )  # fmt: skip
    drawn = figure([bars], title=title, height=150 + 34 * len(rows))
    names = np.array([label(row["stage"]) for row in rows])
    drawn.update_yaxes(
        tickvals=y, ticktext=names, range=[len(rows) - 0.5, -0.5], showgrid=False, fixedrange=True
    )
    # Room for the words behind the longest bar.
    drawn.update_xaxes(
        title={"text": "questions (share of those that can be judged)"},
        range=[0, 1.15 * counts.max()],
        tickformat="d",
    )
    return drawn


def compare_dots(comparison: pd.DataFrame) -> Figure:
    """Every configuration's difference from the baseline, with its interval and the verdict.

    Parameters
    ----------
    comparison : one row per config and measure: the `table` of a `Comparison`.

    Raises
    ------
    InvalidRecordError : a column is missing, or a verdict is unknown.
    """
    check_columns(comparison, _COMPARED, who="compare_dots")
    title = "Difference from the baseline"
    if not len(comparison):
        return nothing("Nothing was compared.", title=title)
    panels = [
        Panel(
            axis=f"{measure}, config minus baseline",
            rows=tuple(_compared_row(row) for row in rows_of(part)),
            line=0.0,
            line_name="no difference",
        )
        for measure, part in comparison.groupby("measure", sort=False)
    ]
    return dots(panels, title=title)


def _value_row(row: Mapping[Hashable, Any], name: str, *, count: str = "") -> Row:
    confidence = f"{row['confidence']:.0%} interval" if "confidence" in row else ""
    return Row(
        name=name,
        value=row["value"],
        low=row["low"],
        high=row["high"],
        words=estimate(row["value"], row["low"], row["high"]),
        details=(counted(row["n"], row["n_undefined"]), confidence, row["note"]),
        why=row["note"],
        count=count,
    )


def _compared_row(row: Mapping[Hashable, Any]) -> Row:
    verdict = str(row["verdict"])
    if verdict not in _VERDICTS:
        raise InvalidRecordError(
            f"compare_dots needs the verdicts {', '.join(_VERDICTS)}; got {verdict!r}."
        )
    symbol, colour = _VERDICTS[verdict]
    difference = estimate(row["difference"], row["low"], row["high"], sign=True)
    return Row(
        name=str(row["config"]),
        value=row["difference"],
        low=row["low"],
        high=row["high"],
        words=f"{verdict}: {difference}",
        details=(
            f"{row['wins']} wins, {row['losses']} losses, {row['ties']} ties",
            counted(row["n"], row["n_undefined"]),
            f"{row['confidence']:.1%} interval",
            row["note"],
        ),
        why=row["note"],
        symbol=symbol,
        colour=colour,
    )


def _failure_hover(row: Mapping[Hashable, Any]) -> str:
    return hover(
        f"lost at {row['stage']}: {row['n']} ({row['share']:.1%})", _named(row["query_ids"])
    )


def _named(query_ids: Iterable[str]) -> str:
    """The first questions by name and the others by number."""
    every = list(query_ids)
    rest = len(every) - _NAMED_QUESTIONS
    shown = ", ".join(map(str, every[:_NAMED_QUESTIONS]))
    return f"{shown} and {rest} more" if rest > 0 else shown
