"""The walk as it was last seen, for a reader without a kernel: no controls, no style sheet."""

from __future__ import annotations

from whymiss.diagnosis.case_file.sentences import verdict
from whymiss.diagnosis.case_file.tables import by_verdict
from whymiss.pages.markup import IN_NOTEBOOK, Child, Markup, foreign, join, table, tag
from whymiss.widgets.base.asker import where_text
from whymiss.widgets.walk.answer import passages_of, said_html
from whymiss.widgets.walk.cause import findings_table, proofs_html
from whymiss.widgets.walk.evidence import taken_html
from whymiss.widgets.walk.funnel import funnel_table
from whymiss.widgets.walk.outcome import carried, sides_html
from whymiss.widgets.walk.question import differing
from whymiss.widgets.walk.repairs import rescues_of, rescues_table
from whymiss.widgets.walk.results import Walked
from whymiss.widgets.walk.state import WalkState


def snapshot_html(state: WalkState, walked: Walked) -> Markup:
    """Every step that was taken."""
    if walked.trace is None:
        return tag("p", "Wrong-answer walk: no question was asked.")
    return join(
        [
            tag("h3", "Wrong-answer walk: ", foreign(state.question)),
            _asked(state),
            tag("h4", "Answer"),
            said_html(walked.trace.answer, walked.trace, unanswered=walked.unanswered),
            _context(walked),
            *_judged(state),
            *_diagnosed(walked),
            *_applied(walked),
        ]
    )


def _asked(state: WalkState) -> Markup:
    said = [
        f"asked by {', '.join(state.principals) or 'anybody'}",
        f"filter: {where_text(state.where) or 'none'}",
        f"pipeline: {differing(state.config)}",
    ]
    return tag("p", foreign("; ".join(said)))


def _context(walked: Walked) -> Markup:
    assert walked.trace is not None
    rows: list[list[Child]] = [
        [
            place.name,
            foreign(f"{place.doc_id}:{place.start}-{place.end}"),
            foreign(" › ".join(place.headings)),
            ", ".join(place.notes),
        ]
        for place in passages_of(walked.trace)
    ]
    headings = ("Passage", "Place", "Section", "Notes")
    listed = table("What it was written from", headings, rows, style=IN_NOTEBOOK)
    return tag("details", tag("summary", f"Passages ({len(rows)})"), listed)


def _judged(state: WalkState) -> list[Child]:
    if state.wrong is None:
        return []
    said = "The answer is wrong." if state.wrong else "The answer is right."
    return [tag("p", said), taken_html(state, controls=False) if state.wrong else None]


def _diagnosed(walked: Walked) -> list[Child]:
    diagnosis = walked.diagnosis
    if diagnosis is None:
        return []
    rescues = rescues_of(diagnosis)
    groups = by_verdict(diagnosis)
    return [
        tag("h4", "From stage to stage"),
        funnel_table(diagnosis),
        tag("h4", "Cause"),
        tag("p", foreign(verdict(diagnosis))),
        proofs_html(diagnosis),
        *(
            tag("details", tag("summary", f"{found.capitalize()} ({len(findings)})"),
                findings_table(found, findings, style=IN_NOTEBOOK))
            for found, findings in groups.items()
            if found != "proven"
        ),
        *([tag("h4", "Repairs"), rescues_table(rescues, style=IN_NOTEBOOK)] if rescues else []),
    ]  # fmt: skip


def _applied(walked: Walked) -> list[Child]:
    outcome = walked.outcome
    if outcome is None:
        return []
    return [
        tag("h4", "Applied: ", foreign(outcome.repair.title)),
        tag("p", foreign(carried(outcome))),
        sides_html(walked),
    ]
