"""The Markdown of this repository as tests read it: fenced blocks, links, headings, code words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[2]
EXECUTED: Final = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md")))
"""Files whose blocks are run."""

LINKED: Final = (
    *sorted(ROOT.glob("*.md")),
    *sorted(path for room in ("docs", "benchmarks", "tools") for path in ROOT.glob(f"{room}/*.md")),
    ROOT / "data" / "helpdesk" / "README.md",
)
"""Files whose links are followed; the bundled corpus is not about this repository."""


def name_of(path: Path) -> str:
    """What a test calls a file."""
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the file on which the text begins."""

    language: str
    text: str
    line: int


@cache
def tokens_of(path: Path) -> tuple[Token, ...]:
    """The Markdown of a file, parsed as GitHub does."""
    return tuple(MarkdownIt("gfm-like", {"linkify": False}).parse(path.read_text("utf-8")))


def blocks_of(path: Path) -> list[Block]:
    """Every fenced or indented block of code."""
    return [
        Block(token.info.strip(), token.content, token.map[0] + (2 if token.type == "fence" else 1))
        for token in tokens_of(path)
        if token.type in ("fence", "code_block") and token.map is not None
    ]


def links_of(path: Path) -> list[str]:
    """The targets of all links and pictures."""
    return [
        str(child.attrs["href" if child.type == "link_open" else "src"])
        for token in tokens_of(path)
        for child in token.children or ()
        if child.type in ("link_open", "image")
    ] + re.findall(r"(?:href|src|srcset)=\"([^\"]+)\"", _html(path))


def code_words_of(path: Path) -> set[str]:
    """What stands between single backticks."""
    return {
        child.content
        for token in tokens_of(path)
        for child in token.children or ()
        if child.type == "code_inline"
    }


def headings_of(path: Path) -> list[tuple[int, str]]:
    """Level and text of every heading, without marks."""
    found = tokens_of(path)
    return [
        (int(token.tag[1]), "".join(c.content for c in found[at + 1].children or ()))
        for at, token in enumerate(found)
        if token.type == "heading_open"
    ]


def anchors_of(path: Path) -> set[str]:
    """What GitHub calls the headings of a file in an address."""
    seen: dict[str, int] = {}
    anchors = set()
    for _, text in headings_of(path):
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return anchors


def table_under(path: Path, heading: str) -> list[list[str]]:
    """The rows of the tables under a heading, cell by cell, with their code marks."""
    found, rows, inside, body = tokens_of(path), [], False, False
    for at, token in enumerate(found):
        if token.type == "heading_open":
            inside = found[at + 1].content == heading
        elif token.type in ("tbody_open", "tbody_close"):
            body = token.type == "tbody_open"
        elif inside and body and token.type == "tr_open":
            rows.append([])
        elif inside and body and token.type == "td_open":
            rows[-1].append(found[at + 1].content)
    return rows


def _html(path: Path) -> str:
    parts = [t.content for t in tokens_of(path) if t.type == "html_block"]
    parts += [
        child.content
        for token in tokens_of(path)
        for child in token.children or ()
        if child.type == "html_inline"
    ]
    return "\n".join(parts)
