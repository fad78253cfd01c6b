"""What a text is made of: sections with their headings, and the blocks inside them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

BlockKind = Literal["heading", "paragraph", "table", "list", "code", "blockquote", "entry"]

Attributes = Mapping[str, Any]

_DEEPEST: Final = 32
LONGEST_TITLE: Final = 300
"""Characters of a title that are kept: a heading of a megabyte is no name for anything."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of text, [start, end), and where it may be divided if it must be.

    `cuts` are levels of offsets, coarse to fine: rows of a table, items of a list (outer before
    nested), lines of code. A table's first cut stands after its first row of data, so that the
    header is never left alone.
    """

    kind: BlockKind
    start: int
    end: int
    cuts: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as a parser finds it. Smaller level means higher rank."""

    start: int
    level: int
    title: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with everything under it, subsections included.

    `parent` is the number of the enclosing section in `Outline.sections`, -1 at the top; `path`
    are the titles from the outermost heading to this one.
    """

    start: int
    end: int
    level: int
    title: str
    path: tuple[str, ...]
    parent: int = -1
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outline:
    """Sections in order of their start (outer before inner) and blocks in order, apart."""

    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]
    has_attributes: bool = field(init=False, repr=False)
    _starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", tuple(section.start for section in self.sections))
        object.__setattr__(self, "has_attributes", any(s.attributes for s in self.sections))

    def section_at(self, position: int) -> int:
        """Number of the innermost section that holds this character; -1 before the first heading.

        >>> from whymiss.chunking.structure import outline
        >>> outline("Intro.\\n\\n# Plans\\n\\nTwo.", "markdown").section_at(17)
        0
        """
        number = bisect_right(self._starts, position) - 1
        while number >= 0 and self.sections[number].end <= position:
            number = self.sections[number].parent
        return number

    def sections_touching(self, start: int, end: int) -> list[Section]:
        """Sections that share characters with [start, end), outer before inner."""
        touching: list[int] = []
        number = self.section_at(start)
        while number >= 0:
            touching.append(number)
            number = self.sections[number].parent
        later = range(bisect_right(self._starts, start), bisect_right(self._starts, end - 1))
        return [self.sections[n] for n in sorted({*touching, *later})]


def nested(headings: Sequence[Heading], length: int) -> tuple[Section, ...]:
    """Sections of headings in order: each lasts until the next heading of its rank or higher."""
    ends = [length] * len(headings)
    parents: list[int] = []
    open_: list[int] = []
    for number, heading in enumerate(headings):
        while open_ and headings[open_[-1]].level >= heading.level:
            ends[open_.pop()] = heading.start
        parents.append(open_[-1] if open_ else -1)
        open_.append(number)
    sections: list[Section] = []
    for heading, end, parent in zip(headings, ends, parents, strict=True):
        above = sections[parent].path if parent >= 0 else ()
        sections.append(
            Section(
                start=heading.start,
                end=end,
                level=heading.level,
                title=heading.title,
                # Titles of a path are capped: ranks are few, hostile nesting is not.
                path=(*above, heading.title)[-_DEEPEST:],
                parent=parent,
                attributes=heading.attributes,
            )
        )
    return tuple(sections)


def trimmed(text: str, blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Blocks without surrounding white space, empty ones left out, cuts strictly inside."""
    result: list[Block] = []
    for block in blocks:
        body = text[block.start : block.end]
        start = block.start + len(body) - len(body.lstrip())
        end = block.end - (len(body) - len(body.rstrip()))
        if start < end:
            cuts = tuple(
                inside
                for level in block.cuts
                if (inside := tuple(cut for cut in level if start < cut < end))
            )
            result.append(Block(block.kind, start, end, cuts))
    return tuple(result)
