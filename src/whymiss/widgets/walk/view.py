"""The walk as HTML: every step that can be taken, and nothing of those that cannot yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whymiss.config import PipelineConfig
from whymiss.diagnosis.records import Diagnosis
from whymiss.evaluation.labels import Question
from whymiss.pages.markup import Markup, join, tag
from whymiss.widgets.base.controls import button, code
from whymiss.widgets.walk.answer import answer_html
from whymiss.widgets.walk.cause import cause_html
from whymiss.widgets.walk.evidence import (
    document_html,
    further_html,
    go_html,
    judged_html,
    paste_html,
)
from whymiss.widgets.walk.funnel import funnel_html
from whymiss.widgets.walk.outcome import outcome_html
from whymiss.widgets.walk.question import pipeline_html, question_html
from whymiss.widgets.walk.repairs import others_html, repairs_html
from whymiss.widgets.walk.results import Walked
from whymiss.widgets.walk.sight import Sight
from whymiss.widgets.walk.state import WalkState

PARTS: Final = (
    "question", "pipeline", "answer", "judged", "paste", "further", "document", "go", "funnel",
    "cause", "repairs", "outcome", "others", "ending", "code",
)  # fmt: skip

_FILE: Final = "case.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What there is to choose from.

    questions : labelled ones; `n_unfit` more do not fit their documents.
    labelled : the labelled question that is walked, if it is one.
    pipelines : by name, others than the one of the state.
    doc_ids : of every stored document.
    list_id : an id that no other panel of the notebook uses.
    """

    questions: Sequence[Question] = ()
    n_unfit: int = 0
    labelled: Question | None = None
    pipelines: Mapping[str, PipelineConfig]
    doc_ids: Sequence[str]
    list_id: str


def parts_of(
    state: WalkState, walked: Walked, sight: Sight, offered: Offered, *, to_code: str
) -> dict[str, Markup]:
    """Every part of the panel, in order, empty where its step cannot be taken yet."""
    evidence, picking = state.spans, state.wrong is True
    parts = dict.fromkeys(PARTS, Markup())
    parts["question"] = question_html(state, offered.questions, n_unfit=offered.n_unfit)
    parts["pipeline"] = pipeline_html(state.config, offered.pipelines)
    if walked.trace is None:
        return parts
    parts["answer"] = answer_html(walked, sight, picking=picking, evidence=evidence)
    parts["judged"] = judged_html(state, offered.labelled)
    parts["code"] = code("walk", to_code)
    if picking:
        parts["paste"] = paste_html(walked.located, sight, evidence)
        parts["further"] = further_html(walked, sight, evidence)
        parts["document"] = document_html(
            offered.doc_ids, sight.page, evidence, list_id=offered.list_id
        )
        parts["go"] = go_html(state, offered.labelled, n_questions=len(offered.questions))
    if walked.diagnosis is not None:
        texts = {q.query_id: q.query.text for q in offered.questions}
        parts["funnel"] = funnel_html(walked)
        parts["cause"] = cause_html(walked.diagnosis)
        parts |= _repairs(walked, walked.diagnosis, texts)
        parts["ending"] = _ending(walked.saved)
    return parts


def _repairs(walked: Walked, diagnosis: Diagnosis, texts: Mapping[str, str]) -> dict[str, Markup]:
    """The answer with a repair stands right below the button that applied it."""
    if not walked.repaired:
        return {"repairs": _not_looked_for()}
    applied = walked.outcome.repair if walked.outcome is not None else None
    return {
        "repairs": repairs_html(diagnosis, applied=applied),
        "outcome": outcome_html(walked),
        "others": others_html(diagnosis, texts),
    }


def _not_looked_for() -> Markup:
    return join(
        [
            tag("h3", "5. Repairs"),
            tag("div", button("repairs", "Look for repairs"), class_="wm-row"),
        ]
    )


def _ending(saved: str) -> Markup:
    """The form that writes the case file, and where one was written."""
    told = "File: .html, .md or .json; one of this name is replaced"
    return join(
        [
            tag("h3", "6. Keep the case"),
            tag(
                "form",
                tag(
                    "label",
                    tag("span", told, class_="wm-name"),
                    tag("input", type="text", name="path", value=_FILE),
                    class_="wm-field wm-grow",
                ),
                tag("button", "Save case file", type="submit"),
                data_do="save",
                class_="wm-row",
            ),
            tag("p", "Written: ", tag("code", saved), role="status") if saved else None,
        ]
    )
