"""AsciiDoc, kept as it stands."""

from __future__ import annotations

import dataclasses
import re

from whymiss.documents.loaders import text
from whymiss.documents.parsed import Parsed

_HEADING = re.compile(r"^={1,6}[ \t]+(.+?)[ \t]*$", re.MULTILINE)


def load(data: bytes, name: str) -> Parsed:
    r"""The text as it stands; its first heading is the title.

    >>> load(b"= Plans\n\nText.", "plans.adoc").title
    'Plans'
    """
    parsed = text.load_as("asciidoc", data)
    heading = _HEADING.search(parsed.text)
    return dataclasses.replace(parsed, title=heading[1] if heading else "")
