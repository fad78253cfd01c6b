"""AsciiDoc: both heading styles, delimited blocks, tables, lists, definition entries."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

from whymiss.chunking.structure.lines import Lines
from whymiss.chunking.structure.parts import (
    Block,
    BlockKind,
    Heading,
    Outline,
    nested,
    trimmed,
)

_ONE_LINE: Final = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*?)(?:[ \t]+\1)?[ \t]*\Z")
_UNDERLINE: Final = re.compile(r"(?:={2,}|-{2,}|~{2,}|\^{2,}|\+{2,})\Z")
_RANKS: Final = {"=": 1, "-": 2, "~": 3, "^": 4, "+": 5}
_FENCE: Final = re.compile(
    r"(?:-{4,}|={4,}|\.{4,}|\*{4,}|_{4,}|\+{4,}|/{4,}|--|```\w*|[|,:!]===)\Z"
)
_TERM: Final = re.compile(r"\S.*?(?:::|;;|:{3,4})(?:[ \t]|\Z)")
_ITEM: Final = re.compile(r"(?:[*-]|\*{2,5}|\.{1,5}|\d{1,9}\.|<\d{1,3}>)[ \t]+\S")
_ABOVE: Final = re.compile(r"(?:\[[^\]]*\]+|\.[^\s.].*|//(?!//).*)\Z")
_VERBATIM: Final = ("-", ".", "`", "+", "/")
_LONGEST_LINE: Final = 2000


def outline(text: str) -> Outline:
    """Outline of AsciiDoc; a `term::` keeps its body, a block its attribute lines."""
    scan = _Scan(Lines(text))
    number = 0
    while number < len(scan.lines):
        number = number + 1 if scan.lines.blank(number) else scan.step(number)
    return Outline(nested(scan.headings, len(text)), trimmed(text, scan.blocks))


@dataclass
class _Scan:
    lines: Lines
    headings: list[Heading] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    fences: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, line in enumerate(self.lines.lines):
            if len(line) < _LONGEST_LINE and _FENCE.match(line.rstrip()):
                self.fences.setdefault(_closing(line.rstrip()), []).append(number)

    def step(self, first: int) -> int:
        """Take the block that begins at this line; the number of the line after it."""
        number = first
        while _ABOVE.match(self._text(number)) and not self.lines.blank(number + 1):
            number += 1
        if heading := self._heading(number):
            size, level, title = heading
            self.headings.append(Heading(self.lines.starts[first], level, title))
            return self._block("heading", first, number + size)
        if end := self._fenced(number):
            return self._fenced_block(first, number, end)
        if self._is_term(number):
            return self._block("entry", first, self._entry_end(number))
        if _ITEM.match(self._text(number).lstrip()):
            return self._block("list", first, self._list_end(number))
        if self.lines.indents[number] > 0:
            return self._block("code", first, self._paragraph_end(number))
        return self._block("paragraph", first, self._paragraph_end(number))

    def _text(self, number: int) -> str:
        """The line without trailing space; a huge line has no structure and reads as empty."""
        line = self.lines.lines[number] if number < len(self.lines) else ""
        return line.rstrip() if len(line) < _LONGEST_LINE else ""

    def _block(self, kind: BlockKind, first: int, end: int) -> int:
        cuts = self.lines.cuts(first, end, prose=kind != "code")
        if kind == "list":
            items = tuple(
                self.lines.starts[n]
                for n in range(first + 1, end)
                if _ITEM.match(self._text(n).lstrip())
            )
            cuts = (items, *cuts)
        if kind == "entry":
            joins = tuple(
                self.lines.starts[n] for n in range(first + 1, end) if self._text(n) == "+"
            )
            cuts = (joins, *cuts)
        self.blocks.append(Block(kind, self.lines.starts[first], self.lines.starts[end], cuts))
        return end

    def _heading(self, number: int) -> tuple[int, int, str] | None:
        """(lines, level, title) of the heading that begins at this line."""
        title = self._text(number)
        if one_line := _ONE_LINE.match(title):
            return 1, len(one_line.group(1)), one_line.group(2)
        under = self._text(number + 1)
        fits = abs(len(under) - len(title)) <= 2 and _UNDERLINE.match(under)
        free = number == 0 or self.lines.blank(number - 1) or _ABOVE.match(self._text(number - 1))
        if not (fits and free and title[:1].strip()) or title[0] in "[.|" or _FENCE.match(title):
            return None
        return (2, _RANKS[under[0]], title) if any(c.isalnum() for c in title) else None

    def _fenced(self, number: int) -> int:
        """The line after the delimited block that opens here; 0 if none does."""
        line = self._text(number)
        if not _FENCE.match(line):
            return 0
        same = self.fences.get(_closing(line), [])
        after = bisect_right(same, number)
        return same[after] + 1 if after < len(same) else 0

    def _fenced_block(self, first: int, number: int, end: int) -> int:
        mark = self._text(number)
        if not mark.endswith("|===") and not mark.endswith((",===", ":===", "!===")):
            verbatim = mark[0] in _VERBATIM and mark != "--"
            return self._block("code" if verbatim else "blockquote", first, end)
        rows = [
            self.lines.starts[n]
            for n in range(number + 2, end - 1)
            if not self.lines.blank(n) and (mark[0] != "|" or self._text(n).startswith("|"))
        ]
        start = self.lines.starts[first]
        self.blocks.append(Block("table", start, self.lines.starts[end], (tuple(rows[1:]),)))
        return end

    def _is_term(self, number: int) -> bool:
        line = self._text(number)
        return self.lines.indents[number] == 0 and bool(_TERM.match(line)) if line else False

    def _entry_end(self, number: int) -> int:
        """The line after a definition: its terms, then all that is indented, joined or listed."""
        while self._is_term(number + 1) or (
            self.lines.blank(number + 1) and self._is_term(number + 2)
        ):
            if not self._text(number).endswith("::"):
                break
            number += 1 if self._is_term(number + 1) else 2
        end = number + 1
        if not self.lines.blank(end) and not self._heading(end):
            end = self._paragraph_end(end)
        return self._continued(end)

    def _continued(self, end: int) -> int:
        """Follow `+` joins, indented text and list items from a line on."""
        while end < len(self.lines):
            if self.lines.blank(end):
                ahead = end
                while ahead < len(self.lines) and self.lines.blank(ahead):
                    ahead += 1
                attached = ahead < len(self.lines) and (
                    self.lines.indents[ahead] > 0
                    or self._text(ahead) == "+"
                    or bool(_ITEM.match(self._text(ahead)))
                )
                if not attached or self._is_outer_term(ahead):
                    return end
                end = ahead
            elif self._text(end) == "+":
                end = self._joined_end(end + 1)
            elif self.lines.indents[end] > 0 or _ITEM.match(self._text(end)):
                end = self._paragraph_end(end)
            else:
                return end
        return end

    def _is_outer_term(self, number: int) -> bool:
        return self._is_term(number) and not _ITEM.match(self._text(number))

    def _joined_end(self, number: int) -> int:
        while _ABOVE.match(self._text(number)) and not self.lines.blank(number + 1):
            number += 1
        if number >= len(self.lines) or self.lines.blank(number):
            return number
        return self._fenced(number) or self._paragraph_end(number)

    def _list_end(self, number: int) -> int:
        return self._continued(self._paragraph_end(number))

    def _paragraph_end(self, number: int) -> int:
        """The line after a paragraph: blank, a `+`, the next term or an opening delimiter."""
        end = number + 1
        while not self.lines.blank(end):
            line = self._text(end)
            if line == "+" or self._fenced(end) or self._is_term(end):
                break
            end += 1
        return end


def _closing(mark: str) -> str:
    return "```" if mark.startswith("```") else mark
