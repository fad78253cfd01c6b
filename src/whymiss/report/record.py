"""The report as a record: everything a page says, and nothing about how it looks."""

from __future__ import annotations

from dataclasses import dataclass

from whymiss.evaluation.facts import StoreFacts
from whymiss.evaluation.readiness import Check
from whymiss.evaluation.run import EvaluationRun
from whymiss.evaluation.statistics import Comparison
from whymiss.report.worst import WorstQuestion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """A run, what was found out about its store, the checklist, and the questions that went worst.

    In a notebook it shows itself; `write` makes one file of it.
    """

    created: str
    run: EvaluationRun
    facts: StoreFacts
    checks: tuple[Check, ...]
    worst: tuple[WorstQuestion, ...]
    holdout: EvaluationRun | None = None
    comparison: Comparison | None = None

    def _repr_html_(self) -> str:
        from whymiss.report.notebook import notebook_html

        return notebook_html(self)
