"""Evidence marked by hand: exactly what was selected, whatever the text is made of."""

from __future__ import annotations

from typing import Any

import pytest

from whymiss.evaluation.labels import EvidenceSpan
from whymiss.pages.markup import visible
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.chunks.state import span_code


def select(browser: ChunkBrowser, start: int, end: int, doc_id: str | None = None) -> None:
    """What the browser sends when the characters [start, end) of the shown text are selected."""
    fields = {"doc_id": doc_id or visible(browser.state.doc_id), "start": start, "end": end}
    browser._surface.receive({"do": "mark", "value": "", "fields": fields, "seen": 1})
    assert browser.flush(10)


def problem_of(browser: ChunkBrowser) -> str:
    return str(browser._surface.parts["problem"])


def test_a_selection_becomes_a_span_to_copy_and_is_underlined(
    browser: ChunkBrowser, seen: Any
) -> None:
    text = browser.cut.document.text if browser.cut else ""
    start = text.index("by invoice")
    # A space on either side is dragged along easily.
    select(browser, start - 1, start + 11)
    wanted = EvidenceSpan(doc_id="plans.md", start=start, end=start + 10, quote="by invoice")
    assert browser.state.marked == (wanted,)
    copied = seen(browser, "marked").find(attrs={"data-code": "marked"}).text
    assert copied == span_code(wanted)
    assert eval(copied, {"EvidenceSpan": EvidenceSpan}) == wanted
    assert "by invoice" in [mark.text for mark in seen(browser, "text").pre.find_all("mark")]
    assert "marked by hand" in seen(browser, "spans").text


def test_marked_spans_stay_underlined_when_the_borders_move(
    browser: ChunkBrowser, seen: Any, turn: Any
) -> None:
    browser.press("mark_quote", quote="for each seat")
    turn(browser, "chunking.size", 200)
    turn(browser, "doc_id", "odd.txt")
    turn(browser, "doc_id", "plans.md")
    assert "for each seat" in [mark.text for mark in seen(browser, "text").pre.find_all("mark")]


def test_marks_that_are_shown_by_their_code_take_one_place(
    browser: ChunkBrowser, turn: Any
) -> None:
    turn(browser, "doc_id", "odd.txt")
    text = browser.cut.document.text if browser.cut else ""
    shown = visible(text)
    start = shown.index("lines, in ten days")
    select(browser, start, start + len("lines, in ten days"))
    (span,) = browser.state.marked
    assert span.quote == "lines, in ten days"
    assert text[span.start : span.end] == span.quote


def test_a_selection_on_a_later_page_is_counted_from_the_document(
    browser: ChunkBrowser, turn: Any
) -> None:
    turn(browser, "doc_id", "long.txt")
    browser.press("page", "1")
    text = browser.cut.document.text if browser.cut else ""
    start = text.index("Line 300 ")
    select(browser, start, start + 8)
    assert browser.state.marked[0].quote == "Line 300"


@pytest.mark.parametrize("fields", [{}, {"doc_id": "other.md", "start": 1, "end": 2}])
def test_without_a_selection_in_this_document_it_is_told_what_to_do(
    browser: ChunkBrowser, fields: dict[str, Any]
) -> None:
    browser.press("mark", **fields)
    assert "nothing of this document is selected" in problem_of(browser)
    assert browser.state.marked == ()


def test_white_space_is_no_evidence(browser: ChunkBrowser) -> None:
    text = browser.cut.document.text if browser.cut else ""
    start = text.index("\n\n")
    select(browser, start, start + 2)
    assert "only white space" in problem_of(browser)


@pytest.mark.parametrize(
    ("quote", "said"),
    [
        ("in ten days", "the quote stands 2 times in the document"),
        ("in eleven days", "the quote is not in the document"),
        ("  ", "a quote needs visible text"),
    ],
)
def test_a_quote_that_has_no_one_place_is_refused(
    browser: ChunkBrowser, turn: Any, quote: str, said: str
) -> None:
    turn(browser, "doc_id", "odd.txt")
    browser.press("mark_quote", quote=quote)
    assert said in problem_of(browser)
    assert browser.state.marked == ()


def test_a_mark_is_taken_back(browser: ChunkBrowser, seen: Any) -> None:
    for quote in ("for each seat", "Paid by card", "for each seat"):
        browser.press("mark_quote", quote=quote)
    assert [span.quote for span in browser.state.marked] == ["for each seat", "Paid by card"]
    browser.press("unmark", "0")
    assert browser.flush(10)
    assert [span.quote for span in browser.state.marked] == ["Paid by card"]
    assert "for each seat" not in [m.text for m in seen(browser, "text").pre.find_all("mark")]
