"""Runs of the same questions held against one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whymiss.errors import ConfigError, LabelError
from whymiss.evaluation.measures import parse_measure
from whymiss.evaluation.run import EvaluationRun
from whymiss.evaluation.statistics import Comparison, compare


def compare_runs(
    runs: Mapping[str, EvaluationRun],
    measures: Sequence[str],
    *,
    baseline: str | None = None,
    split: str = "",
    drop: bool = False,
) -> Comparison:
    """Hold runs against one of them, by default the first, with paired tests.

    Of a measure such as context tokens, less is a win.

    Parameters
    ----------
    split : only its questions.
    drop : leave out questions that not every run has, instead of refusing them.

    Raises
    ------
    MixedQueriesError : the runs do not have the same questions, unless told to drop the others.
    ConfigError : fewer than two runs, an unknown baseline or measure, or a percentile.
    LabelError : no question is of that split.
    """
    chosen = {name: parse_measure(name) for name in measures}
    if percentiles := [name for name, measure in chosen.items() if measure.percentile is not None]:
        raise ConfigError(
            f"compare tests means over questions; {percentiles[0]} is a percentile of all of them. "
            "Read it in the summary of each run."
        )
    tables = {name: run.table for name, run in runs.items()}
    if split:
        tables = {name: table[table["split"] == split] for name, table in tables.items()}
        if not any(map(len, tables.values())):
            raise LabelError(f"no question of these runs is of split {split!r}.")
    return compare(
        tables,
        baseline=baseline or next(iter(runs)),
        measures=list(chosen),
        lower_is_better=[name for name in chosen if not chosen[name].higher_is_better],
        on_missing="drop" if drop else "refuse",
    )
