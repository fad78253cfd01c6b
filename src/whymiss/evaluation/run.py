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
    """A question set through one configuration: what `Workbench.evaluate` gives.

    table : one row per question: `QUESTION_COLUMNS`, then one column per measure, NaN where it is
        undefined. `lost_at` names the stage that lost the evidence ("answer" where it was
        delivered and the generator abstained), "" where none did, NA where nothing can be judged.
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
        percentile of its name, without an interval. `note` says why there is no interval, and
        where a cutoff asks for more than the configuration hands on.
        """
        rows = [self._aggregate(name, self.table) for name in self.measures]
        return pd.DataFrame(rows, columns=list(SUMMARY))

    def slices(self, by: str = "tags") -> pd.DataFrame:
        """The same for the questions of each tag, split or losing stage, sorted by name.

        A question with several tags stands in several slices; one without any is told as "(none)".
        By losing stage there are "(not lost)" and "(not judged)" too.

        Raises
        ------
        ConfigError : `by` is something else.
        """
        if by not in SLICED_BY:
            raise ConfigError(f"slices are by {', '.join(SLICED_BY)}; got {by!r}.")
        members: dict[str, list[int]] = {}
        for row, value in enumerate(self.table[by]):
            for name in _lost(value) if by == "lost_at" else _names(value):
                members.setdefault(name, []).append(row)
        rows = [
            {"slice": name, **self._aggregate(measure, self.table.iloc[some])}
            for name, some in sorted(members.items())
            for measure in self.measures
        ]
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
        return as_html(self.summary, index=False)

    def _aggregate(self, name: str, table: pd.DataFrame) -> dict[str, Any]:
        measure = parse_measure(name)
        interval = interval_of(measure, table[name].tolist(), self.confidence)
        notes = (interval.undefined_because, _beyond(name, self.config.retrieval.k))
        return {
            "measure": name,
            "unit": measure.unit,
            "value": interval.estimate,
            "low": interval.low,
            "high": interval.high,
            "confidence": self.confidence,
            "method": interval.method,
            "n": interval.n,
            "n_empty": int((table["n_hits"][table[name].notna()] == 0).sum()),
            "n_undefined": interval.n_undefined,
            "note": "; ".join(note for note in notes if note),
        }


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


def undefined_table(rows: Iterable[tuple[str, str, str]]) -> pd.DataFrame:
    """Rows of (query_id, measure, reason) as a table."""
    # Plain objects: a sweep reads many of these back, and Arrow's texts take their time.
    return pd.DataFrame(list(rows), columns=list(UNDEFINED), dtype=object)


def interval_of(measure: Measure, values: Sequence[float], confidence: float) -> Interval:
    """The aggregate of a measure's values; NaN among them is left out and counted."""
    if measure.percentile is None:
        return mean_interval(values, confidence=confidence)
    known = [value for value in values if not math.isnan(value)]
    reason = "a percentile is given as it was measured" if known else "nothing was timed"
    return Interval(
        estimate=percentile_of(known, measure.percentile, None).value,
        low=math.nan,
        high=math.nan,
        confidence=confidence,
        method=f"percentile {measure.percentile}",
        n=len(known),
        n_undefined=len(values) - len(known),
        undefined_because=reason,
    )


def as_html(frame: pd.DataFrame, *, index: bool = True) -> str:
    """A frame as a notebook shows it: numbers rounded, texts whole and escaped."""
    with pd.option_context("display.max_colwidth", None):
        return frame.round(4).to_html(index=index, na_rep="")


def _beyond(measure: str, k: int) -> str:
    """What is to be said of a cutoff behind the last hit that there can be."""
    cutoff = measure.partition("@")[2]
    return f"the configuration hands on only {k}" if cutoff and int(cutoff) > k else ""


def _names(value: Any) -> tuple[str, ...]:
    names = dict.fromkeys(value if isinstance(value, tuple) else (value,))
    return tuple(str(name) for name in names if name) or ("(none)",)


def _lost(value: Any) -> tuple[str, ...]:
    return ("(not judged)",) if value is pd.NA else (value or "(not lost)",)


def _stage_order(name: str) -> tuple[int, str]:
    # "dense, bm25" stands where its first stage does.
    return STAGES.index(name.partition(",")[0]), name
