"""The answer as HTML: its text, what it cites, and the passages that it was written from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whymiss.evaluation.labels import EvidenceSpan
from whymiss.pages.markup import Child, Markup, foreign, join, tag
from whymiss.records import Answer, Chunk, Passage, Trace
from whymiss.text import counted
from whymiss.widgets.base.controls import button
from whymiss.widgets.walk.picking import SELECTION
from whymiss.widgets.walk.readable import evidence_in, readable
from whymiss.widgets.walk.results import Walked
from whymiss.widgets.walk.sight import Sight

KEEPS_LINES: Final = "white-space:pre-wrap"
"""Inline, for a reader who has no style sheet."""

_CITED: Final = re.compile(r"\[(\d{1,6})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A passage or chunk that can be read and picked.

    key : tells it apart, and says what its button takes.
    name : of the place, in a few words. notes : what else is said of it.
    """

    key: str
    name: str
    doc_id: str
    start: int
    end: int
    text: str
    title: str
    headings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def answer_html(
    walked: Walked, sight: Sight, *, picking: bool, evidence: Sequence[EvidenceSpan]
) -> Markup:
    """What was answered, and from what.

    Parameters
    ----------
    picking : whether passages can be taken as the evidence.
    evidence : what was taken; it is underlined.
    """
    trace = walked.trace
    if trace is None:
        return Markup()
    passages = passages_of(trace)
    looked = {f"passage:{sight.passage}": sight.n_looks}
    return join(
        [
            tag("h4", "The answer"),
            said_html(trace.answer, trace, unanswered=walked.unanswered, links=True),
            tag("h4", "What it was written from"),
            tag("p", _filled(trace), class_="wm-soft"),
            *(
                place_html(
                    place, picking=picking, evidence=evidence, n_looks=looked.get(place.key, 0)
                )
                for place in passages
            ),
            *(
                place_html(place, picking=picking, evidence=evidence)
                for place in cut_of(walked)
            ),
            tag("p", "⚑ ", ", ".join(trace.flags), class_="wm-unsure") if trace.flags else None,
        ]
    )  # fmt: skip


def said_html(
    answer: Answer | None, trace: Trace, *, unanswered: str = "", links: bool = False
) -> Markup:
    """The text of an answer; with links, a citation opens its passage."""
    if answer is None:
        why = f": {unanswered}" if unanswered else "."
        return tag("p", "No answer was written", foreign(why), class_="wm-unsure")
    if answer.abstained:
        return tag("p", tag("strong", "Abstained: "), foreign(answer.reason or answer.text))
    numbers = {passage.number: passage for passage in _context(trace)}
    pieces: list[Child] = []
    at = 0
    for match in _CITED.finditer(answer.text):
        passage = numbers.get(int(match.group(1)))
        if links and passage is not None:
            pieces += [answer.text[at : match.start()], _link(passage)]
            at = match.end()
    unmarked = sorted({c.passage for c in answer.citations} - _marked(answer.text))
    also = [_link(numbers[n]) for n in unmarked if n in numbers] if links else []
    return join(
        [
            tag(
                "div",
                *pieces,
                answer.text[at:],
                class_="wm-text wm-answer mathjax_ignore",
                dir="auto",
                style=KEEPS_LINES,
            ),
            tag("p", "It cites besides: ", *also) if also else None,
        ]
    )


def _marked(text: str) -> set[int]:
    return {int(match.group(1)) for match in _CITED.finditer(text)}


def _link(passage: Passage) -> Markup:
    number = str(passage.number)
    name = f"[{number}] Open passage {number}, {passage.doc_id}"
    return button("look", f"[{number}]", value=number, look="quiet", name=name)


def _filled(trace: Trace) -> str:
    context = trace.context
    if context is None or not context.passages:
        return "No passage reached the context."
    cut = f"{counted(len(context.dropped), 'chunk')} cut, see below" if context.dropped else (
        "nothing was cut"
    )  # fmt: skip
    return (
        f"{counted(len(context.passages), 'passage')} in the order in which they were read, "
        f"{context.n_tokens:,} of {context.budget:,} tokens; {cut}."
    )


def passages_of(trace: Trace) -> list[Place]:
    """The passages of the context, in order."""
    cited = {c.passage for c in trace.answer.citations} if trace.answer else set()
    return [
        Place(
            key=f"passage:{p.number}", name=f"passage {p.number}", doc_id=p.doc_id,
            start=p.start, end=p.end, text=p.text, title=p.title, headings=p.headings,
            notes=(*(("cited",) if p.number in cited else ()), f"{p.n_tokens} tokens"),
        )
        for p in _context(trace)
    ]  # fmt: skip


def cut_of(walked: Walked) -> list[Place]:
    """The chunks that were selected and are in no passage, each with the reason."""
    context = walked.trace.context if walked.trace else None
    return [
        chunk_place(walked.chunks[chunk_id], f"cut, {reason}")
        for chunk_id, reason in (context.dropped if context else ())
        if chunk_id in walked.chunks
    ]


def candidates_of(walked: Walked) -> list[Place]:
    """The candidates that were not selected, in the order from which the first were."""
    if walked.trace is None:
        return []
    *orders, selected = walked.trace.rankings
    taken = set(selected.chunk_ids)
    return [
        chunk_place(walked.chunks[hit.chunk_id], f"rank {hit.rank}")
        for hit in (orders[-1].hits if orders else ())
        if hit.chunk_id not in taken and hit.chunk_id in walked.chunks
    ]


def chunk_place(chunk: Chunk, name: str) -> Place:
    """A chunk that can be picked, under what it is called here."""
    return Place(
        key=f"chunk:{chunk.chunk_id}", name=name, doc_id=chunk.doc_id, start=chunk.start,
        end=chunk.end, text=chunk.text, title="", headings=chunk.headings,
        notes=(f"{chunk.n_tokens} tokens",),
    )  # fmt: skip


def place_html(
    place: Place, *, picking: bool, evidence: Sequence[EvidenceSpan], n_looks: int = 0
) -> Markup:
    """A place that opens to its text, with buttons to take it where it can be picked.

    Parameters
    ----------
    n_looks : how often a citation opened it; it stands open where one did.
    """
    holds = bool(evidence_in(evidence, place.doc_id, place.start, place.end))
    path = [part for part in (place.title, *place.headings) if part.strip()]
    return tag(
        "details",
        tag(
            "summary",
            tag("strong", place.name),
            " ",
            foreign(" › ".join(dict.fromkeys(path))),
            " ",
            tag("span", foreign(place.doc_id), class_="wm-soft"),
            *(tag("span", note, class_="wm-tag") for note in place.notes),
            tag("span", "✓ evidence", class_="wm-tag wm-good") if holds else None,
        ),
        readable(place.text, doc_id=place.doc_id, start=place.start, evidence=evidence),
        _buttons(place, evidence) if picking else None,
        open="" if n_looks else None,
        data_looks=str(n_looks) if n_looks else None,
        data_key=place.key,
        class_="wm-place",
    )


def _buttons(place: Place, evidence: Sequence[EvidenceSpan]) -> Markup:
    whole = (place.start, place.end)
    taken = any(s.pinned and s.doc_id == place.doc_id and s.interval == whole for s in evidence)
    return tag(
        "div",
        button("take", "This is the evidence", value=place.key, pressed=taken,
               name=f"This is the evidence: {place.name}"),
        pick_button(place.name),
        button("open-document", "Open the document here", value=f"{place.start}:{place.doc_id}",
               look="quiet", name=f"Open the document here: {place.name}"),
        class_="wm-row",
    )  # fmt: skip


def pick_button(where: str) -> Markup:
    """A button that takes the words selected in a text."""
    return tag(
        "button",
        "Take the selected words",
        type="button",
        data_pick="take",
        data_value=SELECTION,
        title="Select words of a text first, with the mouse or with the keyboard",
        aria_label=f"Take the selected words of {where}",
    )


def _context(trace: Trace) -> tuple[Passage, ...]:
    return trace.context.passages if trace.context else ()
