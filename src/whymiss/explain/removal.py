"""Words left out of a passage: what its score would be, one word's effect, the worst culprits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

from whymiss.explain.words import Word

Gone = frozenset[int]


class Removal(Protocol):
    """The score of one passage for one question when some of its words are left out.

    `words` are those of the chunk's indexed text.
    """

    @property
    def words(self) -> tuple[Word, ...]:
        """The words, in reading order."""
        ...

    def score(self, gone: Collection[int]) -> float:
        """The score without these words (by number); NaN where there is none."""
        ...


def effects(removal: Removal) -> list[float | None]:
    """How much the score falls when each word alone is left out; None where that is undefined."""
    whole = removal.score(())
    falls = (whole - removal.score((number,)) for number in range(len(removal.words)))
    return [fall if fall == fall else None for fall in falls]


def culprits(removal: Removal, n: int) -> list[int]:
    """Numbers of the words, at most `n`, that together hold the score up most.

    Chosen one after the other, each time what lowers the score the most per word when those chosen
    before are gone already. Words that are written alike are tried together too: a term that stands
    thrice hardly suffers when one of the three goes. Marks are no culprits. Fewer than `n` where
    nothing else lowers the score.
    """
    chosen: list[int] = []
    while len(chosen) < n:
        gone = frozenset(chosen)
        now = removal.score(gone)
        best: tuple[float, tuple[int, ...]] | None = None
        for group in _groups(removal, gone, room=n - len(chosen)):
            fall = (now - removal.score(gone.union(group))) / len(group)
            if fall > 0 and (best is None or fall > best[0]):
                best = fall, group
        if best is None:
            break
        chosen += best[1]
    return chosen


def _groups(removal: Removal, gone: Gone, *, room: int) -> Iterator[tuple[int, ...]]:
    alike: dict[str, list[int]] = {}
    for number, word in enumerate(removal.words):
        if number not in gone and not word.is_mark:
            alike.setdefault(word.name.casefold(), []).append(number)
    for numbers in alike.values():
        yield from ((number,) for number in numbers)
        if 1 < len(numbers) <= room:
            yield tuple(numbers)
