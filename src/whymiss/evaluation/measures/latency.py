"""Latency: milliseconds of wall time, of a stage or of all stages together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from whymiss.errors import ConfigError
from whymiss.evaluation.measures._score import undefined
from whymiss.records import Score
from whymiss.stages import STAGES


def latency(seconds: Mapping[str, float], stage: str | None = None) -> Score:
    """Milliseconds that one question took in a stage; without a stage, in all of them together.

    Undefined when the stage did not run.

    Raises
    ------
    ConfigError : there is no such stage.

    >>> latency({"dense": 0.02, "answer": 0.5}).value, latency({"dense": 0.02}, "dense").value
    (520.0, 20.0)
    """
    measure = "latency" if stage is None else f"latency:{stage}"
    if stage is not None and stage not in STAGES:
        raise ConfigError(f"no stage is called {stage!r}; the stages are {', '.join(STAGES)}.")
    spent = seconds.values() if stage is None else [seconds[s] for s in [stage] if s in seconds]
    if not spent:
        return undefined(measure, "the stage did not run" if stage else "no stage was timed")
    return Score(measure=measure, value=1000 * sum(spent))


def latency_percentile(
    timed: Iterable[Mapping[str, float]], percentile: int, *, stage: str | None = None
) -> Score:
    """A percentile of `latency` over questions, in milliseconds.

    Between two measured values it is interpolated linearly, as numpy does. Questions where the
    stage did not run are left out; undefined when it never did.

    Parameters
    ----------
    timed : seconds by stage of each question, as `Trace.seconds`.
    percentile : from 0 to 100; 50 is the median, 95 leaves one question in twenty above it.

    Raises
    ------
    ConfigError : the percentile or the stage does not exist.

    >>> timed = [{"dense": s} for s in (0.01, 0.02, 0.03)]
    >>> score = latency_percentile(timed, 50, stage="dense")
    >>> score.measure, round(score.value, 6)
    ('latency_p50:dense', 20.0)
    """
    values = [latency(seconds, stage) for seconds in timed]
    return percentile_of([v.value for v in values if not v.undefined_because], percentile, stage)


def percentile_of(milliseconds: Sequence[float], percentile: int, stage: str | None) -> Score:
    """A percentile of measured milliseconds under its name; undefined when there are none."""
    if not 0 <= percentile <= 100:
        raise ConfigError(f"a percentile lies between 0 and 100; got {percentile}.")
    measure = f"latency_p{percentile}" + (f":{stage}" if stage else "")
    if not len(milliseconds):
        return undefined(measure, "nothing was timed")
    return Score(measure=measure, value=float(np.percentile(milliseconds, percentile)))


def latency_scores(timed: Sequence[Mapping[str, float]]) -> tuple[Score, ...]:
    """p50 and p95 of every stage that ran, in stage order, then of all stages together.

    >>> [score.measure for score in latency_scores([{"dense": 0.01}])]
    ['latency_p50:dense', 'latency_p95:dense', 'latency_p50', 'latency_p95']
    """
    ran = [stage for stage in STAGES if any(stage in seconds for seconds in timed)]
    return tuple(
        latency_percentile(timed, percentile, stage=stage)
        for stage in (*ran, None)
        for percentile in (50, 95)
    )
