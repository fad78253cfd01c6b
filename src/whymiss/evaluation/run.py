"""What one configuration made of a set of questions: a table, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError
from whymiss.evaluation.measures import Measure, parse_measure
from whymiss.evaluation.measures.latency import percentile_of
from whymiss.evaluation.pinning import LabelProblem
from whymiss.evaluation.statistics import Interval, mean_interval
from whymiss.stages import STAGES

QUESTION_COLUMNS: Final = (
    "query_id", "text", "split", "tags", "principals", "answerable", "n_hits", "lost_at",
    "n_context_tokens", "n_dropped", "flags", "answer", "abstained",
)  # fmt: skip
SUMMARY: Final = (
    "measure", "unit", "value", "low", "high", "confidence", "method", "n", "n_empty",
    "n_undefined", "note",
)  # fmt: skip
SLICES: Final = ("slice", "measure", "value", "low", "high", "n", "n_undefined", "note")
UNDEFINED: Final = ("query_id", "measure", "reason")
_TYPES: Final = {"n_hits": "int64", "n_context_tokens": "Int64", "n_dropped": "Int64"}
SLICED_BY: Final = ("tags", "split", "lost_at")


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationRun:
    """A question set through one configuration.

    table : one row per question: `QUESTION_COLUMNS`, then one column per measure, NaN where it is
        undefined. `lost_at` names the stage that lost the evidence, "" where it was delivered, NA
        where nothing can be judged.
    undefined : every score that does not exist, with its reason.
    problems : labels that do not fit their document. Their questions are not in the table.
    seconds : wall time of each stage for all questions together; no latency of single ones.
    n_reused : rows that an interrupted run had left.
    """

    name: str
    config: PipelineConfig
    fingerprint: str
    index_name: str
    index_version: str
    model_version: str
    created: str
    measures: tuple[str, ...]
    table: pd.DataFrame
    undefined: pd.DataFrame
    problems: tuple[LabelProblem, ...] = ()
    seconds: Mapping[str, float]
    n_reused: int = 0
    confidence: float = 0.95

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per measure: its mean with an interval over the questions that define it.

        `n_empty` of the `n` questions retrieved nothing; they count. A measure of latency is the
        percentile of its name, without an interval.
        """
        rows = [
            {**_aggregate(parse_measure(name), self.table, self.confidence), "measure": name}
            for name in self.measures
        ]
        return pd.DataFrame(rows, columns=list(SUMMARY))

    def slices(self, by: str = "tags") -> pd.DataFrame:
        """The same for the questions of each tag, split or losing stage, sorted by name.

        A question with several tags stands in several slices; one without any is told as "(none)".

        Raises
        ------
        ConfigError : `by` is something else.
        """
        if by not in SLICED_BY:
            raise ConfigError(f"slices are by {', '.join(SLICED_BY)}; got {by!r}.")
        members: dict[str, list[int]] = {}
        for row, value in enumerate(self.table[by]):
            for name in _names(value):
                members.setdefault(name, []).append(row)
        rows = [
            {"slice": name, **_aggregate(parse_measure(m), self.table.iloc[some], self.confidence),
             "measure": m}
            for name, some in sorted(members.items())
            for m in self.measures
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(SLICES))

    @cached_property
    def failures(self) -> pd.DataFrame:
        """Questions whose evidence did not arrive, by the stage that lost it, in stage order.

        `share` is of the questions for which that can be judged.
        """
        judged = self.table[self.table["lost_at"].notna()]
        lost = judged[judged["lost_at"] != ""]
        groups = lost.groupby("lost_at")["query_id"].agg(tuple)
        rows = [
            {"stage": stage, "n": len(ids), "share": len(ids) / len(judged), "query_ids": ids}
            for stage, ids in sorted(groups.items(), key=lambda item: _stage_order(str(item[0])))
        ]
        return pd.DataFrame(rows, columns=["stage", "n", "share", "query_ids"])

    def score(self, measure: str) -> Interval:
        """One measure with its interval.

        Raises
        ------
        ConfigError : it was not measured in this run.
        """
        if measure not in self.measures:
            raise ConfigError(
                f"run {self.name!r} did not measure {measure!r}; it has "
                f"{', '.join(self.measures)}. Name it when evaluating."
            )
        return interval_of(parse_measure(measure), self.table[measure].tolist(), self.confidence)

    @property
    def n_questions(self) -> int:
        """Questions that were asked."""
        return len(self.table)

    def __repr__(self) -> str:
        lines = [f"EvaluationRun {self.name!r}: {self.n_questions} questions"]
        if self.problems:
            n_left_out = len({problem.query_id for problem in self.problems})
            lines[0] += f", {n_left_out} more left out because a label does not fit"
        scores = ((name, self.score(name)) for name in self.measures)
        lines += [f"  {name}: {score} n={score.n}" for name, score in scores]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.summary.round(4).to_html(index=False, na_rep="")


def typed_table(lines: Iterable[Mapping[str, Any]], measures: Sequence[str]) -> pd.DataFrame:
    """Rows of questions as a table whose columns have one type, however few there are."""
    rows = list(lines)
    columns: dict[str, Any] = {}
    for name in QUESTION_COLUMNS:
        values = [row[name] for row in rows]
        if name in ("tags", "principals", "flags"):
            values = [tuple(value) for value in values]
        columns[name] = pd.Series(values, dtype=_TYPES.get(name, object))
    columns["lost_at"] = columns["lost_at"].where(columns["lost_at"].notna(), pd.NA)
    for name in measures:
        columns[name] = pd.Series([row[name] for row in rows], dtype="float64")
    return pd.DataFrame(columns)


def interval_of(measure: Measure, values: Sequence[float], confidence: float) -> Interval:
    """The aggregate of a measure's values; NaN among them is left out and counted."""
    if measure.percentile is None:
        return mean_interval(values, confidence=confidence)
    known = [value for value in values if not math.isnan(value)]
    return Interval(
        estimate=percentile_of(known, measure.percentile, None).value,
        low=math.nan,
        high=math.nan,
        confidence=confidence,
        method=f"percentile {measure.percentile}",
        n=len(known),
        n_undefined=len(values) - len(known),
        undefined_because="a percentile is given as it was measured",
    )


def _aggregate(measure: Measure, table: pd.DataFrame, confidence: float) -> dict[str, Any]:
    interval = interval_of(measure, table[measure.name].tolist(), confidence)
    known = table[measure.name].notna()
    return {
        "unit": measure.unit,
        "value": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "confidence": confidence,
        "method": interval.method,
        "n": interval.n,
        "n_empty": int((table["n_hits"][known] == 0).sum()),
        "n_undefined": interval.n_undefined,
        "note": interval.undefined_because,
    }


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value or ("(none)",)
    return (str(value),) if isinstance(value, str) and value else ("(none)",)


def _stage_order(name: str) -> tuple[int, str]:
    # "dense, bm25" stands where its first stage does.
    return STAGES.index(name.partition(",")[0]), name
