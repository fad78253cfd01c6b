"""A comparison on a terminal, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
import pandas as pd

from whymiss.cli.options import printable
from whymiss.cli.scores import counted, interval_text, p_text, signed_text, value_text
from whymiss.cli.show import print_frame
from whymiss.evaluation import parse_measure
from whymiss.evaluation.statistics import Comparison
from whymiss.frames import records


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """A comparison, the texts of its questions, and those that could not be asked."""

    comparison: Comparison
    texts: Mapping[str, str]
    left_out: Sequence[str] = ()

    def questions(self) -> pd.DataFrame:
        """Every question with its outcome and its text."""
        table = self.comparison.questions
        return table.assign(text=table["query_id"].map(dict(self.texts)))

    def flips(self) -> pd.DataFrame:
        """The questions that were won or lost, biggest change first."""
        table = self.questions()
        table = table[table["outcome"].isin(["win", "loss"])]
        order = table["difference"].abs().sort_values(ascending=False, kind="stable").index
        return table.loc[order].sort_values(["measure", "config", "outcome"], kind="stable")


def comparison_as_json(found: Compared) -> dict[str, Any]:
    """Everything of a comparison as plain values for JSON."""
    made = found.comparison
    # JSON has no infinity: an interval without an end has None there.
    table = made.table.replace([math.inf, -math.inf], math.nan)
    return {
        "baseline": made.baseline,
        "alpha": made.alpha,
        "power": made.power,
        "sentences": list(made.sentences()),
        "comparison": records(table),
        "missing": records(made.missing),
        "left_out": list(found.left_out),
        "questions": records(found.questions()),
    }


def print_comparison(found: Compared, *, wins: bool) -> None:
    """A sentence and a line of the table for every configuration and measure."""
    made = found.comparison
    n_questions = made.questions["query_id"].nunique()
    click.echo(printable(f"compared with {made.baseline!r} on {counted(n_questions, 'question')}"))
    if found.left_out:
        click.echo(
            printable(
                f"{counted(len(found.left_out), 'question')} left out, labels do not fit their "
                f"document (eval tells why): {', '.join(found.left_out)}"
            )
        )
    for sentence in made.sentences():
        click.echo(printable(sentence))
    click.echo()
    _print_table(made)
    if len(made.missing):
        click.echo()
        print_frame(made.missing, {name: name for name in made.missing.columns},
                    title="questions that a run lacks; not compared")  # fmt: skip
    if wins:
        _print_flips(found)


def _print_table(made: Comparison) -> None:
    table = made.table
    units = [parse_measure(name).unit for name in table["measure"]]
    shown = table.assign(
        difference=[signed_text(*pair) for pair in zip(table["difference"], units, strict=True)],
        interval=[
            interval_text(*row) for row in zip(table["low"], table["high"], units, strict=True)
        ],
        at=[f"{100 * confidence:.4g} %" for confidence in table["confidence"]],
        p_holm=[p_text(p) for p in table["p_holm"]],
        mde=[value_text(*pair) for pair in zip(table["mde"], units, strict=True)],
    )
    headings = {"measure": "measure", "config": "config", "difference": "difference",
                "interval": "interval", "at": "at", "p_holm": "p", "wins": "wins",
                "losses": "losses", "ties": "ties", "n_undefined": "undefined",
                "mde": "detectable", "verdict": "verdict"}  # fmt: skip
    print_frame(shown, headings, numbers=("difference", "interval", "at", "p_holm", "mde"))


def _print_flips(found: Compared) -> None:
    flips = found.flips()
    units = [parse_measure(name).unit for name in flips["measure"]]
    shown = flips.assign(
        **{name: [value_text(*pair) for pair in zip(flips[name], units, strict=True)]
           for name in ("baseline", "value")}
    )  # fmt: skip
    headings = {"outcome": "outcome", "config": "config", "measure": "measure",
                "query_id": "question", "baseline": "baseline", "value": "value",
                "text": "text"}  # fmt: skip
    click.echo()
    print_frame(shown, headings, title="questions won and lost", numbers=("baseline", "value"))
