"""Lines with offsets, and the groups that indentation makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

_TAB: Final = 8
_MOST_LEVELS: Final = 5


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text without their line feeds; `starts` has one entry more, the end."""

    text: str
    lines: list[str] = field(init=False)
    starts: list[int] = field(init=False)
    indents: list[int] = field(init=False)

    def __post_init__(self) -> None:
        lines = self.text.split("\n")
        object.__setattr__(self, "lines", lines)
        starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
        starts[-1] = len(self.text)
        object.__setattr__(self, "starts", starts)
        object.__setattr__(self, "indents", [indent(line) for line in lines])

    def __len__(self) -> int:
        return len(self.lines)

    def blank(self, number: int) -> bool:
        """Whether the line is empty, or there is no such line."""
        return not 0 <= number < len(self.lines) or self.indents[number] < 0

    def paragraphs(self, first: int, last: int) -> list[int]:
        """Numbers of the lines in first..last-1 that follow a blank line (and the first)."""
        return [
            number
            for number in range(first, last)
            if not self.blank(number) and (number == first or self.blank(number - 1))
        ]

    def cuts(self, first: int, last: int, *, prose: bool = False) -> tuple[tuple[int, ...], ...]:
        """Where a block of lines may be divided: paragraphs by indentation, then single lines.

        Prose leaves the lines out, because it is better cut at sentences. What is indented deeper
        than the paragraph before it stays with that paragraph as long as it can: the body of a
        definition with its term, code with the sentence that leads to it.
        """
        begins = self.paragraphs(first, last)
        own = [self.indents[number] for number in begins]
        kept = [
            (number, depth)
            for number, depth, before in zip(begins[1:], own[1:], own[:-1], strict=True)
            if depth <= before
        ]
        depths = sorted({depth for _, depth in kept})[: _MOST_LEVELS - 1]
        levels = [tuple(self.starts[n] for n, d in kept if d <= depth) for depth in depths]
        if not prose:
            levels.append(tuple(self.starts[n] for n in begins[1:]))
            inside = range(first + 1, last)
            levels.append(tuple(self.starts[n] for n in inside if not self.blank(n)))
        return tuple(level for level in levels if level)


def indent(line: str) -> int:
    """Columns of white space before the first character; -1 for a blank line."""
    body = line.lstrip()
    if not body:
        return -1
    lead = line[: len(line) - len(body)]
    return len(lead.expandtabs(_TAB)) if "\t" in lead else len(lead)
