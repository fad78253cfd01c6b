"""Markdown: CommonMark blocks and pipe tables, by markdown-it-py's line maps."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from whymiss.chunking.structure.lines import Lines
from whymiss.chunking.structure.parts import (
    LONGEST_TITLE,
    Attributes,
    Block,
    BlockKind,
    Heading,
    Outline,
    nested,
    trimmed,
)

_KINDS: Final[dict[str, BlockKind]] = {
    "heading_open": "heading",
    "table_open": "table",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "fence": "code",
    "code_block": "code",
    "blockquote_open": "blockquote",
}
_ATTRIBUTE_LIST: Final = re.compile(r"[ \t]*+(?<!\\)\{:?([^{}]*)\}\Z")
_ATTRIBUTE: Final = re.compile(
    r"\s*(?:#(?P<id>[^\s#.{}=\"]+)|\.(?P<class>[^\s#.{}=\"]+)"
    r"|(?P<key>[^\s=#.\"'][^\s=\"']*)=(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'"
    r"|(?P<bare>[^\s\"']+)))(?=\s|\Z)"
)
_MARKUP: Final = re.compile(r"`([^`]*)`|\*\*([^*]+)\*\*|!?\[([^\[\]]*)\]\([^()]*\)")


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # Only blocks are wanted; link definitions stay visible as the paragraphs they are written as.
    return MarkdownIt("commonmark").enable("table").disable(["reference", "inline"])


def outline(text: str) -> Outline:
    """Outline of Markdown; headings inside quotes and lists open no section."""
    # A lone carriage return would be a line end for the parser but not for our offsets.
    lines = Lines(text.replace("\r", " "))
    tokens = _parser().parse(lines.text)
    headings: list[Heading] = []
    blocks: list[Block] = []
    for place, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        first, last = token.map
        start, end = lines.starts[first], lines.starts[min(last, len(lines))]
        if token.type == "heading_open":
            title, attributes = split_attributes(tokens[place + 1].content)
            title = title[:LONGEST_TITLE]
            headings.append(Heading(start, int(token.tag[1:]), title, attributes))
        kind = _KINDS.get(token.type, "paragraph")
        blocks.append(Block(kind, start, end, _cuts(kind, tokens, place, lines)))
    return Outline(nested(headings, len(text)), trimmed(text, _whole(blocks, len(text))))


def _whole(blocks: list[Block], length: int) -> list[Block]:
    """The same blocks, each stretched to the next, so that no character is outside."""
    borders = [0, *(block.start for block in blocks[1:]), length]
    ranges = zip(blocks, pairwise(borders), strict=False)
    stretched = [Block(b.kind, start, end, b.cuts) for b, (start, end) in ranges]
    return stretched or [Block("paragraph", 0, length)]


def _cuts(
    kind: BlockKind, tokens: list[Token], place: int, lines: Lines
) -> tuple[tuple[int, ...], ...]:
    if kind == "code":
        first, last = tokens[place].map or (0, 0)
        return lines.cuts(first, last)
    if kind == "table":
        rows = _starts_of("tr_open", tokens, place, lines)
        return (tuple(start for _, start in rows[2:]),)
    if kind in ("list", "blockquote"):
        items = _starts_of("list_item_open", tokens, place, lines)
        depths = sorted({depth for depth, _ in items})
        parts = tuple(start for _, start in _starts_of("", tokens, place, lines))
        levels = (tuple(start for depth, start in items if depth <= most) for most in depths)
        return (*levels, tuple(sorted(set(parts))))
    return ()


def _starts_of(kind: str, tokens: list[Token], place: int, lines: Lines) -> list[tuple[int, int]]:
    """(depth, offset) of the tokens of a kind ("" for all) inside the block that opens here."""
    return [
        (token.level, lines.starts[token.map[0]])
        for token in _body(tokens, place)
        if token.map is not None and token.nesting >= 0 and (not kind or token.type == kind)
    ]


def _body(tokens: list[Token], place: int) -> list[Token]:
    end = place + 1
    while end < len(tokens) and tokens[end].level > 0:
        end += 1
    return tokens[place + 1 : end]


def split_attributes(title: str) -> tuple[str, Attributes]:
    """A heading's title and the attribute list written behind it.

    Values are kept as text; `#name` becomes "id" and the `.name`s become "class". A brace that
    does not hold such a list stays part of the title.

    >>> split_attributes('Annual tier {#annual plan_type=annual to="two words"}')
    ('Annual tier', {'id': 'annual', 'plan_type': 'annual', 'to': 'two words'})
    """
    title = " ".join(title.split())
    found = _ATTRIBUTE_LIST.search(title)
    attributes = _attributes(found.group(1).strip()) if found else None
    if found is None or not attributes:
        return _without_markup(title), {}
    return _without_markup(title[: found.start()]), attributes


def _attributes(written: str) -> dict[str, str | tuple[str, ...]] | None:
    values: dict[str, str | tuple[str, ...]] = {}
    classes: list[str] = []
    place = 0
    while place < len(written):
        match = _ATTRIBUTE.match(written, place)
        if match is None:
            return None
        if match["class"]:
            classes.append(match["class"])
        elif match["id"]:
            values["id"] = match["id"]
        else:
            values[match["key"]] = match["double"] or match["single"] or match["bare"] or ""
        place = match.end()
    if classes:
        values["class"] = classes[0] if len(classes) == 1 else tuple(classes)
    return values


def _without_markup(title: str) -> str:
    return _MARKUP.sub(lambda m: m[1] or m[2] or m[3] or "", title).strip()
