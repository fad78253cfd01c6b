"""Gates: what a measure must reach for `whymiss eval` to end well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from whymiss.cli.options import printable
from whymiss.cli.scores import value_text

if TYPE_CHECKING:
    from whymiss.evaluation import EvaluationRun
    from whymiss.evaluation.statistics import Interval

UNDER: Final = "--fail-under"
OVER: Final = "--fail-over"
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A measure and its limit: the least it may be if more is better, the most if less is."""

    measure: str
    unit: str
    limit: float
    is_floor: bool

    @property
    def rule(self) -> str:
        """As in "recall@5 >= 0.9"."""
        return f"{self.measure} {'>=' if self.is_floor else '<='} {self.limit:.12g}"

    def is_met(self, value: float) -> bool:
        """Whether the value is good enough; an undefined one never is.

        >>> Gate(measure="recall@5", unit="share", limit=0.9, is_floor=True).is_met(0.9)
        True
        """
        # The mean of a hundred times 0.9 may come out a hair below 0.9.
        if math.isclose(value, self.limit, rel_tol=_ROUNDING):
            return True
        return value > self.limit if self.is_floor else value < self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """A gate, what was measured, and why there is no value where there is none."""

    gate: Gate
    score: Interval
    undefined_because: str

    @property
    def is_met(self) -> bool:
        """Whether the gate was met."""
        return self.gate.is_met(self.score.estimate)

    def __str__(self) -> str:
        return f"gate {self.gate.rule}: {self._shown()}, {'met' if self.is_met else 'missed'}"

    def _shown(self) -> str:
        score, unit = self.score, self.gate.unit
        if self.undefined_because:
            return f"undefined ({self.undefined_because})"
        value = value_text(score.estimate, unit)
        if self.gate.is_met(float(value)) != self.is_met:
            # So near the limit that rounding would tell the opposite.
            value = f"{score.estimate:.12g}"
        if score.undefined_because:
            return f"{value} (no interval: {score.undefined_because})"
        return f"{value} [{value_text(score.low, unit)}, {value_text(score.high, unit)}]"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an undefined number is None."""
        numbers = {"value": self.score.estimate, "low": self.score.low, "high": self.score.high}
        return {
            "measure": self.gate.measure,
            "rule": self.gate.rule,
            "limit": self.gate.limit,
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
            "n": self.score.n,
            "met": self.is_met,
            "undefined_because": self.undefined_because,
        }


def read_gates(under: Sequence[str], over: Sequence[str]) -> tuple[Gate, ...]:
    """The gates of --fail-under and --fail-over.

    Raises
    ------
    ConfigError : there is no such measure.
    click.UsageError : not MEASURE=VALUE, or the wrong option for the measure.
    """
    return (
        *(_gate(text, option=UNDER) for text in under),
        *(_gate(text, option=OVER) for text in over),
    )


def _gate(text: str, *, option: str) -> Gate:
    from whymiss.evaluation import parse_measure

    name, equals, limit = text.rpartition("=")
    if not equals:
        raise click.UsageError(f"{option} needs MEASURE=VALUE; got {text!r}.")
    measure = parse_measure(name)
    right = UNDER if measure.higher_is_better else OVER
    if right != option:
        better = "more" if measure.higher_is_better else "less"
        raise click.UsageError(f"{better} {name} is better: write {right} {printable(text)}.")
    return Gate(
        measure=name,
        unit=measure.unit,
        limit=_number(limit, option=option),
        is_floor=option == UNDER,
    )


def _number(text: str, *, option: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise click.UsageError(f"{option} needs a number after the measure; got {text!r}.")
    return number


def judge_gates(gates: Sequence[Gate], run: EvaluationRun) -> list[GateResult]:
    """Every gate held against the run, which must have measured all of them."""
    return [
        GateResult(
            gate=gate, score=(score := run.score(gate.measure)),
            undefined_because=_why(run, gate.measure) if math.isnan(score.estimate) else "",
        )
        for gate in gates
    ]  # fmt: skip


def _why(run: EvaluationRun, measure: str) -> str:
    if not run.n_questions:
        return "no question could be asked"
    reasons = run.undefined.loc[run.undefined["measure"] == measure, "reason"].value_counts()
    told = "; ".join(f"{reason}: {n}" for reason, n in reasons.items())
    return f"of {run.n_questions} questions, {told}"
