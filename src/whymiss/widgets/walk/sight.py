"""What is open in the walk, and what was typed: how it is looked at, not what it is about."""

from __future__ import annotations

from dataclasses import dataclass, replace

from whymiss.records import Document

PAGE = 12_000
"""Characters of a document that are shown at once."""

FURTHER = 5
"""Further candidates that are shown before more are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A stretch of a document that is open."""

    document: Document
    start: int = 0

    @property
    def end(self) -> int:
        """Where it ends: after a line where there is one in its last quarter."""
        text, end = self.document.text, self.start + PAGE
        if end >= len(text):
            return len(text)
        line = text.rfind("\n", end - PAGE // 4, end)
        return line + 1 if line >= 0 else end

    @property
    def after(self) -> Page:
        """The page that begins where this one ends; this one where it is the last."""
        return self if self.end == len(self.document.text) else replace(self, start=self.end)

    @property
    def before(self) -> Page:
        """The page that ends about where this one begins."""
        return page_at(self.document, self.start - PAGE)


def page_at(document: Document, start: int) -> Page:
    """The page that begins with the line in which a character stands, if it is not too long."""
    at = max(0, start)
    line = document.text.rfind("\n", max(0, at - PAGE // 4), at) + 1
    return Page(document=document, start=line or (0 if at < PAGE // 4 else at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How the walk is looked at.

    passage : number of the passage that a citation opened; 0 for none. `n_looks` counts how often
        one did: one that was closed since is opened again.
    n_further : how many further candidates are shown.
    page : of the document that is open.
    pasted : the text that was pasted to be found.
    """

    passage: int = 0
    n_looks: int = 0
    n_further: int = FURTHER
    page: Page | None = None
    pasted: str = ""
