"""Small chunks to match, the section around them to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whymiss.chunking.pack import Limits, fitted
from whymiss.chunking.sections import Layout, pack_run, pack_sections
from whymiss.chunking.structure import outline
from whymiss.chunking.units import units
from whymiss.protocols import Tokenizer
from whymiss.records import Document, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentChild:
    """Spans of `size` tokens inside heading-aware parents of `parent_size`.

    >>> from whymiss.testing import RegexTokenizer
    >>> chunker = ParentChild(size=4, parent_size=20, tokenizer=RegexTokenizer())
    >>> text = "# Price\\n\\nTen euros.\\n\\nTwo in May."
    >>> spans = chunker.spans(Document(doc_id="d", text=text))
    >>> [(s.start, s.end, s.parent_start, s.parent_end) for s in spans]
    [(0, 12, 0, 32), (13, 19, 0, 32), (21, 32, 0, 32)]
    """

    size: int
    parent_size: int
    overlap: int = 0
    tokenizer: Tokenizer
    oversize: Literal["split", "keep"] = "split"

    def spans(self, document: Document) -> list[Span]:
        """Children in order; each lies in one parent, and children share only inside a parent."""
        text = document.text
        words = units(text, self.tokenizer, limit=self.size)
        if not len(words):
            return []
        layout = Layout.of(text, words, outline(text, document.syntax))
        wide = Limits(self.parent_size)
        small = Limits(self.size, self.overlap)
        found: list[Span] = []
        for parent in pack_sections(layout, wide, merge=True, oversize=self.oversize):
            children = pack_run(layout, parent, small, oversize=self.oversize)
            if self.oversize == "split":
                children = fitted(text, words, children, tokenizer=self.tokenizer, size=self.size)
            parent_start, parent_end = words.characters(*parent)
            for start, end in (words.characters(*child) for child in children):
                found.append(
                    Span(start=start, end=end, parent_start=parent_start, parent_end=parent_end)
                )
        return found
