"""Token vectors of a whole corpus: the sums of very many spans in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.embedding.document_tokens import BLOCK, DocumentTokens
from whymiss.embedding.late_chunking import range_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Sums = NDArray[np.float32]

_SHORTEST: Final = 1e-12


@dataclass(frozen=True)
class CorpusTokens:
    """The tokens of documents in a row: token numbers and characters are those of the corpus.

    documents : the tokens of each document.
    bases : what to add to a character of each document; see `Corpus.bases`.
    dimension : length of a vector.

    Examples
    --------
    >>> from whymiss.testing import HashingEncoder
    >>> found = HashingEncoder().document_tokens(["Annual plans renew.", "Refunds take ten days."])
    >>> tokens = CorpusTokens([DocumentTokens.of(some) for some in found], np.array([0, 20]), 64)
    >>> first, behind = tokens.touching(np.array([7, 20]), np.array([19, 27]))
    >>> first.tolist(), behind.tolist()
    ([1, 4], [4, 5])
    >>> sums = tokens.sums(np.array([0, 1]), first, behind)
    >>> bool(np.allclose(sums[1], found[1].vectors[0], atol=1e-3))
    True
    """

    documents: Sequence[DocumentTokens]
    bases: Ints
    dimension: int

    @cached_property
    def first_tokens(self) -> Ints:
        """Number of the first token of each document; the last is how many tokens there are."""
        return np.cumsum([0, *map(len, self.documents)], dtype=np.int64)

    def touching(self, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
        """First token, and the one behind the last, that share a character with each span.

        The two are equal where a span touches no token.
        """
        begins, stops = self._places
        first = np.searchsorted(stops, starts, side="right")
        return first, np.maximum(first, np.searchsorted(begins, ends, side="left"))

    def sums(self, documents: Ints, first: Ints, behind: Ints) -> Sums:
        """Sum of the token vectors of each range of tokens.

        Parameters
        ----------
        documents : the one document of each range, in ascending order.
        """
        sums = np.zeros((len(first), self.dimension), dtype=np.float32)
        bounds = np.searchsorted(documents, np.arange(len(self.documents) + 1))
        for number, tokens in enumerate(self.documents):
            rows = slice(int(bounds[number]), int(bounds[number + 1]))
            base = self.first_tokens[number]
            sums[rows] = range_sums(tokens, first[rows] - base, behind[rows] - base)
        return sums

    def surroundings(self, documents: Ints, tokens: Ints) -> Sums:
        """Unit mean of the vectors around each token, up to `BLOCK` of them either way."""
        within = np.maximum(tokens - self.first_tokens[documents], 0) // BLOCK
        around: Sums = self._around[self._first_blocks[documents] + within]
        return around

    @cached_property
    def _places(self) -> tuple[Ints, Ints]:
        """Where all tokens begin and end."""
        pairs = list(zip(self.documents, self.bases, strict=True))
        none = np.empty(0, np.int64)
        begins = np.concatenate([none, *(tokens.starts + base for tokens, base in pairs)])
        return begins, np.concatenate([none, *(tokens.ends + base for tokens, base in pairs)])

    @cached_property
    def _first_blocks(self) -> Ints:
        return np.cumsum([0, *(len(some) // BLOCK + 1 for some in self.documents)])

    @cached_property
    def _around(self) -> Sums:
        """Of every block: the unit mean of the vectors from one block before it to its end."""
        counts = np.diff(self._first_blocks)
        documents = np.repeat(np.arange(len(counts)), counts)
        middle = (np.arange(len(documents)) - self._first_blocks[documents]) * BLOCK
        low = np.maximum(middle - BLOCK, 0)
        high = np.minimum(middle + BLOCK, np.diff(self.first_tokens)[documents])
        base = self.first_tokens[documents]
        sums = self.sums(documents, base + low, base + high)
        sums /= np.maximum(np.linalg.norm(sums, axis=1), _SHORTEST)[:, None]
        return sums
