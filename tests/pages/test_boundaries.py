"""A document's text in parts: nothing lost between them, and every place found again."""

from __future__ import annotations

from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.evaluation.boundaries import boundaries_frame
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.pages.boundaries import boundaries_html, boundaries_text, place_of
from whymiss.pages.markup import visible
from whymiss.records import Chunk, Document

TEXT = "Ten euros a month. Paid once, in January. Phone support is free of charge."
#       0         10        20        30        40        50        60        70


def table(
    text: str, spans: tuple[tuple[int, int], ...], gold: tuple[tuple[int, int], ...] = ()
) -> pd.DataFrame:
    chunks = [
        Chunk(chunk_id=f"{start}-{end}", doc_id="d", start=start, end=end, text=text[start:end],
              n_tokens=end - start, parent_start=start, parent_end=end)
        for start, end in spans
    ]  # fmt: skip
    evidence = [EvidenceSpan(doc_id="d", start=start, end=end) for start, end in gold]
    return boundaries_frame(Document(doc_id="d", text=text), chunks, evidence=evidence)


class Reader(HTMLParser):
    """What a browser counts as text of the <pre>, the badges, and the attributes of the <pre>."""

    def __init__(self, shown: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.badges, self.pre, self.here = "", [], {}, []
        self._open: list[bool] = []
        self.feed(shown)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self._open.append("data-badge" in told)
        if tag == "pre":
            self.pre = told
        if "data-here" in told:
            self.here.append((told["data-here"], len(self.text)))
        if self._open[-1]:
            self.badges.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if any(self._open):
            self.badges[-1] += data
        else:
            self.text += data


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, pd.DataFrame]:
    text = draw(st.text("ab \r\n\x00\u202e<é𝔘", min_size=1, max_size=40))
    place = st.integers(0, len(text))

    def some(most: int) -> tuple[tuple[int, int], ...]:
        pairs = draw(st.lists(st.tuples(place, place), max_size=most, unique=True))
        return tuple({(min(p), max(p)) for p in pairs if p[0] != p[1]})

    return text, table(text, some(5), some(3))


@given(cut_texts(), st.data())
def test_a_place_of_the_shown_text_is_found_again_in_the_document(
    cut: tuple[str, pd.DataFrame], data: st.DataObject
) -> None:
    text, boundaries = cut
    start = data.draw(st.integers(0, len(text)))
    at = data.draw(st.integers(start, len(text)))
    # Between the two characters of one line break there is no place to be seen.
    for edge in (start, at):
        if text[max(0, edge - 1) : edge + 1] == "\r\n":
            return
    shown = Reader(boundaries_text(boundaries, part=(start, at))).text
    assert place_of(boundaries, len(shown), part=(start, len(text))) == at


@given(cut_texts(), st.data())
def test_parts_hold_the_text_exactly_and_every_border_once(
    cut: tuple[str, pd.DataFrame], data: st.DataObject
) -> None:
    text, boundaries = cut
    edges = data.draw(st.lists(st.integers(1, len(text)), max_size=4, unique=True).map(sorted))
    parts = list(zip([0, *edges], [*edges, len(text)], strict=True))
    read = [Reader(boundaries_text(boundaries, part=part)) for part in parts]
    assert len("".join(r.text for r in read).replace("⟨U+000D⟩", "")) == len(
        visible(text).replace("⟨U+000D⟩", "")
    )
    if "\r" not in text:
        assert "".join(r.text for r in read) == visible(text)
    badges = [badge for r in read for badge in r.badges]
    n_chunks = int((boundaries["kind"] == "chunk").sum())
    assert sum(badge.startswith("⟦") for badge in badges) == n_chunks
    assert sum(badge.endswith("⟧") for badge in badges) == n_chunks


def test_a_chunk_that_goes_over_the_edge_of_a_part_says_so() -> None:
    boundaries = table(TEXT, ((0, 41), (42, 74)))
    assert Reader(boundaries_text(boundaries, part=(10, 20))).badges == [
        "1 from before",
        "1 goes on",
    ]
    assert Reader(boundaries_text(boundaries, part=(20, 60))).badges == [
        "1 from before", "1⟧", "⟦2: 32 tokens", "2 goes on",
    ]  # fmt: skip
    # One that ends or begins at the edge does not go over it.
    assert Reader(boundaries_text(boundaries, part=(0, 41))).badges == ["⟦1: 41 tokens", "1⟧"]
    assert Reader(boundaries_text(boundaries, part=(42, 74))).badges == ["⟦2: 32 tokens", "2⟧"]


def test_the_text_names_its_document_and_where_it_begins() -> None:
    boundaries = table(TEXT, ((0, 74),))
    shown = Reader(boundaries_text(boundaries, name="a<b>.md", part=(10, 20)))
    assert (shown.pre["data-text-of"], shown.pre["data-from"]) == ("a<b>.md", "10")
    assert shown.text == TEXT[10:20]
    assert Reader(boundaries_html(boundaries, name="d")).pre["data-from"] == "0"


def test_no_text_stands_right_behind_the_tag_where_a_browser_drops_a_line_break() -> None:
    shown = boundaries_text(table("\n\nten", ((2, 5),)))
    assert not shown.partition(">")[2].startswith("\n")
    assert Reader(shown).text == "\n\nten"


def test_evidence_has_its_name_where_it_begins_and_only_there() -> None:
    boundaries = table(TEXT, ((0, 25), (25, 74)), ((19, 40),))
    names = {(19, 40): "✂ <q1>, 2 pieces", (1, 2): "nobody"}
    assert "✂ <q1>, 2 pieces" in Reader(boundaries_text(boundaries, names=names)).badges
    shown = Reader(boundaries_text(boundaries, names=names, part=(20, 74)))
    assert not [badge for badge in shown.badges if "q1" in badge]


@pytest.mark.parametrize("here", [0, 13, 20])
def test_a_place_that_is_pointed_at_is_marked_there(here: int) -> None:
    shown = Reader(boundaries_text(table(TEXT, ((0, 20), (20, 74))), here=here))
    assert shown.here == [(str(here), here)]
    assert shown.text == TEXT
    behind = Reader(boundaries_text(table(TEXT, ((0, 74),)), part=(30, 40), here=here))
    assert behind.here == []
