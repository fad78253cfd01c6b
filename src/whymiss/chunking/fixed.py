"""Windows of a fixed number of tokens."""

from __future__ import annotations

from dataclasses import dataclass

from whymiss.chunking.pack import Limits, fitted, greedy, spans
from whymiss.chunking.units import units
from whymiss.protocols import Tokenizer
from whymiss.records import Document, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """As many words as fit, then the next window: the baseline every other strategy must beat.

    >>> from whymiss.testing import RegexTokenizer
    >>> chunker = Fixed(size=3, overlap=1, tokenizer=RegexTokenizer())
    >>> [(s.start, s.end) for s in chunker.spans(Document(doc_id="d", text="a b c d e"))]
    [(0, 5), (4, 9)]
    """

    size: int
    overlap: int = 0
    tokenizer: Tokenizer

    def spans(self, document: Document) -> list[Span]:
        """Spans of at most `size` tokens that share at most `overlap` with the one before."""
        words = units(document.text, self.tokenizer, limit=self.size)
        runs = greedy(words, range(len(words) + 1), Limits(self.size, self.overlap))
        fitting = fitted(document.text, words, runs, tokenizer=self.tokenizer, size=self.size)
        return spans(words, fitting)
