"""A dense score token by token: the mean of token vectors is linear, so their shares add up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.embedding.cache import pooling_encoder
from whymiss.embedding.late_encoder import LateChunkingEncoder
from whymiss.explain.ledger import Ledger, Part, Standing, View
from whymiss.explain.removal import effects
from whymiss.explain.words import Word, placed, words_at, words_of
from whymiss.protocols import PooledTokens
from whymiss.records import Chunk, Document, Query
from whymiss.text import counted, excerpt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Encoder, Vectors

_ADDED: Final = -1
_SHOWN: Final = 60
_ROUNDING: Final = 1e-6

ReadDocument = Callable[[], Document | None]
"""Gives the document that a chunk was cut from, as it was then; None where it has changed."""


def why_no_tokens(encoder: Encoder) -> str:
    """Why a dense score of this encoder has no exact parts; empty when it has. Loads the model."""
    found = pooling_encoder(encoder)
    if found is None:
        return f"encoder {encoder.model_version} does not give the token vectors it pools"
    return found.no_token_vectors_because


def pooled_chunk(encoder: Encoder, chunk: Chunk, read: ReadDocument) -> PooledTokens | None:
    """The tokens behind a chunk's vector, with offsets in its indexed text.

    None where the chunk was read in a document that has changed since.
    """
    found = pooling_encoder(encoder)
    assert found is not None
    if isinstance(encoder, LateChunkingEncoder):
        document = read()
        if document is None:
            return None
        late = encoder.pooled_chunk(chunk, document)
        if late is not None:
            return late
    return found.pooled_documents([chunk.indexed_text])[0]


@dataclass(frozen=True)
class PooledScore:
    """The cosine of one vector with a text's tokens, pooled by the mean: each adds its share.

    fixed : unit vector of the other side. text : what the tokens' offsets are offsets of.
    """

    fixed: Vectors
    text: str
    tokens: PooledTokens

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words of the text."""
        return words_of(self.text)

    @cached_property
    def word_of(self) -> NDArray[np.int64]:
        """For each token the number of its word; -1 for one that the encoder adds."""
        starts = self.tokens.offsets.starts.tolist()
        return np.array(words_at(self.words, starts), dtype=np.int64)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """What each token adds to the cosine."""
        found: NDArray[np.float64] = self._products / np.linalg.norm(self._sum)
        return found

    def score(self, gone: Collection[int]) -> float:
        """The cosine with some words out of the mean, all other vectors kept; NaN for no rest."""
        rest = self._sum - self._word_sums[list(gone)].sum(axis=0)
        length = float(np.linalg.norm(rest))
        # What cancels out but for rounding has no direction.
        if length < _ROUNDING * self._longest:
            return float("nan")
        return float(rest @ self.fixed.astype(np.float64)) / length

    @cached_property
    def _vectors(self) -> NDArray[np.float64]:
        return self.tokens.vectors.astype(np.float64)

    @cached_property
    def _sum(self) -> NDArray[np.float64]:
        total: NDArray[np.float64] = self._vectors.sum(axis=0)
        return total

    @cached_property
    def _word_sums(self) -> NDArray[np.float64]:
        sums = np.zeros((len(self.words), self._vectors.shape[1]))
        own = self.word_of != _ADDED
        np.add.at(sums, self.word_of[own], self._vectors[own])
        return sums

    @cached_property
    def _longest(self) -> float:
        return float(np.linalg.norm(self._vectors, axis=1).max(initial=0.0))

    @cached_property
    def _products(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._vectors @ self.fixed.astype(np.float64)
        return found


def passage_ledger(pooled: PooledScore, chunk: Chunk, standing: Standing, score: float) -> Ledger:
    """A dense score per word of the chunk, its prefix, and what the encoder puts to it."""
    parts = [
        replace(part, **placed(chunk, [(word.start, word.end)]))
        for part, word in zip(_parts(pooled), pooled.words, strict=True)
    ]
    return _ledger(pooled, "passage tokens", parts, standing, score)


def question_ledger(pooled: PooledScore, standing: Standing, score: float) -> Ledger:
    """A dense score per word of the question, and what the encoder puts to it."""
    parts = [
        replace(part, question=((word.start, word.end),))
        for part, word in zip(_parts(pooled), pooled.words, strict=True)
    ]
    return _ledger(pooled, "question tokens", parts, standing, score)


def _parts(pooled: PooledScore) -> list[Part]:
    """A part for each word: the sum of its tokens."""
    own, n_words = pooled.word_of != _ADDED, len(pooled.words)
    values = np.bincount(pooled.word_of[own], weights=pooled.shares[own], minlength=n_words)
    counts = np.bincount(pooled.word_of[own], minlength=n_words)
    return [
        Part(
            name=word.name, value=value, effect=effect, numbers={"n_tokens": n},
            note="" if n else "not read",
        )
        for word, value, n, effect in zip(
            pooled.words, values.tolist(), counts.tolist(), effects(pooled), strict=True
        )
    ]  # fmt: skip


def _ledger(
    pooled: PooledScore, view: View, parts: Sequence[Part], standing: Standing, score: float
) -> Ledger:
    every = (*parts, *_added(pooled))
    return Ledger(standing=standing, score=score, view=view, parts=every, note=_unread(pooled))


def _added(pooled: PooledScore) -> list[Part]:
    """Special tokens and those of a configured prefix, like names in one part."""
    found: dict[str, list[float]] = {}
    for token in np.flatnonzero(pooled.word_of == _ADDED).tolist():
        found.setdefault(pooled.tokens.names[token], []).append(float(pooled.shares[token]))
    return [
        Part(
            name=name, value=float(np.sum(values)), numbers={"n_tokens": len(values)},
            note="put to the text by the encoder",
        )
        for name, values in found.items()
    ]  # fmt: skip


def _unread(pooled: PooledScore) -> str:
    unread = pooled.tokens.unread
    if not len(unread):
        return ""
    rest = excerpt(pooled.text[int(unread.starts[0]) :], (), _SHOWN)
    return f"{counted(len(unread), 'token')} beyond the encoder's limit not read: {rest}"


def question_tokens(encoder: Encoder, query: Query) -> PooledTokens:
    """The tokens behind the question's vector."""
    found = pooling_encoder(encoder)
    assert found is not None
    return found.pooled_queries([query.text])[0]
