"""What a plane does to neighbours: kept ones, false ones, lost ones, point by point.

Venna and Kaski (2001), "Neighborhood Preservation in Nonlinear Projection Methods: An Experimental
Study", ICANN: trustworthiness and continuity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.nearest import nearest_others

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

NEIGHBOURS: Final = 10
"""How many neighbours are looked at where nobody says otherwise."""

_CELLS: Final = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Distortion:
    """How far the plane can be believed; arrays have one value per point.

    kept : share of the k true neighbours that are among the k nearest on the plane, 0..1.
    trustworthiness : 1 less the ranks by which points stand too near on the plane; of a single
        point it can fall below 0, their mean is the measure of Venna and Kaski.
    continuity : the same for points that are near in truth and stand too far on the plane.
    k : how many neighbours were looked at. All are NaN where there are too few points for k.
    undefined_because : empty where they are defined.
    """

    kept: Floats
    trustworthiness: Floats
    continuity: Floats
    k: int
    undefined_because: str = ""


def distortion(
    vectors: Vectors, places: NDArray[np.floating], *, k: int = NEIGHBOURS
) -> Distortion:
    """Compare neighbours by cosine with neighbours on the plane.

    Takes all pairs of points, in blocks: about 10 s for 20,000.

    Parameters
    ----------
    vectors : unit vectors, shape (n, dimension).
    places : their places, shape (n, 2).
    k : neighbours looked at; fewer than half of the points, or everything is undefined.

    Examples
    --------
    >>> angles = np.linspace(0, 3, 12)
    >>> vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    >>> found = distortion(vectors, np.stack([angles, 0 * angles], axis=1), k=2)
    >>> found.kept.mean(), found.trustworthiness.mean(), found.continuity.mean()
    (np.float64(1.0), np.float64(1.0), np.float64(1.0))
    """
    n = len(vectors)
    if 2 * k >= n:
        nan = np.full(n, np.nan)
        why = f"{n} points are too few for {k} neighbours; more than {2 * k} are needed"
        return Distortion(kept=nan, trustworthiness=nan, continuity=nan, k=k, undefined_because=why)
    flat = np.ascontiguousarray(places, dtype=np.float64)
    near, _ = nearest_others(vectors, k)
    drawn = _nearest_on_plane(flat, k)
    kept, intruding, missing = np.empty(n), np.empty(n), np.empty(n)
    step = max(1, _CELLS // n)
    for first in range(0, n, step):
        rows = np.arange(first, min(n, first + step))
        apart = -(vectors[rows] @ vectors.T)
        in_truth = _ranks(apart, rows, drawn[rows])
        kept[rows] = (in_truth <= k).mean(axis=1)
        intruding[rows] = np.maximum(in_truth - k, 0).sum(axis=1)
        on_plane = _ranks(_squared_distances(flat[rows], flat), rows, near[rows])
        missing[rows] = np.maximum(on_plane - k, 0).sum(axis=1)
    # So that the worst possible order of all points has the mean 0.
    scale = 2.0 / (k * (2 * n - 3 * k - 1))
    return Distortion(
        kept=kept, trustworthiness=1 - scale * intruding, continuity=1 - scale * missing, k=k
    )


def _ranks(apart: NDArray[np.floating], rows: Rows, asked: Rows) -> Rows:
    """The rank of each asked point among all others by distance; equal ones share the best."""
    apart[np.arange(len(rows)), rows] = np.inf
    found = np.empty(asked.shape, np.int64)
    for column in range(asked.shape[1]):
        value = np.take_along_axis(apart, asked[:, [column]], axis=1)
        found[:, column] = 1 + (apart < value).sum(axis=1)
    return found


def _nearest_on_plane(places: Floats, k: int) -> Rows:
    """The k nearest other points of each, as a tree finds them."""
    from scipy.spatial import cKDTree

    _, found = cKDTree(places).query(places, k + 1)
    others = np.empty((len(places), k), np.int64)
    for row, several in enumerate(found):
        # Where several points share a place, the point itself need not come first, or at all.
        others[row] = several[several != row][:k]
    return others


def _squared_distances(some: Floats, places: Floats) -> Floats:
    across = some[:, None, 0] - places[None, :, 0]
    down = some[:, None, 1] - places[None, :, 1]
    squared: Floats = across * across + down * down
    return squared
