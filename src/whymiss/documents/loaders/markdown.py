"""Markdown: the body after the front matter, byte for byte."""

from __future__ import annotations

import dataclasses

from whymiss.documents.loaders import text
from whymiss.documents.parsed import Parsed, first_heading


def load(data: bytes, name: str) -> Parsed:
    r"""The text after the front matter; its first heading is the title.

    >>> load(b"---\nplan: solo\n---\n# Plans\n", "plans.md").text
    '# Plans\n'
    """
    parsed = text.load_as("markdown", data)
    return dataclasses.replace(parsed, title=first_heading(parsed.text))
