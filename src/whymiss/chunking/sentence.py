"""Whole sentences packed to a size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whymiss.chunking.pack import Limits, fitted, greedy, refine, spans
from whymiss.chunking.sentences import sentence_starts
from whymiss.chunking.units import units
from whymiss.protocols import Tokenizer
from whymiss.records import Document, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Whole sentences up to the size; neighbours share whole sentences up to the overlap.

    Only a sentence larger than the size is cut, between words.

    >>> from whymiss.testing import RegexTokenizer
    >>> chunker = Sentence(size=8, tokenizer=RegexTokenizer())
    >>> text = "It is due. Pay it now. Or wait a week."
    >>> [text[s.start : s.end] for s in chunker.spans(Document(doc_id="d", text=text))]
    ['It is due. Pay it now.', 'Or wait a week.']
    """

    size: int
    overlap: int = 0
    tokenizer: Tokenizer

    def spans(self, document: Document) -> list[Span]:
        """Spans of at most `size` tokens that end where a sentence ends, if one fits."""
        text = document.text
        words = units(text, self.tokenizer, limit=self.size)
        if not len(words):
            return []
        starts = np.unique(words.at(sentence_starts(text)))
        borders = refine(words, (0, len(words)), levels=[starts], size=self.size)
        runs = greedy(words, borders, Limits(self.size, self.overlap))
        fitting = fitted(text, words, runs, tokenizer=self.tokenizer, size=self.size)
        return spans(words, fitting)
