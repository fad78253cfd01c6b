"""What a stage hands on for one query: row numbers of an index with their scores, best first.

Rows of a snapshot are sorted by (doc_id, start, chunk_id), so that ordering equal scores by row
number is the order of ties everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Candidates(NamedTuple):
    """Rows and their scores, two arrays of one length, best first."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]

    def top(self, k: int) -> Candidates:
        """The first k."""
        return Candidates(self.rows[:k], self.scores[:k])

    def where(self, keep: NDArray[np.bool_]) -> Candidates:
        """Those that are kept, in the same order."""
        return Candidates(self.rows[keep], self.scores[keep])


def best_first(rows: ArrayLike, scores: ArrayLike, depth: int | None = None) -> Candidates:
    """Order rows by score, equal scores by row number, and keep the first `depth`.

    >>> best_first([7, 3, 5], [0.5, 0.5, 0.9], 2).rows.tolist()
    [5, 3]
    """
    given: NDArray[Any] = np.asarray(rows, dtype=np.int64)
    values: NDArray[Any] = np.asarray(scores, dtype=np.float64)
    order = np.lexsort((given, -values))[:depth]
    return Candidates(given[order], values[order])
