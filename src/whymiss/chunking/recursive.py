"""Recursive splitting: paragraphs, lines, sentences, then words, only as deep as needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.chunking.pack import Limits, Run, closed, fitted, greedy, spans
from whymiss.chunking.sentences import sentence_starts
from whymiss.chunking.units import Units, units
from whymiss.protocols import Tokenizer
from whymiss.records import Document, Span

if TYPE_CHECKING:
    from whymiss.chunking.units import Ints

_PARAGRAPH: Final = re.compile(r"\n\n")
_LINE: Final = re.compile(r"\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recursive:
    """Split at the coarsest separator, merge neighbours up to the size, go deeper where too large.

    The rule of LangChain's RecursiveCharacterTextSplitter, counted in tokens and without loss; a
    piece that had to be split deeper is not merged with its neighbours.

    >>> from whymiss.testing import RegexTokenizer
    >>> chunker = Recursive(size=3, tokenizer=RegexTokenizer())
    >>> text = "a b\\n\\nc\\n\\nd e f g"
    >>> [text[s.start : s.end] for s in chunker.spans(Document(doc_id="d", text=text))]
    ['a b\\n\\nc', 'd e f', 'g']
    """

    size: int
    overlap: int = 0
    tokenizer: Tokenizer

    def spans(self, document: Document) -> list[Span]:
        """Spans of at most `size` tokens that end at the coarsest separators possible."""
        text = document.text
        words = units(text, self.tokenizer, limit=self.size)
        levels = [
            words.at(np.array([m.end() for m in _PARAGRAPH.finditer(text)], dtype=np.int64)),
            words.at(np.array([m.end() for m in _LINE.finditer(text)], dtype=np.int64)),
            words.at(sentence_starts(text)),
        ]
        limits = Limits(self.size, self.overlap)
        runs = _split(words, (0, len(words)), levels=levels, limits=limits)
        fitting = fitted(text, words, runs, tokenizer=self.tokenizer, size=self.size)
        return spans(words, fitting)


def _split(words: Units, run: Run, *, levels: Sequence[Ints], limits: Limits) -> list[Run]:
    first, last = run
    if first == last or words.cost[last] - words.cost[first] <= limits.size:
        return [run] if first < last else []
    if not levels:
        return greedy(words, range(first, last + 1), limits)
    edges = np.unique(closed(levels[0], first, last))
    large = np.flatnonzero(np.diff(words.cost[edges]) > limits.size).tolist()
    runs: list[Run] = []
    done = 0
    for part in [*large, len(edges) - 1]:
        if part > done:
            runs += greedy(words, edges[done : part + 1].tolist(), limits)
        if part < len(edges) - 1:
            deeper = (int(edges[part]), int(edges[part + 1]))
            runs += _split(words, deeper, levels=levels[1:], limits=limits)
        done = part + 1
    return runs
