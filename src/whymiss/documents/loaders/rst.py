"""reStructuredText, kept as it stands."""

from __future__ import annotations

import dataclasses
import itertools
import re

from whymiss.documents.loaders import text
from whymiss.documents.parsed import Parsed

_UNDERLINE = re.compile(r"([^\w\s])\1{2,}[ \t]*")


def load(data: bytes, name: str) -> Parsed:
    r"""The text after the front matter; its first underlined line is the title.

    >>> load(b"=====\nPlans\n=====\n", "plans.rst").title
    'Plans'
    """
    parsed = text.load_as("rst", data)
    return dataclasses.replace(parsed, title=_title(parsed.text))


def _title(body: str) -> str:
    lines = body.splitlines()
    for line, under in itertools.pairwise(lines):
        words = line.strip()
        is_text = words and not _UNDERLINE.fullmatch(words)
        if is_text and _UNDERLINE.fullmatch(under) and len(under.strip()) >= len(words):
            return words
    return ""
