"""The shapes of a map: what has a mark of its own, which one, and how large points are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from whymiss.plots.colouring import PALETTE
from whymiss.plots.colours import BLUE, GREEN, INK, VERMILLION

_MANY: Final = 12
_SMALL: Final = 9

KEPT: Final = "true neighbour, kept by the map"
TORN: Final = "true neighbour, torn off by the map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The shape and the outline of a role; the fill is what the map is coloured by.

    ring : whether the outline stands off the mark, as a ring around it.
    """

    symbol: str
    colour: str
    size: int
    name: str
    ring: bool = False

    def among(self, n: int) -> int:
        """How wide the mark is in pixels, where there are `n` of them.

        >>> MARKS["evidence"].among(2), MARKS["evidence"].among(200)
        (20, 9)
        """
        return self.size if n <= _MANY else min(self.size, _SMALL)


ASKED: Final = "asked"
"""What a question is to which the frame gives no role: others are looked at."""

MARKS: Final = {
    ASKED: Mark(symbol="diamond", colour=INK, size=9, name="question"),
    "retrieved": Mark(symbol="circle", colour=BLUE, size=9, name="retrieved", ring=True),
    "displacing": Mark(
        symbol="triangle-up", colour=VERMILLION, size=15, name="retrieved ahead of the evidence"
    ),
    "evidence": Mark(symbol="star", colour=GREEN, size=20, name="evidence"),
    "question": Mark(
        symbol="diamond", colour=PALETTE[3], size=16, name="the question looked at"
    ),
}  # fmt: skip
"""What is marked, the last on top."""


def mark_size(n: int) -> int:
    """How wide a mark is in pixels, on a plane of `n` points.

    >>> mark_size(300), mark_size(20000)
    (9, 4)
    """
    return next((size for most, size in ((500, 9), (1500, 7), (6000, 5)) if n <= most), 4)
