"""The chunk browser as HTML: which document, what its borders do, and its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whymiss.config import PipelineConfig
from whymiss.evaluation.cuts import ChunkSummary, EvidenceCut, Fate, chunk_summary, evidence_cuts
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.frames import short
from whymiss.pages.boundaries import boundaries_key, boundaries_text
from whymiss.pages.markup import (
    IN_NOTEBOOK,
    PLAIN,
    Child,
    Inline,
    Markup,
    foreign,
    join,
    number,
    table,
    tag,
    wide,
)
from whymiss.records import Document
from whymiss.text import Interval, counted
from whymiss.widgets.base.controls import button, choice, group, text_field
from whymiss.widgets.base.knobs import chunking_knobs, control
from whymiss.widgets.chunks.cutting import Cut
from whymiss.widgets.chunks.pager import pager
from whymiss.widgets.chunks.state import ChunksState, page_at, pages_of, span_code

MOST_LISTED: Final = 300
"""Documents in the list at a time; a longer one is slow to open and nobody reads it."""

_MANY: Final = 12
_QUOTE: Final = 120
_QUESTION: Final = 90
_NAMED: Final = 2
_MARKS: Final[dict[Fate, tuple[str, str]]] = {
    "whole": ("✓", "wm-good"),
    "unread": ("⚠", "wm-unsure"),
    "cut": ("✂", "wm-bad"),
    "nowhere": ("✗", "wm-bad"),
}


def head_html(state: ChunksState, documents: Sequence[Document], evidence: Sequence[str]) -> Markup:
    """Which document is shown, and the others to choose from.

    Parameters
    ----------
    evidence : the doc_id of every labelled span, as often as it has some.
    """
    words = state.contains.casefold().split()
    found = [
        document
        for document in documents
        if all(word in f"{document.doc_id} {document.title}".casefold() for word in words)
    ]
    listed = found[:MOST_LISTED]
    # The one that is shown stands in the list, or another would seem to be.
    listed += [d for d in documents if d.doc_id == state.doc_id and d not in listed]
    n_spans = {doc_id: evidence.count(doc_id) for doc_id in set(evidence)}
    options = [(d.doc_id, _option(d, n_spans.get(d.doc_id, 0))) for d in listed]
    said = f"{len(found):,} of {counted(len(documents), 'document')} match. " if words else ""
    if len(found) > MOST_LISTED:
        said += f"The first {MOST_LISTED:,} are listed; write more of the name."
    return join(
        [
            tag("h2", "Chunks of a document"),
            tag(
                "div",
                tag("div", choice("doc_id", "Document", state.doc_id, options), class_="wm-grow"),
                tag("div", text_field("contains", "Only documents whose name contains",
                                      state.contains, hint="such as billing invoice"),
                    class_="wm-grow") if len(documents) > _MANY else None,
                class_="wm-row",
            ),
            tag("p", said, class_="wm-soft", role="status") if said else None,
        ]
    )  # fmt: skip


def knobs_html(config: PipelineConfig) -> Markup:
    """The knobs of chunking, and what to do with the result."""
    knobs = (control(knob, config) for knob in chunking_knobs(config))
    return join(
        [
            group("Chunking", *knobs),
            tag("p", button("live", "Use in the live panel", look="main"), class_="wm-row"),
        ]
    )


def summary_html(cut: Cut) -> Markup:
    """The chunks in numbers, in one line."""
    summary = chunk_summary(cut.boundaries)
    said: list[Child] = [tag("strong", counted(summary.n_chunks, "chunk"))]
    if summary.tokens is not None:
        least, median, most = summary.tokens
        said.append(f"{least:,} / {number(median, 1)} / {most:,} tokens (fewest, median, most)")
    if lengths := sorted(end - start for start, end in cut.parents):
        passages = counted(len(lengths), "parent passage")
        said.append(f"read in {passages} of {lengths[0]:,} to {lengths[-1]:,} characters")
    said += _spans_said(summary)
    if summary.n_truncated:
        tails = counted(summary.n_truncated, "chunk has a tail", "chunks have tails")
        said.append(
            _marked("unread", f"{tails} beyond the encoder's limit ({summary.n_unread:,} tokens)")
        )
    else:
        said.append("the encoder reads every chunk to its end")
    if summary.n_gaps:
        said.append(_marked("nowhere", f"{counted(summary.n_gaps, 'place')} in no chunk"))
    return tag("p", *(tag("span", part) for part in said), class_="wm-strip", role="status")


def spans_html(cut: Cut, *, controls: bool = True, style: Inline = PLAIN) -> Markup:
    """Every evidence span of the document: who needs it, and what the borders do to it."""
    found = evidence_cuts(cut.boundaries)
    if not found:
        return tag("p", "No labelled question has evidence in this document.", class_="wm-soft")
    headings = ("Place", "Chunks", "Needed by", "Text")
    rows = [_span_row(span, cut, controls=controls) for span in found]
    return wide(table("Evidence in this document", headings, rows, style=style))


def text_html(cut: Cut, at: int) -> Markup:
    """The page of the text that holds a character, with its borders, and ways to other pages."""
    pages = pages_of(cut.document.text)
    here = page_at(pages, at)
    shown = boundaries_text(
        cut.boundaries,
        name=cut.document.doc_id,
        part=pages[here],
        names=span_names(cut),
        here=at if at > pages[here][0] else None,
    )
    return join(
        [
            tag(
                "div",
                tag("button", "Mark the selected text as evidence", type="button",
                    data_pick="mark"),
                _pages(pages, here),
                class_="wm-row",
            ),
            boundaries_key(cut.boundaries),
            tag(
                "div",
                shown,
                data_key=f"{cut.document.doc_id} {here}",
                class_="wm-page",
                tabindex="0",
                role="region",
                aria_label=f"Text of {cut.document.doc_id}, page {here + 1} of {len(pages)}",
            ),
        ]
    )  # fmt: skip


def span_names(cut: Cut) -> dict[Interval, str]:
    """What stands at the beginning of each evidence span: who needs it, in how many pieces."""
    names = {}
    for span in evidence_cuts(cut.boundaries):
        asked = [question.query_id for question in cut.askers[span.start, span.end]]
        more = f" and {len(asked) - _NAMED} more" if len(asked) > _NAMED else ""
        who = ", ".join(asked[:_NAMED]) + more if asked else "marked"
        mark, _ = _MARKS[span.fate]
        pieces = f", {counted(span.n_pieces, 'piece')}" if span.fate == "cut" else ""
        names[span.start, span.end] = f"{mark} {who}{pieces}"
    return names


def marked_html(marked: Sequence[EvidenceSpan]) -> Markup:
    """A quote to mark without a mouse, and the marked spans as lines to copy."""
    form = tag(
        "form",
        tag("label", tag("span", "Or mark a quote: paste it here", class_="wm-name"),
            tag("input", type="text", name="quote"), class_="wm-grow"),
        tag("button", "Mark the quote", type="submit"),
        data_do="mark_quote",
        class_="wm-row",
    )  # fmt: skip
    if not marked:
        return form
    lines = ",\n".join(span_code(span) for span in marked)
    rows = [
        (
            foreign(span.doc_id),
            foreign(short(span.quote or "", _QUOTE)),
            button("unmark", "Take back", value=str(n), look="quiet",
                   name=f"Take back the mark on {short(span.quote or '', 40)}"),
        )
        for n, span in enumerate(marked)
    ]  # fmt: skip
    return join(
        [
            form,
            wide(table("Marked as evidence", ("Document", "Text", "Change"), rows)),
            tag("pre", tag("code", lines, data_code="marked")),
            tag("p", tag("button", "Copy the spans", type="button", data_copy="marked")),
        ]
    )


def snapshot_html(cut: Cut, at: int) -> Markup:
    """The browser without controls, readable without a style sheet."""
    pages = pages_of(cut.document.text)
    here = page_at(pages, at)
    knobs = "; ".join(
        f"{knob.partition('.')[2]} {cut.config.flat()[knob]}" for knob in chunking_knobs(cut.config)
    )
    start, end = pages[here]
    return tag(
        "div",
        tag("h3", "Chunks of ", foreign(cut.document.doc_id)),
        tag("p", knobs),
        summary_html(cut),
        spans_html(cut, controls=False, style=IN_NOTEBOOK),
        tag(
            "details",
            tag("summary", f"Page {here + 1} of {len(pages)}: characters {start:,} to {end:,}"),
            boundaries_key(cut.boundaries),
            boundaries_text(cut.boundaries, part=pages[here], names=span_names(cut)),
        ),
        class_="mathjax_ignore",
    )


def _option(document: Document, n_spans: int) -> str:
    title = f": {short(document.title, _QUESTION)}" if document.title else ""
    return f"{document.doc_id}{title}" + (f" ({counted(n_spans, 'span')})" if n_spans else "")


def _spans_said(summary: ChunkSummary) -> list[Child]:
    """What becomes of the evidence, fates that do not occur left out."""
    words: dict[Fate, str] = {
        "whole": "whole in one chunk",
        "unread": "whole, but not read to the end",
        "cut": "cut",
        "nowhere": "in no chunk",
    }
    total = sum(summary.fates.values())
    if not total:
        return ["no labelled evidence here"]
    return [
        _marked(fate, f"{n} of {counted(total, 'evidence span')} {words[fate]}")
        for fate, n in summary.fates.items()
        if n
    ]


def _marked(fate: Fate, words: str) -> Markup:
    mark, look = _MARKS[fate]
    return tag("span", f"{mark} {words}", class_=look)


def _span_row(span: EvidenceCut, cut: Cut, *, controls: bool) -> tuple[Child, ...]:
    place = f"{span.start:,} to {span.end:,}"
    asked = cut.askers[span.start, span.end]
    lines = [_asker(question, controls=controls) for question in asked]
    return (
        button("show", place, value=str(span.start), look="quiet",
               name=f"Show characters {place}") if controls else place,
        _marked(span.fate, _fate_said(span, cut.parents)),
        tag("div", *lines) if asked else "marked by hand",
        foreign(short(cut.document.text[span.start : span.end], _QUOTE)),
    )  # fmt: skip


def _asker(question: Question, *, controls: bool) -> Markup:
    text = short(question.query.text, _QUESTION)
    ask = button("live", "Try live", value=question.query_id, look="quiet",
                 name=f"Try {text} in the live panel with this chunking")  # fmt: skip
    said = (tag("span", question.query_id, class_="wm-soft"), " ", foreign(text))
    return tag("div", *said, " ", ask if controls else None)


def _fate_said(span: EvidenceCut, parents: Sequence[Interval]) -> str:
    read = any(start <= span.start and span.end <= end for start, end in parents)
    several = "chunks" if len(span.parts) > 1 else "chunk"
    named = f"{several} {', '.join(map(str, span.whole or span.parts))}"
    return {
        "whole": f"whole in {named}",
        "unread": f"whole in {named}, but not read to its end",
        "cut": f"in {counted(span.n_pieces, 'piece')}: {named}"
        + ("; whole in their parent passage" if read else ""),
        "nowhere": "in no chunk",
    }[span.fate]


def _pages(pages: Sequence[Interval], here: int) -> Markup | None:
    if len(pages) == 1:
        return None
    options = [
        (str(n), f"page {n + 1} of {len(pages)}: characters {start:,} to {end:,}")
        for n, (start, end) in enumerate(pages)
    ]
    chosen = tag("span", choice("page", "Page", str(here), options), class_="wm-pages")
    return pager(here, len(pages), chosen, name="Pages of the document")
