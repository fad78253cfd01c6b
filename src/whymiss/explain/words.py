"""The words of an indexed text: what tokens are put together to, and what can be left out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

from whymiss.records import Chunk
from whymiss.text import Interval, merge_spans

# Scripts that are written without spaces have a word in every character: a whole sentence would
# say nothing. An identifier such as FW-1042 is one word, as BM25 has it.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:[-._/'’][^\W{_UNSPACED}]+)*|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Word:
    """Characters [start, end) of a text that stand and fall together."""

    name: str
    start: int
    end: int

    @property
    def is_mark(self) -> bool:
        """Whether it holds neither letter nor digit."""
        return not any(character.isalnum() for character in self.name)


class Places(TypedDict):
    """Ranges in the document, and in the prefix."""

    passage: tuple[Interval, ...]
    prefix: tuple[Interval, ...]


def words_of(text: str) -> tuple[Word, ...]:
    """The words and marks of a text in reading order; only white space is between them.

    >>> [word.name for word in words_of("Don't use FW-1042, yet.")]
    ["Don't", 'use', 'FW-1042', ',', 'yet', '.']
    """
    return tuple(Word(match.group(), *match.span()) for match in _WORD.finditer(text))


def words_at(words: Sequence[Word], starts: Iterable[int]) -> list[int]:
    """For each place the number of the word that holds it or stands last before it; -1 for none.

    >>> words_at(words_of("annual plan"), [0, 3, 7, -1])
    [0, 0, 1, -1]
    """
    begins = [word.start for word in words]
    return [bisect_right(begins, start) - 1 if start >= 0 else -1 for start in starts]


def without(text: str, words: Sequence[Word], gone: Collection[int]) -> str:
    """The text with blanks for some of its words, so that all others keep their places.

    >>> without("annual plan", words_of("annual plan"), {0})
    '       plan'
    """
    characters = list(text)
    for number in gone:
        word = words[number]
        characters[word.start : word.end] = " " * (word.end - word.start)
    return "".join(characters)


def placed(chunk: Chunk, ranges: Iterable[Interval]) -> Places:
    """Ranges of a chunk's indexed text as ranges of its document and of its prefix."""
    border = len(chunk.prefix)
    spans = merge_spans(ranges)
    return Places(
        passage=tuple(
            (max(a, border) - border + chunk.start, b - border + chunk.start)
            for a, b in spans
            if b > border
        ),
        prefix=tuple((a, min(b, border)) for a, b in spans if a < border),
    )
