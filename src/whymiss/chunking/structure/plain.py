"""Plain text: paragraphs between blank lines; no headings."""

from __future__ import annotations

from itertools import pairwise

from whymiss.chunking.structure.lines import Lines
from whymiss.chunking.structure.parts import Block, Outline, trimmed


def outline(text: str) -> Outline:
    """Outline of plain text: no sections, one block per paragraph, cut at lines if it must be."""
    lines = Lines(text)
    begins = [*lines.paragraphs(0, len(lines)), len(lines)]
    blocks = (_paragraph(lines, first, last) for first, last in pairwise(begins))
    return Outline((), trimmed(text, blocks))


def _paragraph(lines: Lines, first: int, last: int) -> Block:
    cuts = _line_starts(lines, first, last)
    return Block("paragraph", lines.starts[first], lines.starts[last], cuts)


def _line_starts(lines: Lines, first: int, last: int) -> tuple[tuple[int, ...], ...]:
    # Prose wrapped by hand is better cut at sentences; lines matter where they are listings.
    indented = any(lines.indents[number] > 0 for number in range(first, last))
    inner = tuple(lines.starts[n] for n in range(first + 1, last) if not lines.blank(n))
    return (inner,) if indented and inner else ()
