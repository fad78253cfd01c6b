"""What another system made of a question set: a table, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from whymiss.evaluation.measures import parse_measure
from whymiss.evaluation.pinning import LabelProblem
from whymiss.evaluation.run import as_html, interval_of
from whymiss.evaluation.statistics import Interval
from whymiss.text import counted, esc

RANKS: Final = ("query_id", "stage", "n", "first", "complete", "unsure")
UNJUDGED: Final = ("query_id", "text", "reason")


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignRun:
    """A question set through another system: what `judge_traces` gives.

    table : one row per question, with the columns of `EvaluationRun.table`; what only whymiss'
        own runs know is empty. `lost_at` is NA where it cannot be told.
    ranks : one row per question and stage: how many passages `n` the list has, the `first` rank
        that holds some evidence, the rank at which it is `complete`, and why that is `unsure`.
    undefined : every score that does not exist, with its reason.
    unjudged : questions without a trace, traces without a question, and questions for which it
        cannot be told what a stage held, each with the reason.
    problems : labels that do not fit their document. Their questions are not in the table.
    """

    name: str
    measures: tuple[str, ...]
    table: pd.DataFrame
    ranks: pd.DataFrame
    undefined: pd.DataFrame
    unjudged: pd.DataFrame
    problems: tuple[LabelProblem, ...] = ()
    confidence: float = 0.95

    @cached_property
    def scores(self) -> dict[str, Interval]:
        """Each measure with its interval, over the questions that define it."""
        return {
            name: interval_of(parse_measure(name), self.table[name].tolist(), self.confidence)
            for name in self.measures
        }

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The same as a table, one row per measure."""
        rows = [
            [name, score.estimate, score.low, score.high, score.n, score.n_undefined]
            for name, score in self.scores.items()
        ]
        return pd.DataFrame(rows, columns=["measure", "value", "low", "high", "n", "n_undefined"])

    @cached_property
    def failures(self) -> pd.DataFrame:
        """Questions whose evidence did not arrive, by the stage that lost it, most first.

        `share` is of the questions for which that can be told.
        """
        told = self.table[self.table["lost_at"].notna()]
        groups = told[told["lost_at"] != ""].groupby("lost_at")["query_id"].agg(tuple)
        rows = [[stage, len(ids), len(ids) / len(told), ids] for stage, ids in groups.items()]
        rows.sort(key=lambda row: (-row[1], row[0]))
        return pd.DataFrame(rows, columns=["stage", "n", "share", "query_ids"])

    def __repr__(self) -> str:
        lines = [f"ForeignRun {self.name!r}: {counted(len(self.table), 'question')}"]
        if len(self.unjudged):
            lines[0] += f", {counted(len(self.unjudged), 'reason')} in unjudged"
        lines += [f"  {name}: {score} n={score.n}" for name, score in self.scores.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        said = repr(self).partition("\n")[0]
        return f"<p>{esc(said)}</p>{as_html(self.summary, index=False)}"
