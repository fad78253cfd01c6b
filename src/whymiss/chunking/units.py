"""The smallest pieces a chunk may be cut between, with token counts that add up.

Every strategy works on the numbers of these units instead of on characters: a run of units is a
span that starts and ends on ink, covers all but white space, and costs the sum of its units.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.chunking.remember import TextMemo
from whymiss.protocols import Tokenizer, TokenOffsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Kinds = NDArray[np.uint8]

MAX_WORD_CHARACTERS: Final = 100
"""WordPiece reads a longer word as one unknown token, so longer words are cut into pieces."""

_INK, _SPACE, _PUNCTUATION, _HAN, _GLUE, _OPENING, _CLOSING = range(7)
_JOINER: Final = 0x200D


@dataclass(frozen=True, slots=True)
class Units:
    """Words of a text in order: half-open character ranges and the tokens of each.

    `cost[i]` is the number of tokens before unit i, so units i..j-1 cost `cost[j] - cost[i]`.
    `doubts[i]` counts the units before i whose tokens depend on their neighbours; a run without
    such units costs exactly its sum, others are measured again by `pack.fitted`.
    """

    starts: Ints
    ends: Ints
    n_tokens: Ints
    doubtful: Flags
    cost: Ints = field(init=False)
    doubts: Ints = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", _running_sum(self.n_tokens))
        object.__setattr__(self, "doubts", _running_sum(self.doubtful.astype(np.int64)))

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, positions: Ints) -> Ints:
        """For each character position, the first unit that starts there or later."""
        return np.searchsorted(self.starts, positions, side="left").astype(np.int64)

    def within(self, start: int, end: int) -> tuple[int, int]:
        """The run of units that start in [start, end)."""
        first, last = np.searchsorted(self.starts, (start, end), side="left")
        return int(first), int(last)

    def characters(self, first: int, last: int) -> tuple[int, int]:
        """The character range of units first..last-1."""
        return int(self.starts[first]), int(self.ends[last - 1])


def units(text: str, tokenizer: Tokenizer, *, limit: int = MAX_WORD_CHARACTERS) -> Units:
    """Cut a text into words that chunks may be cut between, and count the tokens of each.

    A word ends at white space, beside a Han character and outside full-width brackets and stops.
    Words over 100 characters or over `limit` tokens are also cut at punctuation and, if that does
    not help, into pieces that are counted one by one. No cut ever stands before a combining mark.

    Parameters
    ----------
    limit : most tokens of a unit; only a single character may have more. At least 1.

    Examples
    --------
    >>> from whymiss.testing import RegexTokenizer
    >>> cut = units("Fleet costs 12.50", RegexTokenizer())
    >>> cut.starts.tolist(), cut.ends.tolist(), cut.n_tokens.tolist()
    ([0, 6, 12], [5, 11, 17], [1, 1, 3])
    """
    read = _reading(text, tokenizer)
    starts, ends = read.starts, read.ends
    if read.widest <= MAX_WORD_CHARACTERS and read.most <= limit:
        return Units(starts, ends, read.counts, read.doubtful)
    long = _too_long(starts, ends, read.counts, limit)
    if not long.any():
        return Units(starts, ends, read.counts, read.doubtful)
    borders = read.borders | _punctuation_borders(read.kinds) & _inside(
        starts[long], ends[long], len(read.kinds)
    )
    starts, ends = _ranges(read.kinds, borders)
    counts = _counts(read.tokens, starts, ends)
    doubtful = (counts == 0) | _straddled(read.tokens, starts, ends)
    long = _too_long(starts, ends, counts, limit)
    if not long.any():
        return Units(starts, ends, counts, doubtful)
    words = list(zip(starts[long].tolist(), ends[long].tolist(), strict=True))
    pieces = _pieces(text, words, tokenizer, limit)
    merged = np.concatenate(
        [np.stack([starts, ends, counts, doubtful.astype(np.int64)], axis=1)[~long], pieces]
    )
    merged = merged[np.argsort(merged[:, 0], kind="stable")]
    return Units(merged[:, 0], merged[:, 1], merged[:, 2], merged[:, 3].astype(np.bool_))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is found in a text whatever the limit: its tokens, and its words before long ones are
    cut.

    widest, most : characters and tokens of the largest words.
    """

    kinds: Kinds
    tokens: TokenOffsets
    borders: Flags
    starts: Ints
    ends: Ints
    counts: Ints
    doubtful: Flags
    widest: int
    most: int


_READINGS: Final[TextMemo[tuple[Tokenizer, _Reading]]] = TextMemo()


def _reading(text: str, tokenizer: Tokenizer) -> _Reading:
    # Kept with its tokenizer, so that no other one can come to have the same id.
    return _READINGS.get(text, id(tokenizer), lambda: (tokenizer, _read(text, tokenizer)))[1]


def _read(text: str, tokenizer: Tokenizer) -> _Reading:
    kinds = _kinds(text)
    tokens = tokenizer.offsets([text])[0]
    borders = _word_borders(kinds)
    starts, ends = _ranges(kinds, borders)
    counts = _counts(tokens, starts, ends)
    doubtful = (counts == 0) | _straddled(tokens, starts, ends)
    widest, most = int((ends - starts).max(initial=0)), int(counts.max(initial=0))
    return _Reading(kinds, tokens, borders, starts, ends, counts, doubtful, widest, most)


def _running_sum(values: Ints) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(values, dtype=np.int64)])


def _kinds(text: str) -> Kinds:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds = _kind_table()[np.minimum(codes, 0xFFFF)]
    beyond = codes > 0xFFFF
    if beyond.any():
        kinds[beyond] = _INK
        kinds[(codes >= 0x20000) & (codes < 0x40000)] = _HAN
        # Skin tones, tags and variation selectors belong to the character before them.
        kinds[(codes >= 0x1F3FB) & (codes <= 0x1F3FF)] = _GLUE
        kinds[codes >= 0xE0000] = _GLUE
    after_joiner = np.flatnonzero(codes[:-1] == _JOINER) + 1
    kinds[after_joiner] = np.where(kinds[after_joiner] == _SPACE, _SPACE, _GLUE)
    return kinds


@lru_cache(maxsize=1)
def _kind_table() -> Kinds:
    table = np.fromiter((_kind(code) for code in range(0x10000)), dtype=np.uint8, count=0x10000)
    for start, end in ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00)):
        table[start:end] = _HAN
    return table


def _kind(code: int) -> int:
    character = chr(code)
    category = unicodedata.category(character)
    if character.isspace():
        return _SPACE
    if category in ("Mn", "Mc", "Me", "Cf"):
        return _GLUE
    full_width = 0x3000 <= code < 0x3040 or 0xFF00 <= code < 0xFFF0
    if full_width and category in ("Ps", "Pi"):
        return _OPENING
    if full_width and category[0] == "P":
        return _CLOSING
    ascii_symbol = code < 0x80 and category[0] == "S"
    return _PUNCTUATION if category[0] == "P" or ascii_symbol else _INK


def _word_borders(kinds: Kinds) -> Flags:
    """Flags over positions 1..n-1 (index i stands before character i): may a word end here?"""
    before, after = kinds[:-1], kinds[1:]
    han = (before == _HAN) | (after == _HAN) | (before == _CLOSING) | (after == _OPENING)
    barred = (after == _GLUE) | (after == _CLOSING) | (before == _OPENING)
    quoted = (before == _PUNCTUATION) | (after == _PUNCTUATION)
    return _shifted(han & ~barred & ~quoted, len(kinds))


def _punctuation_borders(kinds: Kinds) -> Flags:
    before, after = kinds[:-1], kinds[1:]
    marks = (_PUNCTUATION, _OPENING, _CLOSING, _HAN)
    beside = np.isin(before, marks) | np.isin(after, marks)
    return _shifted(beside & (after != _GLUE), len(kinds))


def _shifted(inner: Flags, length: int) -> Flags:
    flags = np.zeros(length, np.bool_)
    flags[1:] = inner
    return flags


def _ranges(kinds: Kinds, borders: Flags) -> tuple[Ints, Ints]:
    ink = kinds != _SPACE
    previous = _shifted(ink[:-1], len(ink))
    following = np.append(ink[1:], False)[: len(ink)]
    border_after = np.append(borders[1:], True)[: len(ink)]
    starts = np.flatnonzero(ink & (~previous | borders))
    ends = np.flatnonzero(ink & (~following | border_after)) + 1
    return starts.astype(np.int64), ends.astype(np.int64)


def _counts(tokens: TokenOffsets, starts: Ints, ends: Ints) -> Ints:
    """Tokens that touch each unit; one that crosses a border counts on both sides of it."""
    if not len(starts):
        return np.zeros(0, np.int64)
    first, last = _touched(tokens, starts, ends)
    steps = np.bincount(first, minlength=len(starts) + 1)
    steps -= np.bincount(last + 1, minlength=len(starts) + 1)
    return np.cumsum(steps)[:-1].astype(np.int64)


def _touched(tokens: TokenOffsets, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    # A token may begin with the space before its word: it belongs to the unit of its ink.
    last = np.searchsorted(starts, np.maximum(tokens.ends - 1, tokens.starts), side="right") - 1
    last = np.maximum(last, 0)
    first = np.searchsorted(ends, tokens.starts, side="right")
    return np.minimum(first, last), last


def _straddled(tokens: TokenOffsets, starts: Ints, ends: Ints) -> Flags:
    """Units whose tokens begin before them: their number may change at the start of a chunk."""
    flags = np.zeros(len(starts), np.bool_)
    if len(starts) and len(tokens):
        last = _touched(tokens, starts, ends)[1]
        flags[last[tokens.starts < starts[last]]] = True
    return flags


def _too_long(starts: Ints, ends: Ints, counts: Ints, limit: int) -> Flags:
    return ((ends - starts > MAX_WORD_CHARACTERS) | (counts > limit)) & (ends - starts > 1)


def _inside(starts: Ints, ends: Ints, length: int) -> Flags:
    steps = np.zeros(length + 1, np.int64)
    np.add.at(steps, starts, 1)
    np.add.at(steps, ends, -1)
    return np.cumsum(steps)[:-1] > 0


def _pieces(text: str, words: list[tuple[int, int]], tokenizer: Tokenizer, limit: int) -> Ints:
    """Rows (start, end, tokens, doubtful) of the pieces of words that are too long."""
    waiting = [
        (piece, min(piece + MAX_WORD_CHARACTERS, end))
        for start, end in words
        for piece in range(start, end, MAX_WORD_CHARACTERS)
    ]
    rows: list[tuple[int, int, int, int]] = []
    while waiting:
        measured = tokenizer.offsets([text[start:end] for start, end in waiting])
        halves: list[tuple[int, int]] = []
        for (start, end), tokens in zip(waiting, measured, strict=True):
            if len(tokens) <= limit or end - start == 1:
                rows.append((start, end, len(tokens), 1))
                continue
            middle = start + int(tokens.starts[len(tokens) // 2])
            middle = middle if start < middle < end else (start + end) // 2
            halves += [(start, middle), (middle, end)]
        waiting = halves
    return np.array(rows, dtype=np.int64).reshape(-1, 4)
