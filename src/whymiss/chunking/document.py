"""The whole document as one chunk."""

from __future__ import annotations

from dataclasses import dataclass

from whymiss.records import Document, Span


@dataclass(frozen=True, slots=True)
class Whole:
    """One span over everything but surrounding white space, whatever its size.

    >>> Whole().spans(Document(doc_id="d", text=" All of it.\\n"))
    [Span(start=1, end=11, parent_start=1, parent_end=11)]
    """

    def spans(self, document: Document) -> list[Span]:
        """One span, or none for a document without text."""
        body = document.text.strip()
        start = len(document.text) - len(document.text.lstrip())
        return [Span(start=start, end=start + len(body))] if body else []
