"""Preview vectors of all chunks of a configuration, and how far each may be from exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.embedding.late_chunking import span_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.embedding import DocumentTokens
    from whymiss.protocols import Vectors
    from whymiss.records import Chunk

    Sums = NDArray[np.float64]

_CONTEXT: Final = 160
"""Tokens before and behind the middle of a chunk that count as what it stands in."""
_FEW: Final = 15.0
"""A chunk of so many tokens has half the difference between late and exact that a word has."""


@dataclass(frozen=True, slots=True)
class LateVectors:
    """One unit vector per chunk, and the spread of its residual.

    vectors : float32, shape (n_chunks, dimension); zeros for a chunk without tokens.
    spreads : standard deviations of (exact - preview score) beside each other, of no absolute size.
    """

    vectors: Vectors
    spreads: Sums


def late_vectors(
    chunks: Sequence[tuple[Chunk, ...]],
    tokens: Sequence[DocumentTokens],
    prefix_sums: Mapping[str, Sums],
    *,
    dimension: int,
) -> LateVectors:
    """Pool the token vectors of each chunk; no model is run.

    The spread is wide for chunks of few tokens, for those whose token vectors disagree (their mean
    is short), and for those that differ from what they stand in: there the surroundings, which late
    vectors have seen and exact ones have not, count for most.

    Parameters
    ----------
    chunks, tokens : of each document, in one order.
    prefix_sums : sum of token vectors of each prefix that occurs; see `sum_prefixes`.
    """
    n_chunks = sum(map(len, chunks))
    vectors = np.zeros((n_chunks, dimension), dtype=np.float32)
    n_tokens, lengths, apart = np.zeros(n_chunks), np.zeros(n_chunks), np.ones(n_chunks)
    first = 0
    for some, read in zip(chunks, tokens, strict=True):
        rows = slice(first, first + len(some))
        first += len(some)
        if not some or not len(read):
            continue
        places = np.array([(chunk.start, chunk.end) for chunk in some], dtype=np.int64)
        sums, n_tokens[rows] = span_sums(read, places)
        for total, chunk in zip(sums, some, strict=True):
            if chunk.prefix:
                total += prefix_sums[chunk.prefix]
        lengths[rows] = np.sqrt(np.einsum("ij,ij->i", sums, sums))
        vectors[rows] = sums / np.maximum(lengths[rows], 1e-12)[:, None]
        vectors[rows][n_tokens[rows] == 0] = 0
        apart[rows] = 1 - np.einsum("ij,ij->i", vectors[rows], _surroundings(read, places))
    return LateVectors(vectors, _spreads(n_tokens, lengths, apart))


def _surroundings(tokens: DocumentTokens, places: NDArray[np.int64]) -> Vectors:
    """Unit mean of the tokens around the middle of each chunk."""
    first, behind = tokens.touching(places[:, 0], places[:, 1])
    middle = (first + behind) // 2 // _CONTEXT * _CONTEXT
    low = np.maximum(middle - _CONTEXT, 0)
    high = np.minimum(middle + _CONTEXT, len(tokens))
    borders, where = np.unique(np.concatenate([low, high]), return_inverse=True)
    before = tokens.sums_before(borders)
    n = len(places)
    # Many chunks share their surroundings.
    pairs, pair_of = np.unique(
        np.stack([where[:n], where[n:]], axis=1), axis=0, return_inverse=True
    )
    sums = before[pairs[:, 1]] - before[pairs[:, 0]]
    sums /= np.maximum(np.linalg.norm(sums, axis=1), 1e-12)[:, None]
    around: Vectors = sums.astype(np.float32)[pair_of.reshape(-1)]
    return around


def _spreads(n_tokens: Sums, lengths: Sums, apart: Sums) -> Sums:
    coherence = lengths / np.maximum(n_tokens, 1)
    usual = np.median(coherence[coherence > 0]) if (coherence > 0).any() else 1.0
    relative = np.where(coherence > 0, coherence / usual, 1.0)
    shape = np.sqrt(np.maximum(apart, 0.01) ** 0.3 / relative)
    shape /= np.median(shape) if len(shape) else 1.0
    spreads: Sums = np.sqrt(2 * _FEW / (n_tokens + _FEW)) * shape
    return spreads
