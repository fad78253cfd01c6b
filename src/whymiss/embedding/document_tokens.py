"""The token vectors of one document, with the sums that make the mean of any stretch cheap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.embedding.float16 import row_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import TokenVectors

BLOCK: Final = 160
"""Tokens between two running sums: a mean reads at most half a block at either end of a span.

Smaller blocks make a store larger and means hardly faster: adding 80 rows takes 3 microseconds.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTokens:
    """Vectors and places of a document's tokens, in memory or mapped from a file; read-only.

    vectors : float16, shape (n_tokens, dimension).
    starts, ends : int32 character offsets in the document, half-open, ascending.
    sums : float64, shape (n_tokens // BLOCK + 1, dimension); row b is the sum of the first
        b * BLOCK vectors. Double precision, so that the difference of two sums late in a long
        document is as good as one early in it.
    """

    vectors: NDArray[np.float16]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    sums: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of(cls, tokens: TokenVectors) -> DocumentTokens:
        """From an encoder's token vectors.

        >>> from whymiss.testing import HashingEncoder
        >>> found, = HashingEncoder().document_tokens(["Annual plans renew."])
        >>> len(DocumentTokens.of(found))
        4
        """
        return cls(
            vectors=tokens.vectors,
            starts=tokens.offsets.starts.astype(np.int32),
            ends=tokens.offsets.ends.astype(np.int32),
            sums=running_sums(tokens.vectors),
        )

    def touching(
        self, starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First token, and the one behind the last, that share a character with each span.

        The two are equal where a span touches no token (white space, say).
        """
        # Of one type, or all offsets of the document would be converted for a single span.
        first = np.searchsorted(self.ends, starts.astype(self.ends.dtype), side="right")
        behind = np.searchsorted(self.starts, ends.astype(self.starts.dtype), side="left")
        return first, np.maximum(first, behind)

    def sums_before(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """The sum of all vectors before each of the given token numbers, 0 to len(self)."""
        block = np.minimum((tokens + BLOCK // 2) // BLOCK, len(self.sums) - 1)
        total = self.sums[block]
        for row, token, known in zip(total, tokens.tolist(), (block * BLOCK).tolist(), strict=True):
            if token > known:
                row += row_sum(self.vectors[known:token])
            elif token < known:
                row -= row_sum(self.vectors[token:known])
        return total


def running_sums(vectors: NDArray[np.float16]) -> NDArray[np.float64]:
    """Sums of the first 0, BLOCK, 2 * BLOCK, ... vectors; see `DocumentTokens`."""
    n_blocks = len(vectors) // BLOCK
    sums = np.zeros((n_blocks + 1, vectors.shape[1]), dtype=np.float64)
    whole = vectors[: n_blocks * BLOCK].reshape(n_blocks, BLOCK, vectors.shape[1])
    np.cumsum(whole.sum(axis=1, dtype=np.float64), axis=0, out=sums[1:])
    return sums
