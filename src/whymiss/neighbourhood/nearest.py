"""Exact nearest rows as candidates, and all pairs of rows above a cosine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from whymiss.candidates import Candidates, best_first
from whymiss.nearest import DECIMALS, members
from whymiss.nearest import nearest as nearest_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

_BLOCK_BYTES: Final = 64 * 2**20
"""Memory of one block of cosines."""

_SLACK: Final = 1e-5
"""More than the float32 product of two unit vectors can err."""


class Pairs(NamedTuple):
    """Pairs of rows and their cosines: three arrays of one length, `first` below `second`."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosines: NDArray[np.float64]


def nearest(
    queries: Vectors, vectors: Vectors, *, k: int, without: Sequence[Any] | None = None
) -> list[Candidates]:
    """The rows nearest to each query, best first, at most k; see `whymiss.nearest.nearest`.

    Examples
    --------
    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    >>> [found.rows.tolist() for found in nearest(rows, rows, k=1, without=[0, 1, 2])]
    [[1], [0], [1]]
    """
    if not len(vectors):
        return [best_first([], []) for _ in queries]
    found = nearest_rows(queries, vectors, min(k, len(vectors)), without=without)
    return [Candidates(*near).where(near[0] >= 0) for near in zip(*found, strict=True)]


def neighbours(
    vectors: Vectors, *, k: int, groups: NDArray[np.integer[Any]] | None = None
) -> list[Candidates]:
    """The k rows nearest to each row, itself left out, and all rows of its group where given.

    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    >>> [near.rows.tolist() for near in neighbours(rows, k=1, groups=np.array([0, 0, 1]))]
    [[2], [2], [1]]
    """
    if groups is None:
        return nearest(vectors, vectors, k=k, without=range(len(vectors)))
    own = members(groups)
    return nearest(vectors, vectors, k=k, without=[own[int(group)] for group in groups])


def pairs_above(vectors: Vectors, cosine: float) -> Iterator[Pairs]:
    """All pairs of rows with at least this cosine, block by block; none is left out.

    Every row is held against every other: no list of nearest rows could miss a pair where more
    rows are alike than the list is long. Each pair comes once, ordered by (first, second).

    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    >>> [list(zip(p.first.tolist(), p.second.tolist())) for p in pairs_above(rows, 0.7)]
    [[(0, 1)]]
    """
    for first, rough in _blocks(vectors, vectors):
        above, second = np.nonzero(rough >= cosine - _SLACK)
        above = above + first
        later = second > above
        pairs = above[later].astype(np.int64), second[later].astype(np.int64)
        exact = _paired(vectors, *pairs)
        kept = exact >= cosine
        if kept.any():
            yield Pairs(pairs[0][kept], pairs[1][kept], exact[kept])


def _blocks(queries: Vectors, vectors: Vectors) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Cosines of some queries at a time with all rows, and the number of the first of them."""
    height = max(1, _BLOCK_BYTES // (4 * max(1, len(vectors))))
    for first in range(0, len(queries), height):
        yield first, queries[first : first + height] @ vectors.T


def _paired(
    vectors: Vectors, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The cosine of each pair, some pairs at a time."""
    found = np.empty(len(first))
    width = max(1, _BLOCK_BYTES // (16 * max(1, vectors.shape[1])))
    for at in range(0, len(first), width):
        part = slice(at, at + width)
        products = vectors[first[part]].astype(np.float64) * vectors[second[part]]
        found[part] = np.round(products.sum(axis=1), DECIMALS)
    return found
