"""Many configurations over one question set: what they share is computed once, and resumed."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

import pandas as pd

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError
from whymiss.evaluation.comparing import compare_runs
from whymiss.evaluation.keys import question_key, trial_key
from whymiss.evaluation.labels import Question
from whymiss.evaluation.log import EvaluationLog
from whymiss.evaluation.measures import parse_measure
from whymiss.evaluation.run import EvaluationRun, as_html
from whymiss.evaluation.running import Progress, check_questions, default_measures, evaluate
from whymiss.evaluation.saved import run_from_dict, run_to_dict
from whymiss.evaluation.statistics import Comparison
from whymiss.pipeline import Pipeline
from whymiss.records import canonical_json

MS: Final = "ms_per_question"
TOKENS: Final = "context_tokens"
_AGGREGATE: Final = ("measure", "unit", "value", "low", "high", "n", "n_undefined", "note")


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """How to run a configuration: what decides its result besides its knobs, and its pipeline.

    version : changes with the documents and the models; "" where it cannot be told what decides
        the result, and then nothing earlier is taken for it.
    pipeline : opens it. Configurations of one index must get one and the same search space.
    """

    version: str
    pipeline: Callable[[], Pipeline]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """Runs of one question set by configuration, and the knobs that vary.

    runs : by label, in the order asked for.
    knobs : those whose value is not the same everywhere, as "group.knob".
    baseline : label of the first configuration.
    reused : labels of configurations that an earlier sweep had finished.
    skipped : combinations that are no valid configuration, by label, with the reason.
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
        return compare_runs(self.runs, measures, baseline=baseline or self.baseline)

    def __repr__(self) -> str:
        told = f"Sweep of {len(self.runs)} configurations over {', '.join(self.knobs) or 'no knob'}"
        return f"{told}; {len(self.skipped)} skipped" if self.skipped else told

    def _repr_html_(self) -> str:
        values = self.table.pivot(index="config", columns="measure", values="value")
        measures = self.table["measure"].drop_duplicates()
        return as_html(values.reindex(index=list(self.runs), columns=list(measures)))


def grid(
    base: PipelineConfig, knobs: Mapping[str, Iterable[Any]]
) -> tuple[dict[str, PipelineConfig], dict[str, str]]:
    """Every combination of knob values as a configuration by label, and the invalid ones by reason.

    The last knob varies fastest. A label names a knob in short where no other is called the same.

    Raises
    ------
    ConfigError : a knob is unknown, or has no list of values.

    Examples
    --------
    >>> configs, skipped = grid(PipelineConfig(), {"retrieval.k": [3, 5], "rerank.depth": [50]})
    >>> list(configs)
    ['k=3 depth=50', 'k=5 depth=50']
    >>> grid(PipelineConfig(), {"retrieval.k": [500]})[1]
    {'k=500': 'retrieval.candidate_depth must be at least retrieval.k; got 50 and 500.'}
    """
    values = {knob: _listed(knob, given) for knob, given in knobs.items()}
    unknown = [knob for knob in values if knob not in base.flat()]
    if unknown or not values:
        what = f"unknown knob {unknown[0]!r}" if unknown else "no knob"
        raise ConfigError(f"a sweep needs knobs, each with at least one value; got {what}.")
    short = {knob: _short(knob, values) for knob in values}
    configs: dict[str, PipelineConfig] = {}
    skipped: dict[str, str] = {}
    for combination in itertools.product(*values.values()):
        chosen = dict(zip(values, combination, strict=True))
        label = " ".join(f"{short[knob]}={_shown(value)}" for knob, value in chosen.items())
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
    ConfigError : there is no configuration, or a measure is unknown.
    InvalidRecordError : no question, or two with one id.
    """
    if not configs:
        reasons = "; ".join((skipped or {}).values())
        raise ConfigError(f"a sweep needs at least one valid configuration; got none. {reasons}")
    chosen = tuple(measures) if measures else default_measures(questions, answers=answers)
    chosen = tuple(dict.fromkeys([*chosen, TOKENS]))
    # Told before an index is built: that may take long.
    check_questions(questions)
    for measure in chosen:
        parse_measure(measure)
    trials = {name: trial(config) for name, config in configs.items()}
    asked = [question_key(question) for question in questions]
    keys = {
        name: trial_key(config, trials[name].version, chosen, asked, answers=answers)
        for name, config in configs.items()
    }
    runs = _kept(configs, keys, log) if resume else {}
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


def _kept(
    configs: Mapping[str, PipelineConfig], keys: Mapping[str, str], log: EvaluationLog | None
) -> dict[str, EvaluationRun]:
    found = {name: log.finished(key) for name, key in keys.items() if key} if log else {}
    return {
        # It may have been another configuration: one that differs in what changes no number.
        name: replace(
            run_from_dict(body),
            config=configs[name],
            fingerprint=configs[name].fingerprint(),
            index_name=configs[name].index.name,
        )
        for name, body in found.items()
        if body
    }


def _by_index(configs: Mapping[str, PipelineConfig]) -> list[list[str]]:
    """Names of configurations that search one index, in the order of the first of each."""
    groups: dict[str, list[str]] = {}
    for name, config in configs.items():
        searched = [config.index_knobs(), config.embedding.query_prefix]
        place = [config.index.name, config.index.ann]
        groups.setdefault(canonical_json([searched, place]), []).append(name)
    return list(groups.values())


def _varied(configs: Mapping[str, PipelineConfig]) -> tuple[str, ...]:
    flat = [config.flat() for config in configs.values()]
    return tuple(knob for knob in flat[0] if any(f[knob] != flat[0][knob] for f in flat))


def _short(knob: str, knobs: Iterable[str]) -> str:
    name = knob.rpartition(".")[2]
    return knob if sum(other.rpartition(".")[2] == name for other in knobs) > 1 else name


def _listed(knob: str, values: Any) -> list[Any]:
    several = isinstance(values, Iterable) and not isinstance(values, (str, Mapping))
    if not several or not (found := list(values)):
        raise ConfigError(
            f"a sweep needs a list of values for each knob; got {values!r} for {knob!r}."
        )
    return found


def _shown(value: Any) -> str:
    """As a label has it: in quotes where the ends of a text could not be told."""
    plain = not isinstance(value, str) or re.fullmatch(r"[^\s='\"]+", value)
    return str(value) if plain else repr(value)


def _aggregates(run: EvaluationRun) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items() if k in _AGGREGATE}
            for row in run.summary.to_dict(orient="records")]  # fmt: skip


def _time(run: EvaluationRun) -> dict[str, Any]:
    asked = run.n_questions > 0
    return {
        "measure": MS,
        "unit": "ms",
        "value": 1000 * sum(run.seconds.values()) / run.n_questions if asked else math.nan,
        "low": math.nan,
        "high": math.nan,
        "n": run.n_questions,
        "n_undefined": 0,
        "note": "measured once, for all questions together" if asked else "no question was asked",
    }
