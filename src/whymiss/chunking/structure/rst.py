"""reStructuredText: underlined headings, directives with their bodies, literals, tables, lists."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from whymiss.chunking.structure.lines import Lines
from whymiss.chunking.structure.parts import (
    LONGEST_TITLE,
    Block,
    BlockKind,
    Heading,
    Outline,
    nested,
    trimmed,
)

_ADORNMENT: Final = re.compile(r"([!-/:-@\[-`{-~])\1+[ \t]*\Z")
_ITEM: Final = re.compile(r"(?:[-*+•‣]|\(?(?:\d{1,9}|[a-zA-Z]|#|[ivxIVX]{1,8})[.)])(?:[ \t]|\Z)")
_SIMPLE_TABLE: Final = re.compile(r"=+(?:[ \t]+=+)+[ \t]*\Z")
_GRID_TABLE: Final = re.compile(r"\+[-=+]+\+[ \t]*\Z")
_GRID_ROW: Final = re.compile(r"\+[-+]+\+[ \t]*\Z")
_DIRECTIVE: Final = re.compile(r"\.\.[ \t]+(?:\|[^|]*\|[ \t]+)?([\w:.+-]+?)::")
_ROLE: Final = re.compile(
    r":[\w+.-][\w:+.-]*:`([^`<]*)(?:<[^`>]*>)?`|`([^`<]+)(?:<[^`>]*>)?`_{0,2}|`{2}|\*{1,2}"
)
_CODE: Final = frozenset(
    {"code", "code-block", "sourcecode", "literalinclude", "productionlist", "doctest", "testcode"}
)
_TABLES: Final = frozenset({"table", "list-table", "csv-table"})


def outline(text: str) -> Outline:
    """Outline of reStructuredText; ranks of headings by order of first use, as docutils does."""
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
    ranks: dict[tuple[str, bool], int] = field(default_factory=dict)

    def step(self, number: int) -> int:
        """Take the block that begins at this line; the number of the line after it."""
        line = self.lines.lines[number]
        if size := self._heading_size(number):
            return self._heading(number, size)
        if _SIMPLE_TABLE.match(line):
            return self._table(number, self._simple_table_end(number))
        if _GRID_TABLE.match(line):
            end = number + 1
            while not self.lines.blank(end) and self.lines.lines[end][:1] in "+|":
                end += 1
            return self._table(number, end)
        if _ITEM.match(line):
            return self._list(number)
        return self._paragraph(number)

    def _heading_size(self, number: int) -> int:
        """Lines of the heading that begins here: 2, 3 with an overline, 0 if there is none."""
        if number >= len(self.lines):
            return 0
        if self._is_adornment(number) and not self.lines.blank(number + 1):
            over, title = self.lines.lines[number].rstrip(), self.lines.lines[number + 1].strip()
            under = self._text(number + 2).rstrip()
            return 3 if over == under and len(over) >= min(len(title), 4) else 0
        title = self.lines.lines[number].rstrip()
        if self.lines.indents[number] or not self._is_adornment(number + 1):
            return 0
        under = self.lines.lines[number + 1].rstrip()
        return 2 if len(under) >= min(len(title), 4) and not _ADORNMENT.match(title) else 0

    def _text(self, number: int) -> str:
        return self.lines.lines[number] if number < len(self.lines) else ""

    def _is_adornment(self, number: int) -> bool:
        # "::" alone is the mark of a literal block and ".." of a comment, not underlines.
        line = self._text(number)
        return bool(_ADORNMENT.match(line)) and line.rstrip() not in ("::", "..")

    def _heading(self, number: int, size: int) -> int:
        line = self.lines.lines[number + size - 2].strip()
        style = (self.lines.lines[number + size - 1][0], size == 3)
        level = self.ranks.setdefault(style, len(self.ranks) + 1)
        start = self._with_targets(number)
        self.headings.append(Heading(start, level, _title(line[:LONGEST_TITLE])))
        self.blocks.append(Block("heading", start, self.lines.starts[number + size]))
        return number + size

    def _with_targets(self, number: int) -> int:
        """Where a heading begins: `.. _label:` lines above it name the heading, not the text."""
        start = self.lines.starts[number]
        while self.blocks:
            block = self.blocks[-1]
            written = self.lines.text[block.start : min(block.end, block.start + 400)].strip()
            if not (written.startswith(".. _") and written.endswith(":") and "\n" not in written):
                break
            start = self.blocks.pop().start
        return start

    def _simple_table_end(self, number: int) -> int:
        borders, end = 1, number + 1
        while end < len(self.lines):
            if _SIMPLE_TABLE.match(self.lines.lines[end]):
                borders += 1
                if borders >= 2 and self.lines.blank(end + 1):
                    return end + 1
            elif self.lines.blank(end) and self._ends_table(end):
                return end
            end += 1
        return end

    def _ends_table(self, blank: int) -> bool:
        # A blank line may separate rows; a heading or directive after it means no closing border.
        return self._heading_size(blank + 1) > 0 or self._text(blank + 1).startswith(".. ")

    def _table(self, number: int, end: int) -> int:
        rule = _GRID_ROW if self.lines.lines[number].startswith("+") else None
        inside = range(number + 1, end)
        if rule:
            rows = [n for n in inside if rule.match(self.lines.lines[n])][1:]
        else:
            rules = [n for n in inside if _SIMPLE_TABLE.match(self.lines.lines[n])]
            body = rules[0] + 2 if len(rules) > 1 else number + 2
            rows = [
                n for n in range(body, end) if self.lines.indents[n] == 0 and n not in rules[-1:]
            ]
        cuts = (tuple(self.lines.starts[n] for n in rows),)
        self.blocks.append(Block("table", self.lines.starts[number], self.lines.starts[end], cuts))
        return end

    def _list(self, number: int) -> int:
        items = [number]
        end = number + 1
        while end < len(self.lines):
            if self.lines.indents[end] == 0:
                if not _ITEM.match(self.lines.lines[end]) or self._heading_size(end):
                    break
                items.append(end)
            end += 1
        starts = tuple(self.lines.starts[n] for n in items)
        cuts = (starts, *self.lines.cuts(number, end, prose=True))
        self.blocks.append(Block("list", self.lines.starts[number], self.lines.starts[end], cuts))
        return end

    def _paragraph(self, number: int) -> int:
        """Lines at the margin up to a blank one, then everything indented below them."""
        end = number + 1
        while not self.lines.blank(end) and self.lines.indents[end] == 0:
            if self._heading_size(end):
                break
            end += 1
        kind = self._kind(number, end)
        while end < len(self.lines) and self.lines.indents[end] != 0:
            end += 1
        cuts = self.lines.cuts(number, end, prose=kind == "entry")
        self.blocks.append(Block(kind, self.lines.starts[number], self.lines.starts[end], cuts))
        return end

    def _kind(self, number: int, end: int) -> BlockKind:
        first, last = self.lines.lines[number], self.lines.lines[end - 1].rstrip()
        directive = _DIRECTIVE.match(first)
        if directive:
            name = directive.group(1)
            return "code" if name in _CODE else "table" if name in _TABLES else "entry"
        indented = end < len(self.lines) and self.lines.indents[end] > 0
        if last.endswith("::"):
            return "code"
        if first.startswith(">>> "):
            return "code"
        if first.startswith((".. ", ":")) or indented:
            return "entry"
        body = end
        while body < len(self.lines) and self.lines.blank(body):
            body += 1
        return "entry" if body < len(self.lines) and self.lines.indents[body] > 0 else "paragraph"


def _title(line: str) -> str:
    plain = _ROLE.sub(lambda m: (m[1] or m[2] or "").strip().lstrip("~!"), line)
    return " ".join(plain.split()) or line
