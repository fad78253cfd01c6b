"""The report below a notebook cell, in inline styles: a reopened notebook keeps no others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whymiss.evaluation.run import EvaluationRun
from whymiss.pages.markup import IN_NOTEBOOK, Child, Markup, foreign, join, table, tag
from whymiss.report.question import evidence_table
from whymiss.report.record import Report
from whymiss.report.tables import (
    CHECKS,
    FAILURES,
    SLICES,
    SUMMARY,
    check_rows,
    failure_rows,
    slice_rows,
    summary_rows,
    tally,
)
from whymiss.report.worst import WorstQuestion

_IDS_SHOWN: Final = 5


def notebook_html(report: Report) -> str:
    """Checklist, measures, lost evidence, worst questions; the file of `write` has all traces."""
    run = report.run
    confidence = f"{100 * run.confidence:g} %"
    pieces = [
        tag(
            "p", tag("strong", "Evaluation of ", foreign(run.name)), f": {len(run.table)} questions"
        ),
        table(
            f"Production readiness: {tally(report.checks)}",
            CHECKS,
            check_rows(report.checks),
            style=IN_NOTEBOOK,
        ),
        table(
            f"Measures with {confidence} intervals",
            SUMMARY,
            summary_rows(run),
            numeric=(1, 2, 3, 4, 5),
            style=IN_NOTEBOOK,
        ),
        table(
            "Questions whose evidence was lost, by stage",
            FAILURES,
            failure_rows(run, _ids),
            numeric=(1, 2),
            style=IN_NOTEBOOK,
        ),
        _worst(report.worst),
        *(_slices(run) if run.measures else ()),
        *(_evidence(question) for question in report.worst),
        tag("p", "All slices, traces and settings: whymiss.report.write(report, 'report.html')"),
    ]
    # MathJax leaves this class alone, so that a price in dollars is no formula.
    return tag("div", join(pieces), class_="mathjax_ignore")


def _worst(questions: Sequence[WorstQuestion]) -> Markup:
    rows: list[list[Child]] = [
        [q.query_id, str(q.row["text"]), q.complaint, q.trace.trace_id[:12]] for q in questions
    ]
    headings = ("Question", "Text", "What went wrong", "Trace")
    return table("Worst questions", headings, rows, style=IN_NOTEBOOK)


def _slices(run: EvaluationRun) -> list[Markup]:
    measure = run.measures[0]
    rows = slice_rows(run, measure)
    body = table(
        f"{measure} by tag, lowest first", SLICES, rows, numeric=(1, 2, 3, 4), style=IN_NOTEBOOK
    )
    return [tag("details", tag("summary", f"Slices of {measure}"), body)]


def _evidence(question: WorstQuestion) -> Markup:
    title = tag("summary", "Where the evidence of ", foreign(question.query_id), " was")
    return tag("details", title, evidence_table(question, style=IN_NOTEBOOK))


def _ids(query_ids: Sequence[str]) -> str:
    more = f" and {len(query_ids) - _IDS_SHOWN} more" if len(query_ids) > _IDS_SHOWN else ""
    return ", ".join(query_ids[:_IDS_SHOWN]) + more
