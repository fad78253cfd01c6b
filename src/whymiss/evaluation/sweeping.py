"""Many configurations over one question set: what they share is computed once, and resumed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

import pandas as pd

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError
from whymiss.evaluation.labels import Question
from whymiss.evaluation.log import EvaluationLog
from whymiss.evaluation.run import EvaluationRun
from whymiss.evaluation.running import (
    NO_MATTER,
    Progress,
    default_measures,
    evaluate,
    question_key,
)
from whymiss.evaluation.saved import run_from_dict, run_to_dict
from whymiss.evaluation.statistics import Comparison, compare
from whymiss.pipeline import Pipeline
from whymiss.records import canonical_json, digest

MS: Final = "ms_per_question"
TOKENS: Final = "context_tokens"
_AGGREGATE: Final = ("measure", "unit", "value", "low", "high", "n", "n_undefined", "note")


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """How to run a configuration: what decides its result besides its knobs, and its pipeline.

    version : changes with the documents, the models and the code that chunks; "" where that
        cannot be told, and then nothing earlier is taken for it.
    pipeline : opens it. Configurations of one index must get one and the same search space.
    """

    version: str
    pipeline: Callable[[], Pipeline]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """Runs of one question set by configuration, and the knobs that vary.

    `skipped` are combinations that are no valid configuration, with the reason.
    """

    runs: Mapping[str, EvaluationRun]
    knobs: tuple[str, ...]
    baseline: str
    reused: frozenset[str]
    skipped: Mapping[str, str]

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy: one row per configuration and measure.

        `config`, `fingerprint`, a column for each varied knob, the aggregate of the measure, and
        whether the run was finished earlier. "context_tokens" is the mean size of the packed
        context; "ms_per_question" the time in batch of all stages that the configuration uses,
        shared ones in full: both are costs.
        """
        rows = [
            {
                "config": name,
                "fingerprint": run.fingerprint,
                **{knob: run.config.flat()[knob] for knob in self.knobs},
                **aggregate,
                "reused": name in self.reused,
            }
            for name, run in self.runs.items()
            for aggregate in [*_aggregates(run), _time(run)]
        ]
        columns = ["config", "fingerprint", *self.knobs, *_AGGREGATE, "reused"]
        return pd.DataFrame(rows, columns=columns)

    def compare(self, measures: Sequence[str], *, baseline: str | None = None) -> Comparison:
        """Every configuration against one, by default the first, on the same questions."""
        per_query = {name: run.table for name, run in self.runs.items()}
        return compare(per_query, baseline=baseline or self.baseline, measures=measures)

    def __repr__(self) -> str:
        told = f"Sweep of {len(self.runs)} configurations over {', '.join(self.knobs)}"
        return f"{told}; {len(self.skipped)} skipped" if self.skipped else told

    def _repr_html_(self) -> str:
        wide = self.table.pivot_table(index="config", columns="measure", values="value", sort=False)
        return wide.round(4).to_html()


def grid(
    base: PipelineConfig, knobs: Mapping[str, Iterable[Any]]
) -> tuple[dict[str, PipelineConfig], dict[str, str]]:
    """Every combination of knob values as a configuration by label, and the invalid ones by reason.

    Raises
    ------
    ConfigError : a knob is unknown, or has no values.

    Examples
    --------
    >>> configs, skipped = grid(PipelineConfig(), {"retrieval.k": [3, 5], "rerank.depth": [50]})
    >>> list(configs)
    ['k=3 depth=50', 'k=5 depth=50']
    >>> grid(PipelineConfig(), {"retrieval.k": [500]})[1]
    {'k=500': 'retrieval.candidate_depth must be at least retrieval.k; got 50 and 500.'}
    """
    values = {knob: list(given) for knob, given in knobs.items()}
    unknown = [knob for knob in values if knob not in base.flat()]
    empty = [knob for knob, given in values.items() if not given]
    if unknown or empty or not values:
        what = f"unknown knob {unknown[0]!r}" if unknown else f"no values for {empty or 'any knob'}"
        raise ConfigError(f"a sweep needs knobs, each with at least one value; got {what}.")
    short = {knob: _short(knob, values) for knob in values}
    configs: dict[str, PipelineConfig] = {}
    skipped: dict[str, str] = {}
    for combination in itertools.product(*values.values()):
        chosen = dict(zip(values, combination, strict=True))
        label = " ".join(f"{short[knob]}={value}" for knob, value in chosen.items())
        try:
            configs[label] = base.replace(chosen)
        except ConfigError as error:
            skipped[label] = str(error)
    return configs, skipped


def sweep(
    configs: Mapping[str, PipelineConfig],
    questions: Sequence[Question],
    *,
    trial: Callable[[PipelineConfig], Trial],
    measures: Sequence[str] | None = None,
    answers: bool = False,
    log: EvaluationLog | None = None,
    resume: bool = True,
    skipped: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Evaluate configurations on the same questions; the first is the baseline.

    Configurations of one index are run together: questions are encoded and branches searched once,
    fused once per weight, packed once per selection. Finished ones are kept in the log, and so are
    finished questions of unfinished ones: stopped and started again, the sweep goes on.

    Parameters
    ----------
    trial : how to run a configuration.
    resume : take finished configurations and questions from the log.

    Raises
    ------
    ConfigError : there is no configuration.
    """
    if not configs:
        reasons = "; ".join((skipped or {}).values())
        raise ConfigError(f"a sweep needs at least one valid configuration; got none. {reasons}")
    chosen = tuple(measures) if measures else default_measures(questions, answers=answers)
    chosen = tuple(dict.fromkeys([*chosen, TOKENS]))
    asked = [question_key(question) for question in questions]
    trials = {name: trial(config) for name, config in configs.items()}
    keys = {n: _trial_key(configs[n], trials[n].version, chosen, answers, asked) for n in configs}
    runs = _kept(keys, log) if resume else {}
    reused = frozenset(runs)
    for names in _by_index({n: c for n, c in configs.items() if n not in runs}):
        pipelines = {name: trials[name].pipeline() for name in names}
        runs |= evaluate(
            pipelines,
            questions,
            measures=chosen,
            log=log,
            resume=resume,
            finished=partial(_keep, keys, log),
            progress=progress,
        )
    return Sweep(
        runs={name: replace(runs[name], name=name) for name in configs},
        knobs=_varied(configs),
        baseline=next(iter(configs)),
        reused=reused,
        skipped=dict(skipped or {}),
    )


def _keep(keys: Mapping[str, str], log: EvaluationLog | None, run: EvaluationRun) -> None:
    if log is not None and keys[run.name]:
        log.finish(keys[run.name], run_to_dict(run))


def _kept(keys: Mapping[str, str], log: EvaluationLog | None) -> dict[str, EvaluationRun]:
    found = {name: log.finished(key) for name, key in keys.items() if key} if log else {}
    return {name: run_from_dict(body) for name, body in found.items() if body}


def _trial_key(
    config: PipelineConfig,
    version: str,
    measures: Sequence[str],
    answers: bool,
    asked: Sequence[str],
) -> str:
    """All that decides a trial, known before its index is built; "" where it is not."""
    if not version:
        return ""
    knobs = {
        knob: value
        for knob, value in config.flat().items()
        if not knob.startswith(NO_MATTER) and knob != "index.name"
    }
    return digest(canonical_json([knobs, version, list(measures), answers, sorted(asked)]))


def _by_index(configs: Mapping[str, PipelineConfig]) -> list[list[str]]:
    """Names of configurations that search one index, in the order of the first of each."""
    groups: dict[str, list[str]] = {}
    for name, config in configs.items():
        searched = canonical_json([config.index_knobs(), config.embedding.query_prefix])
        groups.setdefault(searched, []).append(name)
    return list(groups.values())


def _varied(configs: Mapping[str, PipelineConfig]) -> tuple[str, ...]:
    flat = [config.flat() for config in configs.values()]
    return tuple(knob for knob in flat[0] if any(f[knob] != flat[0][knob] for f in flat))


def _short(knob: str, knobs: Iterable[str]) -> str:
    name = knob.rpartition(".")[2]
    return knob if sum(other.rpartition(".")[2] == name for other in knobs) > 1 else name


def _aggregates(run: EvaluationRun) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items() if k in _AGGREGATE}
            for row in run.summary.to_dict(orient="records")]  # fmt: skip


def _time(run: EvaluationRun) -> dict[str, Any]:
    return {
        "measure": MS,
        "unit": "ms",
        "value": 1000 * sum(run.seconds.values()) / max(run.n_questions, 1),
        "low": float("nan"),
        "high": float("nan"),
        "n": run.n_questions,
        "n_undefined": 0,
        "note": "measured once, for all questions together",
    }
