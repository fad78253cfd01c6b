"""A sweep on a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import pandas as pd

from whymiss.cli.options import printable
from whymiss.cli.scores import counted, interval_text, value_text
from whymiss.cli.show import print_frame
from whymiss.cli.show_run import interval_heading, print_problems, problem_dicts
from whymiss.evaluation import EvaluationRun, Sweep, pareto_front, parse_measure
from whymiss.evaluation.sweeping import MS, TOKENS
from whymiss.frames import records

_COSTS: Final = {TOKENS: "tokens", MS: "ms a question"}


def quality_of(measures: Sequence[str]) -> str | None:
    """The measure that decides what is on the front: the first of which more is better."""
    return next((name for name in measures if parse_measure(name).higher_is_better), None)


def sweep_as_json(made: Sweep, measures: Sequence[str]) -> dict[str, Any]:
    """Everything of a sweep as plain values for JSON."""
    quality = quality_of(measures)
    return {
        "baseline": made.baseline,
        "knobs": list(made.knobs),
        "quality": quality,
        "front": records(_front(made, quality)) if quality else None,
        "table": records(made.table),
        "reused": [name for name in made.runs if name in made.reused],
        "skipped": dict(made.skipped),
        "problems": problem_dicts(_first(made).problems),
    }


def print_sweep(made: Sweep, measures: Sequence[str], questions: Path) -> None:
    """One line per configuration, the front marked; what was skipped, and what was not run now."""
    first = _first(made)
    click.echo(
        printable(
            f"{questions}: {counted(len(made.runs), 'configuration')}, "
            f"{counted(first.n_questions, 'question')} each" + _taken(made)
        )
    )
    print_problems(first.problems)
    click.echo()
    quality = quality_of(measures)
    table, headings = _lines(made, measures, quality)
    print_frame(table, headings, numbers=[*measures, *_COSTS, "interval"])
    if quality:
        click.echo(f"* nobody else has as much {quality} for as few context tokens")
    _print_undefined(made)
    if made.skipped:
        rows = pd.DataFrame(made.skipped.items(), columns=["config", "reason"])
        click.echo()
        print_frame(rows, {"config": "skipped", "reason": "because"}, width=200)


def _taken(made: Sweep) -> str:
    """What an earlier sweep had finished."""
    n_rows = sum(run.n_reused for name, run in made.runs.items() if name not in made.reused)
    found = []
    if made.reused:
        found.append(counted(len(made.reused), "configuration"))
    if n_rows:
        found.append(f"{counted(n_rows, 'question')} of others")
    told = f"; {' and '.join(found)} taken from an earlier sweep, --fresh asks all anew"
    return told if found else ""


def _lines(
    made: Sweep, measures: Sequence[str], quality: str | None
) -> tuple[pd.DataFrame, dict[str, str]]:
    by_measure = {name: part.set_index("config") for name, part in made.table.groupby("measure")}
    lines = pd.DataFrame({"config": list(made.runs)})
    headings = {"config": "configuration"}
    if quality:
        front = _front(made, quality).set_index("config")["on_front"]
        lines["on_front"] = ["*" if front[name] else "" for name in lines["config"]]
        headings = {"on_front": "*", **headings}
    for name in dict.fromkeys([*measures, *_COSTS]):
        part = by_measure[name].loc[lines["config"]]
        lines[name] = [value_text(*pair) for pair in zip(part["value"], part["unit"], strict=True)]
        headings[name] = _COSTS.get(name, name)
        if name == quality:
            ends = zip(part["low"], part["high"], part["unit"], strict=True)
            lines["interval"] = [interval_text(*row) for row in ends]
            headings["interval"] = interval_heading(_first(made))
    return lines, headings


def _print_undefined(made: Sweep) -> None:
    """Why scores are undefined; most often the same in every configuration."""
    parts = [run.undefined.assign(config=name) for name, run in made.runs.items()]
    table = pd.concat(parts, ignore_index=True)
    if not len(table):
        return
    counts = table.groupby(["measure", "reason", "config"], sort=False).size().rename("n")
    lines = counts.reset_index().groupby(["reason", "n", "config"], sort=False)["measure"]
    lines = lines.agg(tuple).reset_index().groupby(["reason", "n", "measure"], sort=False)["config"]
    shown = lines.agg(tuple).reset_index()
    everywhere = f"all {len(made.runs)}"
    shown["config"] = [
        everywhere if len(names) == len(made.runs) else names for names in shown["config"]
    ]
    headings = {"reason": "undefined because", "n": "questions", "measure": "measures",
                "config": "configurations"}  # fmt: skip
    click.echo()
    print_frame(shown, headings, width=100)


def _front(made: Sweep, quality: str) -> pd.DataFrame:
    return pareto_front(made.table, quality=quality, costs=[TOKENS])


def _first(made: Sweep) -> EvaluationRun:
    return made.runs[made.baseline]
