"""One page of a PDF, read twice: as it was written and as it is laid out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00ad": "-"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text written in one go: where it begins, its type size, and whether it is turned aside."""

    x: float
    y: float
    size: float
    is_turned: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """Both readings of one page; `pieces` in the order of writing."""

    plain: str
    layout: str
    pieces: tuple[Piece, ...]
    has_images: bool = False

    @cached_property
    def lines(self) -> list[str]:
        """Lines of the laid out page, empty ones kept between others."""
        text = self.layout.translate(LIGATURES).strip("\n")
        return [line.rstrip() for line in text.split("\n")] if text.strip() else []

    @cached_property
    def sizes(self) -> Counter[float]:
        """How many characters stand in each type size."""
        counts = Counter[float]()
        for piece in self.pieces:
            counts[piece.size] += len(piece.text.strip())
        return counts

    @cached_property
    def is_turned(self) -> bool:
        """Whether most of the text runs up or down the page, which spoils the laid out reading."""
        turned = sum(len(piece.text) for piece in self.pieces if piece.is_turned)
        return turned * 2 > sum(len(piece.text) for piece in self.pieces)

    @cached_property
    def written_lines(self) -> list[tuple[float, float, str]]:
        """Pieces of equal height and size joined, in the order of writing."""
        lines: list[tuple[float, float, str]] = []
        for piece in self.pieces:
            shown = piece.text.translate(LIGATURES).strip("\n")
            if lines and abs(lines[-1][0] - piece.y) < 1 and lines[-1][1] == piece.size:
                shown = lines.pop()[2] + shown
            lines.append((piece.y, piece.size, shown))
        return lines


def running_lines(pages: Sequence[Page]) -> set[str]:
    """First and last lines that recur on most pages, with their numbers masked."""
    if len(pages) < 3:
        return set()
    counts = Counter[str]()
    for page in pages:
        filled = [line for line in page.lines if line.strip()]
        counts.update({masked(line) for line in (*filled[:2], *filled[-2:])})
    return {line for line, count in counts.items() if count >= 3 and count > len(pages) * 0.6}


def masked(line: str) -> str:
    """A line with every number as "#", to compare headers and footers.

    >>> masked("Handbook     page 12")
    'Handbook page #'
    """
    return re.sub(r"\d+", "#", " ".join(line.split()))
