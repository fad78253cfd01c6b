"""Source code: Python by its syntax tree, other languages by indentation."""

from __future__ import annotations

import ast
import warnings
from itertools import pairwise

from whymiss.chunking.structure.lines import Lines
from whymiss.chunking.structure.parts import Block, BlockKind, Outline, Section, trimmed

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def outline(text: str) -> Outline:
    """Outline of source code.

    Python: classes, functions and methods are sections, comments and decorators included. What
    does not parse as Python is cut where an unindented line follows a blank one.
    """
    lines = Lines(text.replace("\r", " "))
    tree = _parsed(lines.text)
    if tree is None or not any(isinstance(node, _Definition) for node in tree.body):
        return Outline((), trimmed(text, _by_indentation(lines)))
    sections: list[Section] = []
    _collect(tree.body, -1, lines, sections)
    return Outline(tuple(sections), trimmed(text, _between(sections, lines)))


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _collect(body: list[ast.stmt], parent: int, lines: Lines, sections: list[Section]) -> None:
    """Append the definitions of a body and, below classes, their methods."""
    previous_end = 0
    for node in body:
        if isinstance(node, _Definition):
            above = sections[parent].path if parent >= 0 else ()
            first = _first_line(node, lines, previous_end)
            sections.append(
                Section(
                    start=lines.starts[first],
                    end=lines.starts[node.end_lineno or node.lineno],
                    level=len(above) + 1,
                    title=node.name,
                    path=(*above, node.name),
                    parent=parent,
                )
            )
            if isinstance(node, ast.ClassDef):
                _collect(node.body, len(sections) - 1, lines, sections)
        previous_end = node.end_lineno or node.lineno


def _first_line(node: _Definition, lines: Lines, previous_end: int) -> int:
    """Number of the first line of a definition, decorators and comments above it included."""
    first = min([node.lineno, *(item.lineno for item in node.decorator_list)]) - 1
    while first - 1 >= previous_end and lines.lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


def _between(sections: list[Section], lines: Lines) -> list[Block]:
    """One block for each stretch between the borders of sections, cut at its statements' lines."""
    borders = sorted({0, len(lines.text), *(s.start for s in sections), *(s.end for s in sections)})
    starts = {section.start for section in sections}
    numbers = {start: number for number, start in reversed(list(enumerate(lines.starts)))}
    blocks: list[Block] = []
    for start, end in pairwise(borders):
        # A class line right above its first method leads it, as a heading would.
        leads = end in starts and lines.text[start:end].rstrip().endswith(":")
        kind: BlockKind = "heading" if leads else "code"
        blocks.append(Block(kind, start, end, lines.cuts(numbers[start], numbers[end])))
    return blocks


def _by_indentation(lines: Lines) -> list[Block]:
    begins = [n for n in lines.paragraphs(0, len(lines)) if lines.indents[n] == 0]
    borders = sorted({0, *begins, len(lines)})
    return [
        Block("code", lines.starts[first], lines.starts[last], lines.cuts(first, last))
        for first, last in pairwise(borders)
    ]
