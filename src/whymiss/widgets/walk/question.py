"""The first step as HTML: what is asked, by whom, and of which pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whymiss.config import PipelineConfig
from whymiss.evaluation.labels import Question
from whymiss.frames import short
from whymiss.pages.markup import Markup, foreign, join, tag
from whymiss.widgets.base.asker import where_text
from whymiss.widgets.base.controls import choice
from whymiss.widgets.walk.state import WalkState

_WIDTH = 90


def question_html(state: WalkState, questions: Sequence[Question], *, n_unfit: int) -> Markup:
    """The form that asks, and the labelled questions to choose from.

    Parameters
    ----------
    n_unfit : labelled questions that are not offered, because their labels do not fit.
    """
    return join(
        [
            tag("h2", "Wrong-answer walk"),
            tag("h3", "1. Question"),
            _labelled(state, questions, n_unfit),
            tag(
                "form",
                _field("Question", "question", state.question, "Ask what was answered wrongly"),
                tag(
                    "div",
                    _field("Asked by", "principals", ", ".join(state.principals),
                           "anybody; or names, such as support, ann"),
                    _field("Filter", "where", where_text(state.where),
                           "none; such as plan_type=annual; year>=2024"),
                    tag("button", "Ask", type="submit", class_="wm-main"),
                    class_="wm-asker",
                ),
                data_do="ask",
            ),
        ]
    )  # fmt: skip


def _labelled(state: WalkState, questions: Sequence[Question], n_unfit: int) -> Markup | None:
    if not questions:
        return None
    options = [("", "a question of your own")]
    options += [(q.query_id, f"{q.query_id}: {short(q.query.text, _WIDTH)}") for q in questions]
    unfit = f"{n_unfit} more are not offered: a label does not fit its document." if n_unfit else ""
    return join(
        [
            choice("query_id", "Labelled question", state.query_id, options),
            tag("p", unfit, class_="wm-soft") if unfit else None,
        ]
    )


def _field(said: str, name: str, value: str, hint: str) -> Markup:
    return tag(
        "label",
        tag("span", said, class_="wm-name"),
        tag("input", type="text", name=name, value=value, placeholder=hint),
        class_="wm-field wm-grow",
    )


def pipeline_html(config: PipelineConfig, others: Mapping[str, PipelineConfig]) -> Markup:
    """The pipeline that answers, and others that can be taken instead.

    Parameters
    ----------
    others : by name, each with another fingerprint.
    """
    told = tag("p", "Pipeline: ", foreign(differing(config)), class_="wm-soft")
    if not others:
        return told
    options = [("", "this one"), *((name, name) for name in others)]
    return join([told, choice("pipeline", "Take another pipeline", "", options)])


def differing(config: PipelineConfig) -> str:
    """The knobs that are not at their defaults, in a line."""
    changed = config.diff(PipelineConfig())
    if not changed:
        return "every knob at its default."
    told = ", ".join(f"{knob} = {here!r}" for knob, (here, _) in changed.items())
    return f"{told}; every other knob at its default."
