"""Plain text, and everything unknown that turns out to be text."""

from __future__ import annotations

from whymiss.documents.encoding import Decoded, decode
from whymiss.documents.metadata import split_front_matter
from whymiss.documents.parsed import Parsed, Stated, clean
from whymiss.records import Syntax


def load(data: bytes, name: str) -> Parsed:
    r"""Text as it stands, less its front matter.

    >>> load(b"Ring\r\nus.", "note.txt").text
    'Ring\nus.'
    """
    return load_as("plain", data)


def load_as(syntax: Syntax, data: bytes, *, front_matter: bool = True) -> Parsed:
    """Text of any syntax that is kept as it stands."""
    decoded = decode(data)
    whole = clean(decoded.text)
    stated, body = split_front_matter(whole) if front_matter else (Stated(), whole)
    warnings, problems = notes(decoded)
    return Parsed(text=body, syntax=syntax, stated=stated, warnings=warnings, problems=problems)


def notes(decoded: Decoded) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Warnings and problems that come from decoding."""
    warnings = (decoded.warning,) if decoded.warning and not decoded.lossy else ()
    problems = (decoded.warning,) if decoded.lossy else ()
    zeros = decoded.text.count("\0")
    if zeros:
        warnings = (*warnings, f"{zeros} NUL characters were replaced")
    return warnings, problems
