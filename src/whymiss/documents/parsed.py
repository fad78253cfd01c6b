"""What a loader makes of the bytes of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from whymiss.records import Syntax

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Metadata as somebody wrote it down, before its keys are understood.

    `error` tells why it could not be read; the document then loses every permission.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Text and facts of one file.

    problems : what is missing from the text; any makes the document partial.
    warnings : what a reader should know although nothing is missing.
    stated : front matter, where the format has it.
    """

    text: str
    syntax: Syntax = "plain"
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    stated: Stated = field(default_factory=Stated)

    @property
    def complete(self) -> bool:
        """Whether everything the loader looks for was read."""
        return not self.problems


def clean(text: str) -> str:
    r"""Text that every later stage can store: no \r\n, no NUL, no half of a surrogate pair.

    >>> clean("a\r\nb\x00")
    'a\nb\ufffd'
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\0", "\ufffd")
    return _SURROGATE.sub("\ufffd", text)


def title_from_name(name: str) -> str:
    """The stem of a file name in words.

    >>> title_from_name("plans/price_list-2026.csv")
    'Price list 2026'
    """
    words = " ".join(re.split(r"[\s_\-]+", PurePosixPath(name).stem)).strip()
    return words[:1].upper() + words[1:]


def first_heading(markdown: str) -> str:
    """The first ATX or underlined heading outside code fences; empty where there is none.

    >>> first_heading("intro\\n\\n## Refunds ##\\n")
    'Refunds'
    """
    fence = ""
    previous = ""
    for line in markdown.splitlines():
        stripped = line.strip()
        if fence:
            fence = "" if stripped.startswith(fence) else fence
        elif stripped.startswith(("```", "~~~")):
            fence = stripped[:3]
        elif match := re.match(r" {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$", line):
            return match[1]
        elif previous and re.fullmatch(r" {0,3}(=+|-{2,})[ \t]*", line):
            return previous
        previous = "" if fence else stripped
    return ""
