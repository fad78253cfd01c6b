"""The live panel as HTML, but for its knobs and cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whymiss.config import PipelineConfig
from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures.delivered import delivered_evidence
from whymiss.frames import short
from whymiss.live import LiveResult
from whymiss.pages.markup import IN_NOTEBOOK, Child, Inline, Markup, foreign, join, table, tag
from whymiss.text import counted
from whymiss.widgets.base.asker import where_text
from whymiss.widgets.base.controls import button, choice
from whymiss.widgets.live.cards import complete_at
from whymiss.widgets.live.state import LiveState

_KINDS = {
    "preview": "◌ preview",
    "exact": "● exact",
    "filled": "● exact, from the whole index",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Whether the packed context holds the evidence, and where it is complete.

    rank : among the candidates. because : why nothing can be said.
    """

    delivered: bool | None
    rank: int | None = None
    because: str = ""


def delivery_of(result: LiveResult, question: Question | None) -> Delivery:
    """How far the evidence of a labelled question came."""
    if question is None:
        return Delivery(delivered=None, because="the question is not labelled")
    score = delivered_evidence(result.trace.context, question)
    if score.undefined_because:
        return Delivery(delivered=None, because=score.undefined_because)
    return Delivery(delivered=score.value == 1, rank=complete_at(result, question))


def ask_html(state: LiveState, questions: Sequence[Question]) -> Markup:
    """The line where a question is asked, and the labelled ones to choose from."""
    options = [("", "a question of your own")]
    options += [(q.query_id, f"{q.query_id}: {short(q.query.text, 90)}") for q in questions]
    return join(
        [
            tag("h2", "Live retrieval"),
            tag(
                "form",
                tag("input", type="text", name="question", value=state.question,
                    aria_label="Question", placeholder="Ask the documents"),
                tag("button", "Ask", type="submit", class_="wm-main"),
                data_do="ask",
                class_="wm-ask",
            ),
            choice("query_id", "Labelled question", state.query_id, options)
            if questions
            else None,
            tag(
                "div",
                button("pin", "Pin as baseline", pressed=state.baseline is not None,
                       name="Pin this pipeline as the baseline"),
                button("unpin", "Unpin", enabled=state.baseline is not None),
                button("reset", "Reset"),
                button("cancel", "Cancel"),
                button("walk", "Walk this question", enabled=bool(state.question)),
                class_="wm-row",
            ),
        ]
    )  # fmt: skip


def strip_html(
    result: LiveResult, delivery: Delivery, *, moved: str = "", stopped: bool = False
) -> Markup:
    """What the results are: preview or exact, how fast, how full the context, evidence or not.

    Parameters
    ----------
    moved : knobs that moved along with another, in words.
    stopped : whether the search was cancelled at this result.
    """
    context = result.trace.context
    tokens = f"{context.n_tokens:,} of {context.budget:,} tokens in the context" if context else ""
    said: list[Child] = [
        tag("strong", _KINDS[result.kind], class_=f"wm-kind wm-{result.kind}"),
        tag("span", _settings(result.config), class_="wm-of wm-number"),
        tag("span", f"{result.seconds:.2f} s", class_="wm-number"),
        tag("span", tokens, class_="wm-number"),
        _evidence(delivery),
        tag("span", _risk(result), class_="wm-soft"),
        tag("span", f"Stopped. {_KINDS[result.kind][2:].capitalize()} it stays.") if stopped
        else None,
        tag("span", moved, class_="wm-unsure") if moved else None,
        tag("span", result.reason, class_="wm-unsure") if result.reason else None,
        tag("span", "⚑ ", ", ".join(result.trace.flags), class_="wm-unsure")
        if result.trace.flags else None,
    ]  # fmt: skip
    return tag("p", *said, role="status", class_="wm-strip", data_kind=result.kind)


def _settings(config: PipelineConfig) -> str:
    """What the results are of: they may still be those of a moment ago."""
    chunking = config.chunking
    cut = "whole documents" if chunking.strategy == "document" else f"size {chunking.size}"
    return f"{cut}, top-K {config.retrieval.k}"


def _evidence(delivery: Delivery) -> Markup:
    if delivery.delivered is None:
        return tag("span", f"evidence: cannot be told, {delivery.because}", class_="wm-soft")
    at = f"complete at rank {delivery.rank}" if delivery.rank else "complete at no rank"
    if delivery.delivered:
        return tag("span", f"✓ evidence delivered, {at}", class_="wm-good")
    return tag("span", f"✗ evidence not delivered, {at} of the candidates", class_="wm-bad")


def _risk(result: LiveResult) -> str:
    embedded = f"{result.n_embedded:,} of {result.n_chunks:,} chunks embedded"
    if result.kind == "filled":
        return embedded
    if result.kind == "exact" and not result.risk.undefined_because:
        return f"another outcome has a chance of {result.risk.value:.1%}; {embedded}"
    if result.agreement.undefined_because:
        return f"exact results are coming; {embedded}"
    return f"previews were right in {result.agreement.value:.0%} of hits so far; {embedded}"


def waiting_html(text: str) -> Markup:
    """A strip while there is no result."""
    return tag("p", text, role="status", class_="wm-strip")


def measure_html(n_questions: int, n_unfit: int) -> Markup:
    """The button that measures on the labelled questions."""
    if not n_questions:
        return Markup()
    unfit = f"; {n_unfit} more do not fit their documents and are left out" if n_unfit else ""
    return tag(
        "div",
        button("measure", f"Measure on {counted(n_questions, 'labelled question')}"),
        tag("span", f"recall and delivered evidence under these settings{unfit}",
            class_="wm-soft"),
        class_="wm-row",
    )  # fmt: skip


def measured_html(lines: Sequence[str], config: PipelineConfig, *, now: PipelineConfig) -> Markup:
    """What was measured; of settings that have changed since, it says so."""
    old = now.fingerprint() != config.fingerprint()
    return tag(
        "div",
        tag("p", "Of settings that have changed since:", class_="wm-unsure") if old else None,
        tag("ul", *(tag("li", line) for line in lines)),
        class_="wm-measured",
    )


def settings_table(state: LiveState, *, style: Inline = IN_NOTEBOOK) -> Markup:
    """The knobs that are not at their defaults, the asker and the filter."""
    rows: list[tuple[Child, ...]] = [
        (knob, str(here), str(there))
        for knob, (here, there) in state.config.diff(PipelineConfig()).items()
    ]
    if state.principals:
        rows.append(("principals", foreign(", ".join(state.principals)), "nobody in particular"))
    if state.where:
        rows.append(("filter", foreign(where_text(state.where)), "none"))
    if not rows:
        return tag("p", "Every knob is at its default.")
    return table("Settings that are not the defaults", ("knob", "here", "default"), rows,
                 style=style)  # fmt: skip
