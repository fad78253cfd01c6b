"""What moved between two rankings whose chunks were cut differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from whymiss.records import Chunk

Move = Literal["entered", "left", "up", "down", "same"]

_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One passage and its ranks before and after; None where it is not in the ranking."""

    move: Move
    before: int | None
    after: int | None
    doc_id: str
    start: int
    end: int


def movements(before: Sequence[Chunk], after: Sequence[Chunk]) -> list[Movement]:
    """Pair the chunks of two rankings by the characters they share, and say how each moved.

    Two chunks are one passage when they share at least half of the shorter one. Each is paired
    once, the greatest overlap first (as a share of both together), equal ones by rank.

    Parameters
    ----------
    before, after : chunks in rank order, best first; `before` is the pinned baseline.

    Returns
    -------
    list of Movement
        Those of `after` in its order, then what left, in the order of `before`. The span is that of
        the chunk after, or of the chunk before where it left.

    Examples
    --------
    >>> def chunk(start, end):
    ...     return Chunk(chunk_id=f"{start}", doc_id="d", start=start, end=end, n_tokens=1,
    ...                  text="x" * (end - start), parent_start=start, parent_end=end)
    >>> found = movements([chunk(0, 10), chunk(20, 30)], [chunk(22, 40), chunk(50, 60)])
    >>> [(m.move, m.before, m.after) for m in found]
    [('up', 2, 1), ('entered', None, 2), ('left', 1, None)]
    """
    pairs = sorted(
        (-_overlap(one, other), i, j)
        for i, one in enumerate(before)
        for j, other in enumerate(after)
        if _same_passage(one, other)
    )
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in pairs:
        if i not in taken and j not in partner:
            partner[j] = i
            taken.add(i)
    moved = [_moved(chunk, partner.get(j), j) for j, chunk in enumerate(after)]
    gone = [_moved(chunk, i, None) for i, chunk in enumerate(before) if i not in taken]
    return moved + gone


def _moved(chunk: Chunk, before: int | None, after: int | None) -> Movement:
    return Movement(
        move=_name(before, after),
        before=None if before is None else before + 1,
        after=None if after is None else after + 1,
        doc_id=chunk.doc_id,
        start=chunk.start,
        end=chunk.end,
    )


def _name(before: int | None, after: int | None) -> Move:
    if before is None:
        return "entered"
    if after is None:
        return "left"
    return "same" if before == after else ("up" if after < before else "down")


def _shared(one: Chunk, other: Chunk) -> int:
    if one.doc_id != other.doc_id:
        return 0
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def _same_passage(one: Chunk, other: Chunk) -> bool:
    shorter = min(len(one.text), len(other.text))
    return _shared(one, other) >= _SHARE * shorter and _shared(one, other) > 0


def _overlap(one: Chunk, other: Chunk) -> float:
    shared = _shared(one, other)
    return shared / (len(one.text) + len(other.text) - shared)
