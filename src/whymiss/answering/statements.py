"""What a passage states, piece by piece: sentences, list items, table rows, `Name: value` lines.

A passage is a fragment in any syntax, so only lines and punctuation are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from whymiss.chunking.sentences import sentence_starts
from whymiss.text import Interval

_FENCE: Final = re.compile(r"\s*(?:```|~~~)")
_RULE: Final = re.compile(r"[\s|:+=~^*_#\-]*\Z")
_TABLE_RULE: Final = re.compile(r"(?=.*-)[\s:|+-]+\Z")
_HEADING: Final = re.compile(r"\s*(?:#{1,6}|={1,6})\s+(?P<name>\S.*)\Z")
_BOLD_LINE: Final = re.compile(r"\s*(?:\*\*|__)(?P<name>[^*_]+)(?:\*\*|__):?\s*\Z")
_UNDERLINE: Final = re.compile(r"\s*(?:=|-|~|\^|\"){3,}\s*\Z")
_ITEM: Final = re.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)])\s+")
_STAMP: Final = re.compile(r"\s*\[?(?:\d{4}-\d\d-\d\d|\d{1,2}:\d\d)\b")
_COLUMNS: Final = re.compile(r"\s*\S+(?: \S+)*(?:(?: {2,}|\t+)\S+(?: \S+)*){2,}\s*\Z")
_BOLD: Final = re.compile(r"(?:\*\*|__)[^*_\n]+(?:\*\*|__)[.:]?")
_NAMED_VALUE: Final = re.compile(r"\s*[^\s:|][^:|\n]{0,40}:\s+\S")
_ENDS: Final = re.compile(r"[.!?:;…][\"'”’»)\]*_`]*\s*\Z")
_ASKS: Final = re.compile(r"\?[\"'”’»)\]*_`]*\Z")

_WRAPPED: Final = 50
"""Characters from which a line may go on in the next one; shorter ones were ended on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One piece [start, end) of a passage's text that can be quoted by itself.

    `topic` is the heading or question above it in the passage; `header` is where the header row of
    its table stands. Headings and questions are no statements: they ask, they do not answer.
    """

    start: int
    end: int
    topic: str = ""
    header: Interval | None = None


def statements(text: str) -> list[Statement]:
    """The statements of a passage in reading order, each a verbatim stretch of it.

    >>> text = "# Refunds\\n\\nHow long? Ten days.\\n- Cards: less"
    >>> [(text[s.start : s.end], s.topic) for s in statements(text)]
    [('Ten days.', 'How long?'), ('Cards: less', 'Refunds')]
    """
    found: list[Statement] = []
    topic = ""
    for block in _blocks(text):
        if block.kind == "heading":
            topic = text[block.start : block.end].rstrip("# ")
        elif block.kind in ("row", "code"):
            found.append(
                Statement(start=block.start, end=block.end, topic=topic, header=block.header)
            )
        else:
            asked = topic
            for start, end in _sentences(text, block.start, block.end):
                said = text[start:end]
                if _ASKS.search(said) or _BOLD.fullmatch(said):
                    asked = said.strip("*_")
                else:
                    found.append(Statement(start=start, end=end, topic=asked))
            if text[block.start : block.end].strip("*_") == asked:
                # A question that is a paragraph of its own is the heading of what follows.
                topic = asked
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    kind: str
    start: int
    end: int
    header: Interval | None = None


def _blocks(text: str) -> Iterator[_Block]:
    """Headings, table rows, code lines and paragraphs, in order; rules and blanks left out."""
    header: Interval | None = None
    paragraph: _Block | None = None
    last = ""
    for kind, start, end in _classified(text):
        line = text[start:end]
        if kind == "text" and paragraph and _goes_on(last, line):
            paragraph, last = replace(paragraph, end=end), line
            continue
        if paragraph:
            yield paragraph
            paragraph = None
        if kind == "text":
            paragraph, last = _trimmed(text, start, end, kind), line
        elif kind in ("row", "heading", "code"):
            yield replace(_trimmed(text, start, end, kind), header=header)
        if kind not in ("row", "rule"):
            header = (start, end) if kind == "header" else None
    if paragraph:
        yield paragraph


def _classified(text: str) -> Iterator[tuple[str, int, int]]:
    """Every line with what it is."""
    bounds = _lines(text)
    lines = ["", *(text[start:end] for start, end in bounds), ""]
    fenced = False
    for number, (start, end) in enumerate(bounds, start=1):
        line = lines[number]
        if _FENCE.match(line):
            fenced = not fenced
            yield "rule", start, end
        elif fenced and line.strip():
            yield "code", start, end
        else:
            yield _kind(line, above=lines[number - 1], below=lines[number + 1]), start, end


def _kind(line: str, *, above: str, below: str) -> str:
    if not line.strip():
        return "blank"
    if _RULE.match(line):
        return "rule"
    if line.lstrip().startswith("|"):
        return "header" if _TABLE_RULE.match(below) else "row"
    if _COLUMNS.match(line):
        return "header" if _COLUMNS.match(below) and not _COLUMNS.match(above) else "row"
    underlined = _UNDERLINE.match(below) and not _ITEM.match(line)
    if _HEADING.match(line) or _BOLD_LINE.match(line) or underlined:
        return "heading"
    return "text"


def _goes_on(last: str, line: str) -> bool:
    """Whether a line of prose goes on with the line above it."""
    if _ITEM.match(line) or _STAMP.match(line) or (_NAMED_VALUE.match(line) and _ENDS.search(last)):
        return False
    return len(last) >= _WRAPPED or not (_ENDS.search(last) or _NAMED_VALUE.match(last))


def _lines(text: str) -> list[Interval]:
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text) + 1]
    return [(start, below - 1) for start, below in pairwise(starts)]


def _trimmed(text: str, start: int, end: int, kind: str) -> _Block:
    """The block without the marks that make it a heading or a list item, and without spaces."""
    line = text[start:end]
    match = _HEADING.match(line) or _BOLD_LINE.match(line) if kind == "heading" else None
    if match:
        return _Block(kind=kind, start=start + match.start("name"), end=start + match.end("name"))
    item = _ITEM.match(line) if kind == "text" else None
    start += item.end() if item else len(line) - len(line.lstrip())
    return _Block(kind=kind, start=start, end=start + len(text[start:end].rstrip()))


def _sentences(text: str, start: int, end: int) -> Iterator[Interval]:
    body = text[start:end]
    starts = [int(place) for place in sentence_starts(body)]
    for first, last in pairwise([*starts, len(body)]):
        yield start + first, start + first + len(body[first:last].rstrip())
