"""Chunks that follow the document's own structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whymiss.chunking.pack import Limits, Run, fitted, spans
from whymiss.chunking.sections import Layout, pack_sections
from whymiss.chunking.structure import outline
from whymiss.chunking.units import units
from whymiss.protocols import Tokenizer
from whymiss.records import Document, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHeading:
    """One section or a part of it per chunk; tables, lists and code stay whole where they fit.

    A heading stays with the text it leads, so a block that fits only without its heading is
    divided. Overlap repeats sentences, rows or lines inside one long section, never across
    headings.

    Parameters
    ----------
    merge : let tiny neighbouring sections under one parent share a chunk.
    oversize : "split" divides a larger table, list or code block at rows, items or lines; "keep"
        returns it whole, above the size.

    Examples
    --------
    >>> from whymiss.testing import RegexTokenizer
    >>> chunker = ByHeading(size=8, tokenizer=RegexTokenizer())
    >>> text = "# Terms\\n\\n## Price\\n\\nTen euros.\\n\\n## Notice\\n\\nOne month before."
    >>> [text[s.start : s.end] for s in chunker.spans(Document(doc_id="d", text=text))]
    ['# Terms\\n\\n## Price\\n\\nTen euros.', '## Notice\\n\\nOne month before.']
    """

    size: int
    overlap: int = 0
    tokenizer: Tokenizer
    merge: bool = True
    oversize: Literal["split", "keep"] = "split"

    def spans(self, document: Document) -> list[Span]:
        """Spans of at most `size` tokens unless `oversize` is "keep"."""
        text = document.text
        words = units(text, self.tokenizer, limit=self.size)
        if not len(words):
            return []
        layout = Layout.of(text, words, outline(text, document.syntax))
        limits = Limits(self.size, self.overlap)
        runs = pack_sections(layout, limits, merge=self.merge, oversize=self.oversize)
        return spans(words, self._fitted(text, layout, runs))

    def _fitted(self, text: str, layout: Layout, runs: list[Run]) -> list[Run]:
        if self.oversize == "keep":
            return runs
        return fitted(text, layout.units, runs, tokenizer=self.tokenizer, size=self.size)
