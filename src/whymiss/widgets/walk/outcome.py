"""A repair that was applied as HTML: the answer before and after, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from whymiss.diagnosis.case_file.recipe import source
from whymiss.diagnosis.case_file.sentences import ENDINGS
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.repairs.repair import Kind
from whymiss.frames import clause_text
from whymiss.pages.markup import Markup, foreign, join, tag
from whymiss.records import Trace
from whymiss.widgets.base.controls import button
from whymiss.widgets.walk.answer import said_html
from whymiss.widgets.walk.results import Outcome, Walked

_TO_DO: Final[Mapping[Kind, str]] = {
    "permission": "It changes who may read a document, where the documents come from.",
    "metadata": "It changes the metadata of a document, where the documents come from.",
    "rows": "It changes the rows of the index.",
    "document": "It changes the documents.",
    "label": "It changes the label of the question.",
    "model": "It needs another model, which you name.",
}


def outcome_html(walked: Walked) -> Markup:
    """What an applied repair made of the question."""
    outcome = walked.outcome
    if outcome is None:
        return Markup()
    repair = outcome.repair
    return join(
        [
            tag("h4", "Applied: ", foreign(repair.title)),
            tag("p", foreign(carried(outcome)), role="status"),
            tag("p", foreign(outcome.because), class_="wm-unsure") if outcome.because else None,
            tag("pre", tag("code", repair.code)) if outcome.trace is None else None,
            sides_html(walked),
            tag(
                "div",
                button("build", "Build an index for it, and ask") if outcome.buildable else None,
                button("walk-on", "Walk on with it")
                if outcome.trace is not None else None,
                button("show-live", "See it in the live panel") if outcome.in_live else None,
                class_="wm-row",
            ),
        ]
    )  # fmt: skip


def carried(outcome: Outcome) -> str:
    """What was changed, and where it is now."""
    repair = outcome.repair
    live = " The live panel holds it, with the pipeline from before as its baseline." if (
        outcome.in_live
    ) else ""  # fmt: skip
    if repair.changes:
        knobs = ", ".join(f"{knob} = {value!r}" for knob, value in repair.changes.items())
        return f"It sets {knobs}.{live}"
    if repair.where:
        filters = ", ".join(map(clause_text, repair.where))
        return f"It changes no knob: the question is asked with the filter {filters}.{live}"
    return f"It changes no knob. {_TO_DO.get(repair.kind, '')} Run this, then ask again:"


def sides_html(walked: Walked) -> Markup | None:
    """Before and after, side by side."""
    outcome = walked.outcome
    if outcome is None or outcome.trace is None or walked.trace is None:
        return None
    return tag(
        "div",
        _side("Before", walked.trace, walked.diagnosis),
        _side("After", outcome.trace, outcome.diagnosis),
        class_="wm-sides",
    )


def _side(said: str, trace: Trace, diagnosis: Diagnosis | None) -> Markup:
    return tag(
        "section",
        tag("h5", said),
        said_html(trace.answer, trace),
        tag("p", *_ended(diagnosis)) if diagnosis is not None else None,
        aria_label=f"{said} the repair",
    )


def _ended(diagnosis: Diagnosis) -> tuple[Markup, ...]:
    """How it ended, in a mark and words, and where the evidence stood last."""
    healthy = diagnosis.ending == "healthy"
    look = "wm-good" if healthy else "wm-unsure" if diagnosis.ending == "unjudged" else "wm-bad"
    mark = {"wm-good": "✓ ", "wm-unsure": "– ", "wm-bad": "✗ "}[look]
    last = [view for view in diagnosis.funnel if view.cut is not None]
    rank = last[-1].rank if last else None
    at = f" Complete at rank {rank} of those selected." if rank is not None else ""
    return (tag("span", mark + ENDINGS[diagnosis.ending], class_=look), tag("span", at))


def applied_code(outcome: Outcome) -> str:
    """Lines that ask the question again with the repair, after those of the recipe."""
    repair = outcome.repair
    if outcome.trace is None:
        return "".join(f"# {line}\n" for line in repair.code.splitlines())
    changes = {knob: here for knob, (here, _) in outcome.config.diff(repair.base).items()}
    return (
        f"\nrepaired = config.replace({changes!r})\n"
        f"trace = wb.run({source(outcome.query)}, config=repaired)\n"
        "print(trace.answer.text)\n"
    )
