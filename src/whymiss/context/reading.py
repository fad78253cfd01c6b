"""What a chunk reads as in a context: a stretch of its document with a header."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from whymiss.records import Chunk, Document
from whymiss.text import intersection_length, normalise_whitespace, words

GRAM_WORDS: Final = 5
"""Words of a run when two passages are compared."""

CONTAINED: Final = 0.9
"""Share of a passage's word runs that an earlier passage must hold to make it a repeat."""

_LABEL_CHARACTERS: Final = 200
"""Longest title and heading path of a header: one absurd heading must not eat the budget."""

_LINE_BREAKS: Final = r"\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
# What a reader could take for a passage's header: brackets of any width around digits of any
# script at the start of a line, after spaces, quotation marks or characters that do not show.
_HEADER_LIKE: Final = re.compile(
    rf"(?:\A|(?<=[{_LINE_BREAKS}]))"
    rf"(?=(?:[^\S{_LINE_BREAKS}]|[>\u00ad\u200b-\u200d\u2060\ufeff])*"
    r"[\[［【〔]\s*\d+\s*[\]］】〕])"
)
_BRACKETS: Final = frozenset("[［【〔")


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """Characters [start, end) of a document under headings, and what is found out about them.

    fresh : the text is what the document says there; False for a chunk of a stale index or of an
        unknown document, which is read as the index has it.
    """

    document: Document | None
    doc_id: str
    fresh: bool
    start: int
    end: int
    text: str
    headings: tuple[str, ...]

    @property
    def title(self) -> str:
        """Title of the document, where it is known."""
        return self.document.title if self.document else ""

    def block(self, number: int | str) -> str:
        """The passage as the generator reads it, under a number."""
        return f"[{number}] {self.unnumbered}"

    @cached_property
    def unnumbered(self) -> str:
        """The passage without its number."""
        return f"{self._header}\n{self._body}"

    @cached_property
    def _header(self) -> str:
        """Title, headings and document in one line, whatever they are made of."""
        path = self.headings if self.title in self.headings[:1] else (self.title, *self.headings)
        label = normalise_whitespace(" > ".join(part for part in path if part.strip()))
        if len(label) > _LABEL_CHARACTERS:
            label = label[: _LABEL_CHARACTERS - 1] + "…"
        return normalise_whitespace(f"{label} ({self.doc_id})")

    @cached_property
    def _body(self) -> str:
        if _BRACKETS.isdisjoint(self.text):
            return self.text
        return _HEADER_LIKE.sub("> ", self.text)

    @cached_property
    def said(self) -> Counter[str]:
        """Its words, each as often as it stands there."""
        return Counter(self._words)

    @cached_property
    def n_words(self) -> int:
        """How many words these are."""
        return len(self._words)

    @cached_property
    def runs(self) -> frozenset[tuple[str, ...]]:
        """Its runs of words."""
        said = self._words
        return frozenset(zip(*(said[n:] for n in range(GRAM_WORDS)), strict=False))

    @cached_property
    def _words(self) -> list[str]:
        return words(self.text)


def readings_of(chunk: Chunk, document: Document | None) -> tuple[Reading, ...]:
    """How a chunk may be read, widest first: as its parent, then by itself."""
    fresh = document is not None and document.text[chunk.start : chunk.end] == chunk.text
    own = Reading(
        document=document,
        doc_id=chunk.doc_id,
        fresh=fresh,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        headings=chunk.headings,
    )
    if document is None or not fresh:
        return (own,)
    start, end = max(0, chunk.parent_start), min(chunk.parent_end, len(document.text))
    if not (start <= chunk.start and chunk.end <= end) or (start, end) == (own.start, own.end):
        return (own,)
    return stretch(own, start, end, chunk.headings), own


def stretch(reading: Reading, start: int, end: int, headings: tuple[str, ...]) -> Reading:
    """Another stretch of the same document.

    Raises
    ------
    ValueError : the document of the reading is unknown.
    """
    if reading.document is None:
        raise ValueError(f"document {reading.doc_id!r} is unknown")
    return Reading(
        document=reading.document,
        doc_id=reading.doc_id,
        fresh=True,
        start=start,
        end=end,
        text=reading.document.text[start:end],
        headings=headings,
    )


def joins(one: Reading, other: Reading) -> bool:
    """Whether two are one stretch of one document, give or take white space."""
    if one.doc_id != other.doc_id or one.document is None or not (one.fresh and other.fresh):
        return False
    if intersection_length((one.start, one.end), (other.start, other.end)):
        return True
    gap = one.document.text[min(one.end, other.end) : max(one.start, other.start)]
    return not gap.strip()


def repeats(reading: Reading, earlier: Reading) -> bool:
    """Whether an earlier one says all that this one says, in the same runs of words."""
    if reading.n_words < GRAM_WORDS:
        # Few words mean what their heading makes of them: only the same is a repeat.
        return reading.said == earlier.said and reading.headings == earlier.headings
    if reading.n_words > earlier.n_words:
        return False
    if not (reading.said.keys() <= earlier.said.keys() and reading.said <= earlier.said):
        return False
    return len(reading.runs & earlier.runs) >= CONTAINED * len(reading.runs)
