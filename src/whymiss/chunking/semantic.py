"""Chunks that end where the subject changes, as an encoder sees it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from whymiss.chunking.pack import Limits, Run, fitted, greedy, refine, spans
from whymiss.chunking.sentences import sentence_starts
from whymiss.chunking.units import Units, units
from whymiss.protocols import Encoder, Tokenizer
from whymiss.records import Document, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.chunking.units import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantic:
    """Break between sentences whose surroundings differ more than usual in this document.

    Kamradt's percentile rule (2023): each sentence is embedded with its neighbours; a break is
    where the cosine distance to the next one exceeds the percentile of the document's distances.
    Pieces above the size are divided between sentences, a larger sentence between words.

    Parameters
    ----------
    percentile : 0 to 100; higher means fewer, larger chunks.
    """

    size: int
    overlap: int = 0
    percentile: float = 90.0
    tokenizer: Tokenizer
    encoder: Encoder

    def spans(self, document: Document) -> list[Span]:
        """Spans of at most `size` tokens, broken first where the subject changes."""
        text = document.text
        words = units(text, self.tokenizer, limit=self.size)
        if not len(words):
            return []
        starts = np.unique(words.at(sentence_starts(text)))
        edges = np.append(starts, len(words))
        limits = Limits(self.size, self.overlap)
        runs: list[Run] = []
        for first, last in self._subjects(text, words, edges):
            borders = refine(words, (first, last), levels=[starts], size=self.size)
            runs += greedy(words, borders, limits)
        fitting = fitted(text, words, runs, tokenizer=self.tokenizer, size=self.size)
        return spans(words, fitting)

    def _subjects(self, text: str, words: Units, edges: Ints) -> list[Run]:
        """Runs of sentences between the breaks."""
        count = len(edges) - 1
        if count < 3:
            return [(0, len(words))]
        windows = [
            words.characters(int(edges[max(n - 1, 0)]), int(edges[min(n + 2, count)]))
            for n in range(count)
        ]
        vectors = self.encoder.encode_documents([text[start:end] for start, end in windows])
        breaks = edges[1:-1][_jumps(vectors, self.percentile)]
        borders = [0, *breaks.tolist(), len(words)]
        return list(pairwise(borders))


def _jumps(vectors: NDArray[np.float32], percentile: float) -> NDArray[np.bool_]:
    distances: NDArray[np.float32] = 1.0 - np.einsum("ij,ij->i", vectors[:-1], vectors[1:])
    threshold = float(np.percentile(distances, percentile))
    return np.greater(distances, threshold)
