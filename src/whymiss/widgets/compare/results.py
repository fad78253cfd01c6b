"""What came out of a comparison, question by question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from whymiss.evaluation.judging import judge, judge_documents
from whymiss.evaluation.labels import Question
from whymiss.evaluation.statistics import Comparison
from whymiss.widgets.compare.state import CompareState, Shown

Outcome = Literal["win", "loss", "tie", "undefined"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """A comparison that was made.

    state : what was compared. questions : those that were asked, by id.
    n_looks : how often the holdout was looked at with this panel, this time included; 0 where this
    comparison does not look at it.
    """

    state: CompareState
    comparison: Comparison
    questions: Mapping[str, Question]
    n_looks: int = 0

    @property
    def measure(self) -> str:
        """The one that decides."""
        return self.state.measures[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """One question under both pipelines, by one measure; `because` says why it is undefined."""

    question: Question
    baseline: float
    value: float
    difference: float
    outcome: Outcome
    because: str = ""


def listed_by(compared: Compared, state: CompareState) -> str:
    """The measure by which questions are listed: the deciding one unless another is asked for."""
    return state.by if state.by in compared.state.measures else compared.measure


def listed(compared: Compared, state: CompareState) -> list[QuestionRow]:
    """The questions that the filter of a state shows."""
    return question_rows(compared, listed_by(compared, state), state.shown)


def question_rows(compared: Compared, measure: str, shown: Shown) -> list[QuestionRow]:
    """The questions with an outcome, the greatest change first; equal ones by their id."""
    table = compared.comparison.questions
    lines = table[table["measure"] == measure]
    columns = (lines[name] for name in ("query_id", "baseline", "value", "difference", "outcome"))
    rows = [
        QuestionRow(
            question=compared.questions[query_id],
            baseline=baseline,
            value=value,
            difference=difference,
            outcome=outcome,
            because=_why_undefined(compared.questions[query_id], measure)
            if outcome == "undefined"
            else "",
        )
        for query_id, baseline, value, difference, outcome in zip(*columns, strict=True)
        if _is_shown(outcome, shown)
    ]
    return sorted(rows, key=lambda row: (-_size(row), row.question.query_id))


def counts(compared: Compared, measure: str) -> dict[Shown, int]:
    """How many questions each filter shows."""
    table = compared.comparison.questions
    outcomes = table["outcome"][table["measure"] == measure].tolist()
    kinds: Sequence[Shown] = ("changed", "win", "loss", "tie", "undefined", "all")
    return {kind: sum(_is_shown(outcome, kind) for outcome in outcomes) for kind in kinds}


def short_lists(state: CompareState) -> list[str]:
    """Where a measure's cutoff lies behind the last chunk that a pipeline hands on, in words.

    >>> from whymiss.config import PipelineConfig
    >>> plain = PipelineConfig().replace(retrieval__k=10)
    >>> other = plain.replace(retrieval__k=3)
    >>> short_lists(CompareState(baseline=plain, other=other, measures=("mrr", "recall@5")))
    ["recall@5: 'other' hands on only 3"]
    """
    sides = tuple(zip(state.names, (state.baseline, state.other), strict=True))
    cutoffs = ((measure, measure.partition("@")[2]) for measure in state.measures)
    return [
        f"{measure}: {name!r} hands on only {config.retrieval.k}"
        for measure, k in cutoffs
        for name, config in sides
        if k and int(k) > config.retrieval.k
    ]


def _is_shown(outcome: str, shown: Shown) -> bool:
    return shown == "all" or outcome == shown or (shown == "changed" and outcome in ("win", "loss"))


def _size(row: QuestionRow) -> float:
    return -1.0 if math.isnan(row.difference) else abs(row.difference)


def _why_undefined(question: Question, measure: str) -> str:
    judged = judge_documents([], question) if measure.startswith("doc_") else judge([], question)
    return judged.undefined_because
