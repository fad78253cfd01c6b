"""Chunks over a document: bars where the table says, words for what is wrong, text as written."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.boundaries import boundaries_frame
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.pages.boundaries import boundaries_html
from whymiss.pages.markup import visible
from whymiss.plots.boundaries import chunk_boundaries
from whymiss.records import Chunk, Document
from whymiss.testing import RegexTokenizer

TEXT = "# Plans\n\nTen euros a month. Paid once, in January. Phone is free. The rest is lost."
SPANS = ((0, 28), (20, 50), (50, 64))
GOLD = (33, 49)


def table(
    text: str = TEXT, spans: tuple[tuple[int, int], ...] = SPANS, *,
    gold: tuple[tuple[int, int], ...] = (GOLD,), n_truncated: int = 2,
) -> pd.DataFrame:  # fmt: skip
    chunks = [
        Chunk(chunk_id=f"{i}", doc_id="d", start=start, end=end, text=text[start:end],
              n_tokens=10 + i, n_truncated=n_truncated if i == 1 else 0, headings=("Plans",),
              parent_start=start, parent_end=end)
        for i, (start, end) in enumerate(spans)
    ]  # fmt: skip
    evidence = [EvidenceSpan(doc_id="d", start=start, end=end) for start, end in gold]
    return boundaries_frame(
        Document(doc_id="d", text=text), chunks, evidence=evidence, tokenizer=RegexTokenizer()
    )


def lane(drawn: Any, name: str) -> float:
    names = drawn.layout.yaxis.ticktext.tolist()
    return float(drawn.layout.yaxis.tickvals[names.index(name)])


def bars(drawn: Any) -> list[Any]:
    return [trace for trace in drawn.data if trace.type == "bar"]


def stretches(some: list[Any]) -> list[tuple[int, int]]:
    return [
        (int(base), int(base + length))
        for bar in some
        for base, length in zip(np.array(bar.base, float), bar.x, strict=True)
    ]


CUTS = st.lists(
    st.tuples(st.integers(0, len(TEXT)), st.integers(0, len(TEXT))).filter(lambda p: p[0] < p[1]),
    min_size=1, max_size=9, unique=True,
)  # fmt: skip


@settings(max_examples=30)
@given(CUTS)
def test_every_chunk_is_drawn_where_it_is_and_none_lies_on_another(
    spans: list[tuple[int, int]],
) -> None:
    drawn = chunk_boundaries(table(spans=tuple(spans), gold=(), n_truncated=0))
    chunks = [bar for bar in bars(drawn) if bar.text is not None]
    assert sorted(stretches(chunks)) == sorted(spans)
    for bar in chunks:
        ends = sorted(stretches([bar]))
        assert all(one[1] <= other[0] for one, other in pairwise(ends))
    assert len({bar.y[0] for bar in chunks}) == len(chunks)


def test_chunks_in_a_row_take_turns_between_two_lanes() -> None:
    drawn = chunk_boundaries(table(spans=((0, 20), (20, 40), (40, 60)), gold=(), n_truncated=0))
    lanes = [stretches([bar]) for bar in bars(drawn) if bar.text is not None]
    assert lanes == [[(0, 20), (40, 60)], [(20, 40)]]


def test_number_and_tokens_stand_in_the_bar_and_hide_where_they_do_not_fit() -> None:
    drawn = chunk_boundaries(table())
    assert [t for bar in bars(drawn) if bar.text is not None for t in bar.text] == [
        "1: 10", "3: 12", "2: 11",
    ]  # fmt: skip
    assert drawn.layout.uniformtext.mode == "hide"


def test_each_kind_has_a_lane_with_words() -> None:
    drawn = chunk_boundaries(table())
    told = dict(zip(drawn.layout.yaxis.ticktext, drawn.layout.yaxis2.ticktext, strict=True))
    assert told.pop("") == "2 tokens in 1 chunk are not read"
    assert told == {
        "headings": "1 heading",
        "evidence": "whole in chunk 2, but not read to its end by<br>the encoder",
        "chunks, number: tokens": "3 chunks, 33 tokens",
        "overlap": "8 characters",
        "in no chunk": "19 characters",
    }
    (gold,) = [bar for bar in bars(drawn) if bar.y[0] == lane(drawn, "evidence")]
    assert stretches([gold]) == [GOLD]


def test_what_is_not_read_is_hatched_over_its_chunk() -> None:
    drawn = chunk_boundaries(table())
    (tail,) = [bar for bar in bars(drawn) if bar.marker.pattern.shape == "/"]
    ((start, end),) = stretches([tail])
    assert end == 50
    assert TEXT[start:end] == "January."
    (under,) = [bar for bar in bars(drawn) if bar.text is not None and "2: 11" in bar.text]
    assert under.y[0] == tail.y[0]


def test_the_pointer_shows_section_place_and_text() -> None:
    drawn = chunk_boundaries(table())
    (first, *_) = [bar for bar in bars(drawn) if bar.text is not None]
    assert first.hovertext[0] == (
        "chunk 1, 10 tokens<br>Plans<br>characters 0 to 28<br># Plans Ten euros a month."
    )


def test_white_space_between_chunks_has_no_lane() -> None:
    drawn = chunk_boundaries(table("ten\n\neuros", ((0, 3), (5, 10)), gold=(), n_truncated=0))
    assert "in no chunk" not in drawn.layout.yaxis.ticktext


def test_a_document_without_text_says_so() -> None:
    drawn = chunk_boundaries(table("", (), gold=()))
    assert [note.text for note in drawn.layout.annotations] == ["The document has no text."]
    assert "The document has no text." in boundaries_html(table("", (), gold=()))


def test_what_is_no_table_of_boundaries_is_refused() -> None:
    with pytest.raises(
        InvalidRecordError, match=r"chunk_boundaries needs .* 'n_tokens' is missing"
    ):
        chunk_boundaries(table().drop(columns="n_tokens"))
    with pytest.raises(InvalidRecordError, match=r"needs the kinds heading, .*; got 'guess'"):
        chunk_boundaries(table().assign(kind="guess"))


class Reader(HTMLParser):
    """The text inside <pre> without the badges, and every tag and the style around each letter."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, str]] = []
        self.text = ""
        self.badges: list[str] = []
        self.marks: list[tuple[str, ...]] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.open.append((tag, dict(attrs).get("style") or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not any(tag == "pre" for tag, _ in self.open):
            return
        if "border-radius" in self.open[-1][1]:
            self.badges.append(data)
            return
        self.text += data
        around = tuple(tag for tag, style in self.open if tag != "pre" and style)
        self.marks += [around] * len(data)


def read(shown: str) -> Reader:
    reader = Reader()
    reader.feed(shown)
    reader.close()
    assert not reader.open
    return reader


@settings(max_examples=30)
@given(st.text("ab \n<>&$\"'\x00\u202eé", min_size=1, max_size=60), st.data())
def test_the_page_holds_the_text_exactly_and_no_tag_of_it(text: str, data: st.DataObject) -> None:
    place = st.integers(0, len(text))
    pairs = data.draw(st.lists(st.tuples(place, place), max_size=5, unique=True))
    spans = tuple({(min(p), max(p)) for p in pairs if p[0] != p[1]})
    reader = read(boundaries_html(table(text, spans, gold=(), n_truncated=0), name=text))
    assert reader.text == visible(text)
    assert reader.names <= {"div", "p", "strong", "bdi", "pre", "span", "mark", "s"}
    assert len(reader.badges) == 2 * len(spans)


def test_borders_have_numbers_and_tokens_and_every_look_has_words() -> None:
    shown = boundaries_html(table())
    reader = read(shown)
    assert reader.badges == [
        "⟦1: 10 tokens",
        "⟦2: 11 tokens",
        "1⟧",
        "2⟧ last 2 tokens not read",
        "⟦3: 12 tokens",
        "3⟧",
    ]
    # Each of these is in the key in words too.
    for words in (
        "evidence (1 span)",
        "in several chunks (1 place)",
        "read by the encoder in no chunk (1 truncated chunk)",
        "in no chunk (1 place)",
    ):
        assert words in shown
    gold = TEXT.index("January")
    assert reader.marks[GOLD[0]] == ("mark",)
    assert reader.marks[gold] == ("s", "mark")
    assert reader.marks[20] == ("span",)
    assert reader.marks[0] == ()


def test_what_another_chunk_brings_to_the_encoder_is_not_struck() -> None:
    # The second chunk is not read from "January." on; a third begins within that.
    at = TEXT.index("January")
    reader = read(boundaries_html(table(spans=((0, 28), (20, 50), (at + 4, 64)))))
    assert reader.marks[at] == ("s", "mark")
    assert "s" not in reader.marks[at + 4]


def test_looks_that_do_not_occur_are_not_in_the_key() -> None:
    shown = boundaries_html(table("ten euros", ((0, 9),), gold=(), n_truncated=0))
    assert "1 chunk" in shown
    for word in ("evidence", "several", "struck", "in no chunk"):
        assert word not in shown


def test_hostile_text_is_drawn_as_it_is_written(
    hostile_text: str, harmless: Callable[[Any], bool], hostile_strings: tuple[str, ...]
) -> None:
    text = f"# {hostile_text}\n\n{hostile_text}"
    found = table(text, ((0, 40), (40, len(text))), gold=((3, 9),), n_truncated=0)
    assert harmless(chunk_boundaries(found.assign(note=hostile_text), name=hostile_text))
    for hostile in hostile_strings:
        found = table(hostile, ((0, len(hostile)),), gold=((0, 1),), n_truncated=0)
        reader = read(boundaries_html(found, name=hostile))
        assert reader.text == visible(hostile)
        assert reader.names <= {"div", "p", "strong", "bdi", "pre", "span", "mark"}
