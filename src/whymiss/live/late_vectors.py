"""Preview vectors of all chunks of a configuration, and how far each may be from exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.live.corpus_tokens import CorpusTokens
    from whymiss.live.places import Places
    from whymiss.protocols import Vectors

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_FEW: Final = 15.0
"""A chunk of so many tokens has half the difference between late and exact that a word has."""
_SHORTEST: Final = 1e-12
_ROWS_AT_ONCE: Final = 512


@dataclass(frozen=True)
class LateVectors:
    """One unit vector per chunk, float32; zeros for a chunk without tokens.

    lengths, n_tokens : of the sum of each chunk's token vectors, and how many of them are its own.
    middles : the token in the middle of each chunk.
    """

    vectors: Vectors
    lengths: Floats
    n_tokens: Ints
    middles: Ints
    documents: Ints
    tokens: CorpusTokens

    @cached_property
    def spreads(self) -> Floats:
        """Standard deviations of (exact - preview score) beside each other, of no absolute size.

        Wide for chunks of few tokens, for those whose token vectors disagree (their mean is short),
        and for those that differ from what they stand in: there the surroundings, which late
        vectors have seen and exact ones have not, count for most.
        """
        around = self.tokens.surroundings(self.documents, self.middles)
        apart = np.maximum(1 - np.einsum("ij,ij->i", self.vectors, around), 0.01)
        apart[self.n_tokens == 0] = 1.0
        coherence = self.lengths / np.maximum(self.n_tokens, 1)
        usual = np.median(coherence[coherence > 0]) if (coherence > 0).any() else 1.0
        relative = np.where(coherence > 0, coherence / usual, 1.0)
        shape = np.sqrt(apart.astype(np.float64) ** 0.3 / relative)
        shape /= np.median(shape) if len(shape) else 1.0
        spreads: Floats = np.sqrt(2 * _FEW / (self.n_tokens + _FEW)) * shape
        return spreads


def late_vectors(places: Places, tokens: CorpusTokens, prefix_sums: Vectors) -> LateVectors:
    """Pool the token vectors of each chunk; no model is run.

    Parameters
    ----------
    prefix_sums : sum of the token vectors of each of `places.prefixes`, shape (n, dimension).
    """
    first, behind = tokens.touching(places.starts, places.ends)
    sums = tokens.sums(places.documents, first, behind)
    lengths = np.empty(len(places))
    for begin in range(0, len(places), _ROWS_AT_ONCE):
        rows = slice(begin, begin + _ROWS_AT_ONCE)
        part = sums[rows]
        part += prefix_sums[places.prefix_of[rows]]
        lengths[rows] = np.sqrt(np.einsum("ij,ij->i", part, part))
        part /= np.maximum(lengths[rows], _SHORTEST)[:, None]
    sums[first == behind] = 0
    return LateVectors(
        vectors=sums,
        lengths=lengths,
        n_tokens=behind - first,
        middles=np.minimum((first + behind) // 2, tokens.first_tokens[places.documents + 1] - 1),
        documents=places.documents,
        tokens=tokens,
    )
