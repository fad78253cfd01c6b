"""Text that words are picked from: every character shown stands for one of the document."""

from __future__ import annotations

from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from whymiss.evaluation.labels import EvidenceSpan
from whymiss.pages.markup import visible
from whymiss.records import Document
from whymiss.widgets.walk.readable import evidence_in, one_for_one, readable
from whymiss.widgets.walk.sight import PAGE, page_at

TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("\r\n\t \u202e\x00<&$")), max_size=60)


@given(TEXTS)
def test_a_text_is_shown_character_for_character(text: str) -> None:
    shown = one_for_one(text)
    assert len(shown) == len(text)
    assert visible(shown) == shown
    assert all(a == b for a, b in zip(text, shown, strict=True) if visible(a) == a and a != "\r")


@given(TEXTS.filter(bool), st.integers(0, 50), st.data())
def test_what_is_counted_in_the_page_are_characters_of_the_document(
    text: str, start: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, start + len(text)))
    span = EvidenceSpan(doc_id="d", start=first, end=first + data.draw(st.integers(1, 20)))
    made = BeautifulSoup(
        readable(text, doc_id="d", start=start, evidence=[span]), "html.parser"
    ).div
    assert made is not None
    assert made.get_text() == one_for_one(text)
    assert (made["data-text-of"], made["data-from"]) == ("d", str(start))
    inside = evidence_in([span], "d", start, start + len(text))
    marked = "".join(mark.get_text() for mark in made.find_all("mark"))
    assert marked == "".join(one_for_one(text)[a - start : b - start] for a, b in inside)


def test_evidence_of_another_document_or_without_a_place_is_not_marked() -> None:
    spans = [EvidenceSpan(doc_id="other", start=0, end=4), EvidenceSpan(doc_id="d", quote="some")]
    assert evidence_in(spans, "d", 0, 10) == []


@given(st.lists(st.integers(0, 900), max_size=120), st.integers(-9, 60_000))
def test_pages_hold_every_character_of_a_document_from_where_it_is_opened(
    lines: list[int], at: int
) -> None:
    document = Document(doc_id="d", text="\n".join("x" * n for n in lines) + ".")
    page = page_at(document, min(at, len(document.text) - 1))
    assert page.start <= max(0, at)
    back = page
    while back.start:
        assert back.before.start < back.start <= back.before.end
        back = back.before
    while page.after != page:
        assert page.start < page.end == page.after.start <= page.start + PAGE
        page = page.after
    assert page.end == len(document.text)
