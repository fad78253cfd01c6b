"""k-occurrence (Radovanović, Nanopoulos and Ivanović 2010): who is among the first k of whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.nearest import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

NEAREST: Final = 10
"""How many of the rows nearest to a question count: the k of k-occurrence."""

HUB_SHARE: Final = 0.02
"""A hub is among the first ten of at least this share of the questions."""


def occurrences(
    queries: Vectors, vectors: Vectors, *, without: Sequence[Any] | None = None
) -> NDArray[np.bool_]:
    """Which rows are among the first ten of which query, shape (n_queries, n_rows).

    The sum of a column is N_k of its row.

    >>> rows = np.eye(12, dtype=np.float32)
    >>> occurrences(rows[:1], rows).sum(), occurrences(rows[:1], rows)[0, 0]
    (np.int64(10), np.True_)
    """
    found = np.zeros((len(queries), len(vectors)), bool)
    asked, near = _first(queries, vectors, without)
    found[asked, near] = True
    return found


def shares(
    queries: Vectors, vectors: Vectors, *, without: Sequence[Any] | None = None
) -> NDArray[np.float64]:
    """N_k of each row as a share of the queries, shape (n_rows,); NaN without queries.

    >>> rows = np.eye(12, dtype=np.float32)
    >>> shares(rows[:1], rows).sum()
    np.float64(10.0)
    """
    if not len(queries):
        return np.full(len(vectors), np.nan)
    _, near = _first(queries, vectors, without)
    return np.bincount(near, minlength=len(vectors)) / len(queries)


def _first(
    queries: Vectors, vectors: Vectors, without: Sequence[Any] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a query and a row that is among its first ten."""
    if not len(vectors):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows, _ = nearest(queries, vectors, min(NEAREST, len(vectors)), without=without)
    counting = rows >= 0
    return np.nonzero(counting)[0], rows[counting]


def skewness(counts: NDArray[Any]) -> float:
    """How lopsided k-occurrence is: the third standardised moment; NaN where all are equal.

    0 where it is as often above as below the mean; above 1.4 Radovanović et al. call it strong.

    >>> round(skewness(np.array([1, 1, 1, 5])), 4)
    1.1547
    """
    values = np.asarray(counts, float)
    spread = values.std() if len(values) else 0.0
    if not spread:
        return float("nan")
    return float(np.mean(((values - values.mean()) / spread) ** 3))


def unusual(counts: NDArray[Any], n_queries: int) -> float:
    """From which count on a row stands out: the mean and two standard deviations, as in
    Radovanović et al., and at least 2 % of the queries.

    >>> unusual(np.array([0, 0, 0, 4]), 100)
    4.464101615137754
    """
    values = np.asarray(counts, float)
    usual = float(values.mean() + 2 * values.std()) if len(values) else 0.0
    return max(usual, HUB_SHARE * n_queries, 1.0)
