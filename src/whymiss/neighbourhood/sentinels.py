"""Sentinel queries: sentences of the documents themselves, asked where nobody has asked enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from whymiss.chunking import sentence_starts
from whymiss.neighbourhood.ground import Ground
from whymiss.neighbourhood.shingles import plain_words
from whymiss.text import normalise_whitespace

if TYPE_CHECKING:
    from whymiss.records import Document

PER_DOCUMENT: Final = 3
"""Sentences taken of each document: a long one must not drown the others."""

_FEWEST_WORDS: Final = 8
_MOST_WORDS: Final = 40
"""Shorter ones are headings and labels; longer ones are no sentence but a table or a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel:
    """A sentence of a document as a query.

    rows : the rows of the index that hold some of it; they do not count for it.
    """

    doc_id: str
    text: str
    rows: tuple[int, ...]


def sentinels(ground: Ground) -> list[Sentinel]:
    """Up to three sentences of 8 to 40 words of each document, evenly spread; always the same."""
    stored = ground.read_documents(ground.doc_ids)
    return [
        Sentinel(
            doc_id=doc_id,
            text=normalise_whitespace(stored[doc_id].text[start:end]),
            rows=tuple(
                row
                for row in ground.rows_of[doc_id]
                if ground.chunks[row].start < end and start < ground.chunks[row].end
            ),
        )
        for doc_id in ground.doc_ids
        if doc_id in stored
        for start, end in _spread(list(_sentences(stored[doc_id])))
    ]


def _sentences(document: Document) -> Iterator[tuple[int, int]]:
    starts = [*map(int, sentence_starts(document.text)), len(document.text)]
    for start, end in pairwise(starts):
        if _FEWEST_WORDS <= len(plain_words(document.text[start:end])) <= _MOST_WORDS:
            yield start, end


def _spread(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The middle ones of as many equal parts as are taken."""
    n = min(PER_DOCUMENT, len(found))
    return [found[(2 * i + 1) * len(found) // (2 * n)] for i in range(n)]
