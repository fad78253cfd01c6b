"""Other people's chunkers, and what is refused of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from whymiss.chunking import from_callable
from whymiss.errors import ChunkingError
from whymiss.records import Document, Span

TEXT = "One two. One two.\n\nThree."


@dataclass
class ChonkieChunk:
    text: str
    start_index: int
    end_index: int
    token_count: int = 0


@dataclass
class LangChainDocument:
    page_content: str
    metadata: dict[str, Any] = field(default_factory=dict)


def spans(pieces: Iterable[Any], text: str = TEXT) -> list[tuple[int, int]]:
    chunker = from_callable(lambda _: pieces, "mine")
    return [(s.start, s.end) for s in chunker.spans(Document(doc_id="d", text=text))]


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, 9), (9, 17), (19, 25)],
        [[0, 8], [9, 19], [19, 25]],
        [Span(start=0, end=8), Span(start=9, end=17), Span(start=18, end=25)],
        ["One two.", "One two.", "Three."],
        ["One two. ", "One two.\n\n", "Three."],
        [ChonkieChunk("", 0, 9), ChonkieChunk("", 9, 19), ChonkieChunk("", 19, 25)],
        [
            LangChainDocument("One two.", {"start_index": 0}),
            LangChainDocument("One two.", {"start_index": 9}),
            LangChainDocument("Three.", {"start_index": 19}),
        ],
        [LangChainDocument("One two."), LangChainDocument("One two."), LangChainDocument("Three.")],
        [(0, 8), (8, 8), (9, 17), (17, 19), (19, 25)],
    ],
)
def test_pieces_of_every_kind_become_trimmed_spans(pieces: list[Any]) -> None:
    assert spans(pieces) == [(0, 8), (9, 17), (19, 25)]


def test_overlapping_texts_are_found_behind_the_start_of_the_one_before() -> None:
    assert spans(["a b c", "c d", "d e"], "a b c d e") == [(0, 5), (4, 7), (6, 9)]


def test_parents_of_a_span_are_kept() -> None:
    wide = Span(start=0, end=3, parent_start=0, parent_end=5)
    chunker = from_callable(lambda _: [wide, (4, 5)], "mine")
    assert chunker.spans(Document(doc_id="d", text="a b c"))[0].parent_end == 5


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([(0, 99)], r"'mine' must stay inside a text of 25 characters; piece 1 is \[0, 99\)"),
        ([(0, 17), (0, 17), (19, 25)], r"ascending order, none twice; \[0, 17\) came after"),
        ([(19, 25), (0, 17)], "leave out nothing but white space; 'One two. One two.'"),
        ([(0, 17)], "'Three.' after character 17 is in no span"),
        ([(0, 8), (19, 25)], "'One two.' after character 8"),
        (["One two. ", "Four."], "piece 2 'Four.' is not behind character 0"),
        ([object()], "piece 1 is a object"),
        ([(-1, 5)], r"piece 1 is \[-1, 5\)"),
    ],
)
def test_what_does_not_fit_the_document_is_refused(pieces: list[Any], message: str) -> None:
    with pytest.raises(ChunkingError, match=message):
        spans(pieces)
