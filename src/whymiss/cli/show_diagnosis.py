"""A diagnosis, and a survey of many, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd
from rich.text import Text

from whymiss.cli.options import printable
from whymiss.cli.show import console, print_frame
from whymiss.diagnosis.tables import findings_table, funnel_table

if TYPE_CHECKING:
    from whymiss.diagnosis.case_file import CaseFile
    from whymiss.diagnosis.records import Diagnosis
    from whymiss.diagnosis.repairs.repair import Repair
    from whymiss.diagnosis.survey import Survey

_MARKS: Final = {True: "yes", False: "no", None: "-"}
_WIDTH: Final = 300


def print_diagnosis(case: CaseFile) -> None:
    """The verdict, the funnel, what is out of order, and the repairs."""
    from whymiss.diagnosis.case_file import verdict

    diagnosis, out = case.diagnosis, console()
    out.print(Text(f"Q: {printable(diagnosis.question.query.text)}", style="bold"))
    if diagnosis.answer is not None:
        out.print(Text(f"A: {printable(diagnosis.answer)}", style="green"))
    out.print(Text(printable(verdict(diagnosis)), style="bold"))
    out.print()
    funnel = funnel_table(diagnosis)
    funnel["holds"] = [_MARKS[holds] for holds in funnel["holds"]]
    headings = {"stage": "stage", "holds": "holds evidence", "rank": "at rank", "n": "of",
                "cut": "cut at", "note": "note"}  # fmt: skip
    print_frame(funnel, headings, width=_WIDTH, numbers=("rank", "n", "cut"))
    out.print()
    _print_findings(diagnosis)
    if diagnosis.repairs:
        out.print()
        _print_repairs(diagnosis)
    _print_candidates(diagnosis)
    for note in diagnosis.notes:
        out.print(Text(printable(note), style="dim"))


def _print_findings(diagnosis: Diagnosis) -> None:
    causes = findings_table(diagnosis)
    told = causes[causes["verdict"].isin(["proven", "implicated"])]
    told = told.assign(cause=told["cause"] + " " + told["name"])
    headings = {"verdict": "verdict", "cause": "cause", "stage": "stage", "says": "what is found",
                "patch": "put right"}  # fmt: skip
    print_frame(told, headings, title="causes", width=_WIDTH)
    for verdict in ("cleared", "unknown"):
        codes = causes["cause"][causes["verdict"] == verdict]
        console().print(Text(f"{verdict}: {', '.join(codes) or 'none'}", style="dim"))


def _print_repairs(diagnosis: Diagnosis) -> None:
    rows = [_repair_row(repair) for repair in diagnosis.repairs if repair.rescues is not False]
    failed = sum(repair.rescues is False for repair in diagnosis.repairs)
    headings = {"rescues": "rescues", "answered": "answer right", "title": "repair",
                "wins": "wins", "losses": "losses",
                "delivered": "delivered, change [95 %]", "tokens": "tokens",
                "because": "not run or priced because"}  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(headings))
    print_frame(frame, headings, title="repairs, the cheapest first", width=_WIDTH)
    console().print(Text(f"{failed} other changes were tried and do not rescue it", style="dim"))


def _repair_row(repair: Repair) -> dict[str, str]:
    price = repair.price
    tokens = "" if repair.added_tokens is None else f"{repair.added_tokens:+d}"
    return {
        "rescues": _MARKS[repair.rescues],
        "answered": _MARKS[repair.answered],
        "title": repair.title,
        "wins": str(len(price.wins)) if price else "",
        "losses": str(len(price.losses)) if price else "",
        "delivered": str(price.interval) if price else "",
        "tokens": f"{price.added_tokens:+.0f}" if price else tokens,
        "because": repair.because or repair.unpriced_because,
    }


def _print_candidates(diagnosis: Diagnosis) -> None:
    if diagnosis.question.evidence or not diagnosis.candidates:
        return
    frame = pd.DataFrame(
        [
            {"match": c.match, "how": c.how, "text": c.text,
             "place": f"{c.span.doc_id}:{c.span.start}-{c.span.end}"}
            for c in diagnosis.candidates
        ]
    )  # fmt: skip
    headings = {"match": "match", "how": "how", "place": "place", "text": "text"}
    print_frame(frame, headings, title="places the evidence may stand", width=_WIDTH)


def print_survey(survey: Survey) -> None:
    """Failures by stage and cause, the headroom ladder, what to fix together."""
    out = console()
    out.print(Text(f"came through: {survey.score} of {len(survey.surveyed)} judged questions",
                   style="bold"))  # fmt: skip
    out.print()
    failures = {"stage": "stage", "cause": "cause", "name": "name", "n": "questions",
                "share": "share"}  # fmt: skip
    print_frame(survey.failures, failures, title="failures by stage and cause")
    out.print()
    print_frame(survey.headroom, {name: name for name in survey.headroom.columns
                                  if name != "query_ids"}, title="headroom")  # fmt: skip
    out.print()
    clusters = {name: name for name in survey.clusters.columns if name != "query_ids"}
    print_frame(survey.clusters, clusters, title="what may be fixed together", width=_WIDTH)
    if len(survey.unjudged):
        out.print(Text(f"{len(survey.unjudged)} questions cannot be judged", style="dim"))
