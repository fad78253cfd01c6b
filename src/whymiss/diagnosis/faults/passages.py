"""Places in a text that is changed: how much of it goes, where the rest stands then."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from whymiss.chunking import sentence_starts
from whymiss.diagnosis.faults.recut import Interval


def passage(text: str, interval: Interval, severity: int) -> Interval:
    """What is changed of a text at a severity: a piece of it; its sentences; its paragraphs."""
    start, end = interval
    if severity == 1:
        return interval
    if severity == 2:
        starts = [*map(int, sentence_starts(text)), len(text)]
        met = [(a, b) for a, b in pairwise(starts) if a < end and start < b]
        return (min(met[0][0], start), max(met[-1][1], end)) if met else interval
    first, last = text.rfind("\n\n", 0, start), text.find("\n\n", end)
    return (first + 2 if first >= 0 else 0), (last if last >= 0 else len(text))


def moved(places: Sequence[Interval], replaced: Interval, length: int) -> list[Interval]:
    """Where intervals stand after [start, end) was replaced by `length` characters.

    >>> moved([(0, 4), (4, 9), (9, 12)], (2, 6), 1)
    [(0, 3), (3, 6), (6, 9)]
    """
    start, end = replaced
    shift = length - (end - start)

    def place(point: int) -> int:
        if point <= start:
            return point
        return point + shift if point >= end else start + length

    return [(place(a), place(b)) for a, b in places]
