"""MaxSim token by token: each token of the question, and the token of the passage it matches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.explain.ledger import Ledger, Part, Standing
from whymiss.explain.removal import effects
from whymiss.explain.words import Word, placed, words_at, words_of
from whymiss.protocols import TokenOffsets
from whymiss.records import Chunk, Query
from whymiss.reranking import LateInteractionReranker, TokenMatch
from whymiss.reranking.late_interaction import similarities
from whymiss.text import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOTHING: Final = -1.0
"""Similarity to a passage without tokens, as the reranker has it."""


@dataclass(frozen=True)
class MaxSimScore:
    """One chunk's MaxSim for one question, ready to be taken apart.

    The reranker does not read prefixes: their words have no token, and leaving them out changes
    nothing.
    """

    reranker: LateInteractionReranker
    query: Query
    chunk: Chunk

    @cached_property
    def matches(self) -> tuple[TokenMatch, ...]:
        """What each token of the question adds."""
        return self.reranker.parts(self.query, self.chunk)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words of the indexed text."""
        return words_of(self.chunk.indexed_text)

    @cached_property
    def word_of(self) -> NDArray[np.int64]:
        """For each token of the passage the number of its word."""
        starts = self.indexed(self._passage.starts)
        return np.array(words_at(self.words, starts.tolist()), dtype=np.int64)

    @cached_property
    def cosines(self) -> NDArray[np.float32]:
        """Of every token of the question (rows) with every token of the passage (columns)."""
        asked, found = self.reranker.tokens(self.query, self.chunk)
        return similarities(asked.vectors, found.vectors)

    def score(self, gone: Collection[int]) -> float:
        """MaxSim with some words out of the passage, all other vectors kept."""
        if not len(self.cosines):
            return 0.0
        kept = ~np.isin(self.word_of, list(gone))
        if not kept.any():
            return _NOTHING
        best = self._best.copy()
        # A token whose match stays has no better one among fewer.
        lost = ~kept[self._matched]
        best[lost] = self.cosines[lost][:, kept].max(axis=1)
        return float(best.mean(dtype=np.float64))

    @cached_property
    def _best(self) -> NDArray[np.float32]:
        best: NDArray[np.float32] = self.cosines.max(axis=1)
        return best

    @cached_property
    def _matched(self) -> NDArray[np.int64]:
        """For each token of the question the token of the passage that it matches best."""
        found: NDArray[np.int64] = self.cosines.argmax(axis=1)
        return found

    def indexed(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places in the document as places in the indexed text; a token may begin before it."""
        found: NDArray[np.int64] = np.maximum(places, self.chunk.start) + (
            len(self.chunk.prefix) - self.chunk.start
        )
        return found

    @cached_property
    def _passage(self) -> TokenOffsets:
        return self.reranker.tokens(self.query, self.chunk)[1].offsets


def match_ledger(scored: MaxSimScore, standing: Standing, score: float) -> Ledger:
    """MaxSim per token of the question, each with the token of the passage that it matches best."""
    chunk = scored.chunk
    parts = tuple(
        Part(
            name=match.token,
            value=match.contribution,
            question=((match.query_start, match.query_end),),
            passage=_clipped(match, chunk),
            numbers={"similarity": match.similarity},
            note=_matched(match, chunk),
        )
        for match in scored.matches
    )
    return Ledger(
        standing=standing,
        score=score,
        view="question tokens",
        parts=parts,
        note="" if parts else "the question has no tokens: every chunk scores 0",
    )


def matched_ledger(scored: MaxSimScore, standing: Standing, score: float) -> Ledger:
    """The same over the words of the passage: what matches best in each of them."""
    values = [0.0] * len(scored.words)
    asked: list[list[tuple[int, int]]] = [[] for _ in scored.words]
    matched = [match for match in scored.matches if match.end > match.start]
    starts = scored.indexed(np.array([match.start for match in matched], dtype=np.int64))
    for match, number in zip(matched, words_at(scored.words, starts.tolist()), strict=True):
        values[number] += match.contribution
        asked[number].append((match.query_start, match.query_end))
    unmatched = sum(match.contribution for match in scored.matches if match.end == match.start)
    parts = [
        Part(
            name=word.name,
            value=value,
            question=tuple(spans),
            **placed(scored.chunk, [(word.start, word.end)]),
            effect=effect,
            numbers={"n_matches": len(spans)},
        )
        for word, value, spans, effect in zip(
            scored.words, values, asked, effects(scored), strict=True
        )
    ]
    if unmatched:
        parts.append(Part(name="(nothing)", value=unmatched, note="the chunk has no tokens"))
    return Ledger(standing=standing, score=score, view="passage tokens", parts=tuple(parts))


def _clipped(match: TokenMatch, chunk: Chunk) -> tuple[Interval, ...]:
    """Where the matched token stands in the chunk; stored tokens may reach over its borders."""
    start, end = max(match.start, chunk.start), min(match.end, chunk.end)
    return ((start, end),) if end > start else ()


def _matched(match: TokenMatch, chunk: Chunk) -> str:
    for start, end in _clipped(match, chunk):
        return f"matches {chunk.text[start - chunk.start : end - chunk.start]!r}"
    return "the chunk has no tokens"
