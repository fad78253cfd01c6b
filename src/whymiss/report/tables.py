"""The tables of a report, row by row: the page and the notebook show the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd

from whymiss.config import PipelineConfig
from whymiss.evaluation.readiness import Check
from whymiss.evaluation.run import EvaluationRun
from whymiss.pages.markup import Child, is_missing, number

Rows = list[list[Child]]

FEW: Final = 20
"""Slices of fewer questions are marked: a single one moves their value by 5 points or more."""

MARKS: Final = {"met": "✓", "missed": "✗", "unknown": "?"}

CHECKS: Final = ("Check", "Verdict", "Number", "Threshold", "How it was found out")
SUMMARY: Final = ("Measure", "Value", "Interval", "Questions", "Found nothing", "Undefined", "Note")
FAILURES: Final = ("Stage that lost it", "Questions", "Share", "Which")
SLICES: Final = ("Slice", "Value", "Interval", "Questions", "Undefined", "Note")


def check_rows(
    checks: Sequence[Check], verdict: Callable[[str], Child] = lambda v: f"{MARKS[v]}\u00a0{v}"
) -> Rows:
    """The checklist; a verdict is a mark and a word, never a colour alone."""
    return [[c.name, verdict(c.verdict), c.number or "none", c.threshold, c.detail] for c in checks]


def tally(checks: Sequence[Check]) -> str:
    """How many lines of the checklist came out in which way.

    >>> tally([])
    '0 met, 0 missed, 0 unknown'
    """
    counts = Counter(check.verdict for check in checks)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("met", "missed", "unknown"))


def summary_rows(run: EvaluationRun) -> Rows:
    """One row per measure."""
    return [
        [
            str(row["measure"]),
            valued(row["value"], row["unit"]),
            interval(row, row["unit"]),
            number(row["n"]),
            number(row["n_empty"]),
            number(row["n_undefined"]),
            str(row["note"] or ""),
        ]
        for row in rows_of(run.summary)
    ]


def failure_rows(run: EvaluationRun, shown: Callable[[Sequence[str]], Child]) -> Rows:
    """One row per stage that lost evidence; `shown` writes the ids of its questions."""
    return [
        [str(row["stage"]), number(row["n"]), number(row["share"]), shown(row["query_ids"])]
        for row in rows_of(run.failures)
    ]


def slice_rows(run: EvaluationRun, measure: str) -> Rows:
    """One measure slice by slice, the lowest value first, undefined ones last."""
    rows = [row for row in rows_of(run.slices("tags")) if row["measure"] == measure]
    unit = {row["measure"]: row["unit"] for row in rows_of(run.summary)}.get(measure, "share")
    rows.sort(key=lambda r: (*_undefined_last(r["value"]), str(r["slice"])))
    return [
        [
            str(row["slice"]),
            valued(row["value"], unit),
            interval(row, unit),
            number(row["n"]),
            number(row["n_undefined"]),
            "; ".join(filter(None, ["few questions" if row["n"] < FEW else "", row["note"]])),
        ]
        for row in rows
    ]


def _undefined_last(value: Any) -> tuple[bool, float]:
    return (True, 0.0) if is_missing(value) else (False, float(value))


def undefined_rows(run: EvaluationRun) -> Rows:
    """Every reason why scores do not exist, for how many questions, and in which measures."""
    counts = Counter(zip(run.undefined["measure"], run.undefined["reason"], strict=True))
    groups: dict[tuple[str, int], list[str]] = {}
    for measure in run.measures:
        for (name, reason), n in sorted(counts.items()):
            if name == measure:
                groups.setdefault((reason, n), []).append(measure)
    return [[reason, number(n), ", ".join(measures)] for (reason, n), measures in groups.items()]


def knob_rows(run: EvaluationRun) -> Rows:
    """Every knob that differs from its default."""
    changed = run.config.diff(PipelineConfig())
    return [[knob, str(here), str(default)] for knob, (here, default) in changed.items()]


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as rows."""
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict(orient="records")]


def valued(value: Any, unit: str) -> str:
    """A value with its unit; a share has none.

    >>> valued(0.5, "share"), valued(12.34, "ms")
    ('0.500', '12.3 ms')
    """
    if is_missing(value):
        return "undefined"
    return number(value) if unit == "share" else f"{number(value, 1)} {unit}"


def interval(row: dict[str, Any], unit: str) -> str:
    """Both ends of an interval, or "none"; the reason stands in the row's note."""
    if is_missing(row["low"]) or is_missing(row["high"]):
        return "none"
    digits = 3 if unit == "share" else 1
    return f"{number(row['low'], digits)} to {number(row['high'], digits)}"
