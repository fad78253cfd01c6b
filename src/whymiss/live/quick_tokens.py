"""Token vectors of a corpus with finer running sums in memory, all spans at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from whymiss.embedding.document_tokens import BLOCK
from whymiss.embedding.float16 import widened
from whymiss.live.corpus_tokens import CorpusTokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.live.corpus_tokens import Ints, Sums

STEP: Final = 8
"""Tokens between two finer sums: at most half as many vectors are read at either end of a span."""

_BLOCKS_AT_ONCE: Final = 64
_ROWS_AT_ONCE: Final = 512


@dataclass(frozen=True)
class QuickTokens(CorpusTokens):
    """Gives the same sums as `CorpusTokens`, not document by document.

    fine : float32, shape (n, dimension), one row for every `STEP` tokens of each document and one
        more; row s of a document is the sum of its vectors from the beginning of the block of
        `BLOCK` tokens up to token s * STEP: about 190 bytes a token at 384 dimensions.
    """

    fine: Sums

    @classmethod
    def quickened(
        cls, tokens: CorpusTokens, known: Mapping[int, Sums] = MappingProxyType({})
    ) -> Self:
        """The same tokens with finer sums.

        Parameters
        ----------
        known : finer sums of documents that have them already, by their number.

        Examples
        --------
        >>> from whymiss.embedding import DocumentTokens
        >>> from whymiss.testing import HashingEncoder
        >>> found = HashingEncoder().document_tokens(["Annual plans renew. " * 90, "Refunds."])
        >>> documents = [DocumentTokens.of(some) for some in found]
        >>> slow = CorpusTokens(documents, np.array([0, 1801]), 64)
        >>> quick = QuickTokens.quickened(slow)
        >>> some = np.zeros(4, int), np.array([0, 3, 161, 7]), np.array([4, 155, 161, 360])
        >>> bool(np.allclose(quick.sums(*some), slow.sums(*some), atol=1e-4))
        True
        """
        parts = [
            known[number] if number in known else fine_sums(some.vectors)
            for number, some in enumerate(tokens.documents)
        ]
        none = np.empty((0, tokens.dimension), dtype=np.float32)
        fine = np.concatenate([none, *parts])
        return cls(tokens.documents, tokens.bases, tokens.dimension, fine)

    def fine_of(self, number: int) -> Sums:
        """The finer sums of one document."""
        return self.fine[self._first_steps[number] : self._first_steps[number + 1]]

    def sums(self, documents: Ints, first: Ints, behind: Ints) -> Sums:
        """As `CorpusTokens.sums`."""
        sums = np.empty((len(first), self.dimension), dtype=np.float32)
        # A part at a time: what is used in between then stays in the processor's cache.
        for begin in range(0, len(first), _ROWS_AT_ONCE):
            rows = slice(begin, begin + _ROWS_AT_ONCE)
            self._sum(documents[rows], first[rows], behind[rows], sums[rows])
        return sums

    def _sum(self, documents: Ints, first: Ints, behind: Ints, sums: Sums) -> None:
        # A border has a number of its own at the end of a document and at the beginning of the
        # next one. Neighbouring ranges share theirs: each is summed up to once.
        numbers = np.concatenate([first + documents, behind + documents])
        borders, where = np.unique(numbers, return_inverse=True)
        first_borders = self.first_tokens + np.arange(len(self.first_tokens))
        owner = np.searchsorted(first_borders, borders, side="right") - 1
        block, near = self._before(owner, borders - first_borders[owner])
        starts, ends = np.split(where, 2)
        np.subtract(near[ends], near[starts], out=sums)
        apart = np.flatnonzero(block[starts] != block[ends])
        between = self._block_sums[block[ends[apart]]] - self._block_sums[block[starts[apart]]]
        sums[apart] += between.astype(np.float32)

    def _before(self, documents: Ints, tokens: Ints) -> tuple[Ints, Sums]:
        """The block that each token of a document is nearest to, and the sum from there to it."""
        n_steps = np.diff(self._first_steps)[documents]
        step = np.minimum((tokens + STEP // 2) // STEP, n_steps - 1)
        near = self.fine[self._first_steps[documents] + step]
        away = tokens - step * STEP
        rows = np.flatnonzero(away)
        lengths = np.abs(away[rows])
        starts = np.cumsum(lengths) - lengths
        low = np.minimum(tokens, step * STEP)[rows]
        vectors = self._vectors(
            np.repeat(documents[rows], lengths),
            np.arange(int(lengths.sum())) - np.repeat(starts - low, lengths),
        )
        if len(rows):
            added = np.add.reduceat(vectors, starts, axis=0)
            added *= np.sign(away[rows])[:, None]
            near[rows] += added
        return self._first_blocks[documents] + step * STEP // BLOCK, near

    def _vectors(self, documents: Ints, tokens: Ints) -> Sums:
        """Vectors of tokens, numbered in their documents, which come in ascending order."""
        halves = np.empty((len(tokens), self.dimension), dtype=np.float16)
        numbers, begins = np.unique(documents, return_index=True)
        ends = [*begins.tolist(), len(documents)][1:]
        for number, begin, end in zip(numbers.tolist(), begins.tolist(), ends, strict=True):
            halves[begin:end] = self.documents[number].vectors[tokens[begin:end]]
        return widened(halves)

    @cached_property
    def _first_steps(self) -> Ints:
        return np.cumsum([0, *(len(some) // STEP + 1 for some in self.documents)])

    @cached_property
    def _block_sums(self) -> NDArray[np.float64]:
        """Running sums of each document, in double precision, one row for each block of it."""
        none = np.empty((0, self.dimension))
        return np.concatenate([none, *(tokens.sums for tokens in self.documents)])


def fine_sums(vectors: NDArray[np.float16]) -> Sums:
    """Sums of vectors from the beginning of their block on, `STEP` by `STEP`: see `QuickTokens`."""
    n_steps, dimension = len(vectors) // STEP, vectors.shape[1]
    fine = np.zeros((n_steps + 1, dimension), dtype=np.float32)
    stride = BLOCK * _BLOCKS_AT_ONCE
    for first in range(0, n_steps * STEP, stride):
        behind = min(first + stride, n_steps * STEP)
        sums = widened(vectors[first:behind]).reshape(-1, STEP, dimension).sum(axis=1)
        per_block = BLOCK // STEP
        for start in range(0, len(sums), per_block):
            some = np.cumsum(sums[start : start + per_block], axis=0)
            # The sum at the end of a block is 0 of the next one.
            kept = some[: per_block - 1]
            row = first // STEP + start + 1
            fine[row : row + len(kept)] = kept
    return fine
