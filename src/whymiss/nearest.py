"""Exact nearest neighbours by cosine: every pair is looked at, in blocks that fit in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.errors import InvalidRecordError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

    Rows = NDArray[np.int64]

_CELLS: Final = 8_000_000
"""Products held at once: 32 MB of float32."""

_WIDTH: Final = 16
_SLACK: Final = 1e-5
"""More than the float32 product of two unit vectors can err."""

_PAIRS: Final = 50_000

DECIMALS: Final = 6
"""Cosines are rounded here: what differs less says nothing."""


def nearest(
    vectors: Vectors, among: Vectors, k: int, *, without: Sequence[Any] | None = None
) -> tuple[Rows, NDArray[np.float64]]:
    """For each vector the k nearest of `among`, nearest first; equal ones by row.

    A row's result depends on that row and `among` alone, to the last bit: not on what else is
    asked in the same call. Cosines are rounded as scores of dense retrieval are.

    Parameters
    ----------
    vectors, among : unit vectors, float32, shapes (n, dimension) and (m, dimension).
    k : at most m.
    without : for each vector the rows of `among` that do not count for it (numbers, a mask, or
        anything that indexes an array of rows); None where all do.

    Returns
    -------
    rows, cosines
        Both of shape (n, k); where fewer than k count, row -1 with the cosine -inf.

    Raises
    ------
    InvalidRecordError : k is below 1 or above m.

    Examples
    --------
    >>> points = np.array([[1, 0], [0, 1], [.8, .6]], np.float32)
    >>> rows, cosines = nearest(points[:1], points, 2)
    >>> rows.tolist(), cosines.round(1).tolist()
    ([[0, 2]], [[1.0, 0.8]])
    """
    n = len(vectors)
    if not 1 <= k <= len(among):
        raise InvalidRecordError(f"nearest needs k from 1 to {len(among)}; got {k}.")
    rows = np.empty((n, k), np.int64)
    cosines = np.empty((n, k), np.float64)
    step = max(1, _CELLS // len(among))
    for first in range(0, n, step):
        some = slice(first, min(n, first + step))
        rough = vectors[some] @ among.T
        if without is not None:
            for row, out in zip(rough, without[some], strict=True):
                row[out] = -np.inf
        asked, found = np.nonzero(rough >= _floors(rough, k)[:, None])
        exact = _products(vectors[some], among, asked, found)
        exact[rough[asked, found] == -np.inf] = -np.inf
        order = np.lexsort((found, -exact, asked))
        starts = np.searchsorted(asked, np.arange(len(rough)))
        best = order[starts[:, None] + np.arange(k)]
        rows[some], cosines[some] = found[best], exact[best]
    rows[cosines == -np.inf] = -1
    return rows, cosines


def nearest_others(vectors: Vectors, k: int) -> tuple[Rows, NDArray[np.float64]]:
    """For each vector the k nearest of the others; `nearest` tells the rest.

    >>> points = np.array([[1, 0], [0, 1], [.8, .6]], np.float32)
    >>> nearest_others(points, 1)[0].ravel().tolist()
    [2, 2, 0]
    """
    return nearest(vectors, vectors, k, without=range(len(vectors)))


def members(groups: NDArray[np.integer[Any]]) -> dict[int, Rows]:
    """The rows of each group, by its number.

    >>> {group: rows.tolist() for group, rows in members(np.array([4, 0, 4])).items()}
    {0: [1], 4: [0, 2]}
    """
    order = np.argsort(groups, kind="stable")
    bounds = np.flatnonzero(np.diff(groups[order])) + 1
    return {int(groups[rows[0]]): rows for rows in np.split(order, bounds) if len(rows)}


def _floors(rough: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """For each row a value that its k nearest reach, and few others do."""
    n, m = rough.shape
    # The k-th best of block maxima is never above the k-th best of all, and soon found.
    if k <= m // _WIDTH:
        whole = m - m % _WIDTH
        maxima = rough[:, :whole].reshape(n, _WIDTH, -1).max(axis=1)
    else:
        maxima = rough
    at = maxima.shape[1] - k
    floors: NDArray[np.float32] = np.partition(maxima, at, axis=1)[:, at] - np.float32(2 * _SLACK)
    return floors


def _products(vectors: Vectors, among: Vectors, asked: Rows, found: Rows) -> NDArray[np.float64]:
    """Cosines of pairs, each computed by itself: a matrix product rounds a row by its company."""
    exact = np.empty(len(asked), np.float64)
    for first in range(0, len(asked), _PAIRS):
        some = slice(first, first + _PAIRS)
        pairs = vectors[asked[some]].astype(np.float64) * among[found[some]]
        exact[some] = np.round(pairs.sum(axis=1), DECIMALS)
    return exact
