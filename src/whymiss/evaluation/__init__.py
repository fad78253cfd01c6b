"""Evaluation over many questions: labels, judging spans, measures, statistics."""

from __future__ import annotations

from whymiss.errors import LabelError
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
from whymiss.evaluation.pinning import LabelProblem, PinReport, pin

__all__ = [
    "MEASURES",
    "UNANSWERABLE",
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
    "delivered",
    "judge",
    "judge_documents",
    "parse_measure",
    "pin",
    "read_questions",
    "summarise",
    "write_questions",
]
