"""Preview vectors of all chunks of a configuration, and how far each may be from exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.embedding.late_chunking import range_sums

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
        sums, n_tokens[rows], around = _sums_and_surroundings(read, places)
        for total, chunk in zip(sums, some, strict=True):
            if chunk.prefix:
                total += prefix_sums[chunk.prefix]
        lengths[rows] = np.sqrt(np.einsum("ij,ij->i", sums, sums))
        vectors[rows] = sums / np.maximum(lengths[rows], 1e-12)[:, None]
        vectors[rows][n_tokens[rows] == 0] = 0
        apart[rows] = 1 - np.einsum("ij,ij->i", vectors[rows], around)
    return LateVectors(vectors, _spreads(n_tokens, lengths, apart))


def _sums_and_surroundings(
    tokens: DocumentTokens, places: NDArray[np.int64]
) -> tuple[Sums, NDArray[np.int64], Vectors]:
    """Of each chunk the sum of its token vectors, how many they are, and the unit mean around it.

    The tokens around the middle of a chunk; many chunks share them.
    """
    first, behind = tokens.touching(places[:, 0], places[:, 1])
    middles, middle_of = np.unique(
        (first + behind) // 2 // _CONTEXT * _CONTEXT, return_inverse=True
    )
    low = np.maximum(middles - _CONTEXT, 0)
    high = np.minimum(middles + _CONTEXT, len(tokens))
    # In one call, because chunks and surroundings share borders.
    both = range_sums(tokens, np.concatenate([first, low]), np.concatenate([behind, high]))
    sums, around = np.split(both, [len(places)])
    around /= np.maximum(np.linalg.norm(around, axis=1), 1e-12)[:, None]
    return sums, behind - first, around.astype(np.float32)[middle_of]


def _spreads(n_tokens: Sums, lengths: Sums, apart: Sums) -> Sums:
    coherence = lengths / np.maximum(n_tokens, 1)
    usual = np.median(coherence[coherence > 0]) if (coherence > 0).any() else 1.0
    relative = np.where(coherence > 0, coherence / usual, 1.0)
    shape = np.sqrt(np.maximum(apart, 0.01) ** 0.3 / relative)
    shape /= np.median(shape) if len(shape) else 1.0
    spreads: Sums = np.sqrt(2 * _FEW / (n_tokens + _FEW)) * shape
    return spreads
