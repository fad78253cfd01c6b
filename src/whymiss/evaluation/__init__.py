"""Evaluation over many questions: labels, judging, measures, statistics, runs, sweeps."""

from __future__ import annotations

from whymiss.errors import LabelError
from whymiss.evaluation.comparing import compare_runs
from whymiss.evaluation.formats import read_questions, write_questions
from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.judging import Retrieved, delivered, judge, judge_documents
from whymiss.evaluation.labels import UNANSWERABLE, EvidenceSpan, Question
from whymiss.evaluation.measures import (
    MEASURES,
    Measure,
    Outcome,
    Summary,
    parse_measure,
    summarise,
)
from whymiss.evaluation.pareto import pareto_front
from whymiss.evaluation.pinning import LabelProblem, PinReport, pin
from whymiss.evaluation.run import EvaluationRun
from whymiss.evaluation.running import default_measures, evaluate
from whymiss.evaluation.saved import read_run, write_run
from whymiss.evaluation.sweeping import Sweep, grid, sweep

__all__ = [
    "MEASURES",
    "UNANSWERABLE",
    "EvaluationRun",
    "EvidenceSpan",
    "Judgement",
    "LabelError",
    "LabelProblem",
    "Measure",
    "Outcome",
    "PinReport",
    "Question",
    "Retrieved",
    "Summary",
    "Sweep",
    "compare_runs",
    "default_measures",
    "delivered",
    "evaluate",
    "grid",
    "judge",
    "judge_documents",
    "pareto_front",
    "parse_measure",
    "pin",
    "read_questions",
    "read_run",
    "summarise",
    "sweep",
    "write_questions",
    "write_run",
]
