"""Packing: from borders between units to runs that fit a size. All numbers here are unit numbers.

A *run* is a half-open pair of unit numbers; *borders* are sorted unit numbers at which a run may
begin or end; *levels* are borders from coarse to fine.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whymiss.chunking.units import Units
from whymiss.protocols import Tokenizer
from whymiss.records import Span

if TYPE_CHECKING:
    from whymiss.chunking.units import Ints

Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """Most tokens of a run, and most tokens that neighbouring runs share."""

    size: int
    overlap: int = 0


def inner(borders: Ints, first: int, last: int) -> Ints:
    """The borders strictly between two units."""
    low, high = np.searchsorted(borders, (first + 1, last), side="left")
    return borders[low:high]


def closed(borders: Ints, first: int, last: int) -> Ints:
    """The borders between two units together with both ends."""
    return np.concatenate([[first], inner(borders, first, last), [last]]).astype(np.int64)


def refine(units: Units, run: Run, *, levels: Sequence[Ints], size: int) -> list[int]:
    """Borders that divide a run into parts of at most `size` tokens, as coarse as they can be.

    A part that fits stays whole; one that does not is divided at the next finer level. What is
    still too large after the last level is cut between units. Both ends of the run are included.
    """
    first, last = run
    if units.cost[last] - units.cost[first] <= size or last - first <= 1:
        return [first, last]
    if not levels:
        return list(range(first, last + 1))
    edges = closed(levels[0], first, last)
    spent = np.diff(units.cost[edges])
    result: list[int] = [first]
    for low, high, tokens in zip(edges[:-1].tolist(), edges[1:].tolist(), spent, strict=True):
        if tokens <= size:
            result.append(high)
        else:
            result += refine(units, (low, high), levels=levels[1:], size=size)[1:]
    return result


def greedy(
    units: Units, borders: Sequence[int], limits: Limits, *, restarts: Sequence[int] | None = None
) -> list[Run]:
    """Fill runs from left to right with as many whole parts as fit.

    Parameters
    ----------
    borders : ends of the parts, first and last included; a part above the size gets its own run.
    restarts : where a run may begin when it repeats the end of the one before; `borders` if None.

    Returns
    -------
    list of runs
        Each ends later than the one before and shares at most `limits.overlap` tokens with it.
    """
    cost = units.cost.tolist() if len(borders) > len(units) // 8 else units.cost
    ends = [int(cost[border]) for border in borders]
    runs: list[Run] = []
    start, done = borders[0], 0
    while done < len(borders) - 1:
        room = int(cost[start]) + limits.size
        done = max(bisect_right(ends, room, done + 1) - 1, done + 1)
        runs.append((start, borders[done]))
        if done == len(borders) - 1:
            break
        if not limits.overlap:
            start = borders[done]
            continue
        least = max(ends[done] - limits.overlap, ends[done + 1] - limits.size)
        start = _restart(cost, restarts or borders, runs[-1], least=least)
    return runs


def _restart(cost: Ints | list[int], restarts: Sequence[int], run: Run, *, least: int) -> int:
    """The earliest allowed beginning inside a run from which no more than the overlap is shared."""
    first, last = run
    low = bisect_left(restarts, first + 1)
    high = bisect_left(restarts, last)
    place = bisect_left(restarts, least, low, high, key=lambda unit: int(cost[unit]))
    return restarts[place] if place < high else last


def spans(units: Units, runs: Iterable[Run]) -> list[Span]:
    """The character spans of runs."""
    ranges = (units.characters(first, last) for first, last in runs)
    return [Span(start=start, end=end) for start, end in ranges]


def fitted(
    text: str, units: Units, runs: Sequence[Run], *, tokenizer: Tokenizer, size: int
) -> list[Run]:
    """Halve the runs that are larger than `size` when measured as they will be embedded.

    Unit counts add up exactly except near words cut into pieces and for tokenizers that look
    across spaces; only runs with such units are tokenized again.
    """
    done: dict[Run, list[Run]] = {}
    waiting = [run for run in runs if units.doubts[run[1]] > units.doubts[run[0]]]
    oversized: set[Run] = set()
    while waiting:
        ranges = [units.characters(first, last) for first, last in waiting]
        counts = tokenizer.count([text[start:end] for start, end in ranges])
        over = [run for run, n in zip(waiting, counts, strict=True) if n > size]
        waiting = []
        for run in over:
            if run[1] - run[0] > 1:
                middle = _middle(units, run)
                done[run] = [(run[0], middle), (middle, run[1])]
                waiting += done[run]
                oversized.add(run)
    return [part for run in runs for part in _leaves(run, done)] if oversized else list(runs)


def _middle(units: Units, run: Run) -> int:
    first, last = run
    target = (units.cost[first] + units.cost[last]) // 2
    place = int(np.searchsorted(units.cost[first + 1 : last], target)) + first + 1
    return min(max(place, first + 1), last - 1)


def _leaves(run: Run, halves: dict[Run, list[Run]]) -> list[Run]:
    leaves: list[Run] = []
    waiting = [run]
    while waiting:
        current = waiting.pop()
        if current in halves:
            waiting += reversed(halves[current])
        else:
            leaves.append(current)
    return leaves
