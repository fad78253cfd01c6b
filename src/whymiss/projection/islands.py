"""Parts of a map that lie by themselves, and where to draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.ndimage import label
from scipy.spatial import cKDTree

from whymiss.projection.placing import radius

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WATER: Final = 0.2
"""Of the map's radius: parts with so much between them are islands, and so much stays."""
_TRIES: Final = 10


def brought_near(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Islands that drifted away from the mainland, each moved as a whole towards its shore.

    Where hardly anything holds two parts together, UMAP drives them as far apart as its steps
    reach: the width of the water means nothing, and would leave most of the map empty. An island
    stops where water remains around it. Without a part that holds at least half of the points there
    is no mainland, and nothing moves.

    Parameters
    ----------
    places : shape (n, 2).

    Examples
    --------
    >>> places = np.array([[0, 0], [1, 0], [2, 0], [90, 0]], np.float64)
    >>> brought_near(places)[:, 0].round(1).tolist()
    [0.0, 1.0, 2.0, 9.7]
    """
    if not len(places):
        return places
    water = _WATER * radius(places)
    part, n_parts = _parts(places, water or 1.0)
    sizes = np.bincount(part, minlength=n_parts)
    mainland = int(sizes.argmax())
    if 2 * sizes[mainland] < len(places):
        return places
    found = places.copy()
    middle = places[part == mainland].mean(axis=0)
    shore = _reach(places[part == mainland] - middle)
    for island in range(n_parts):
        if island != mainland:
            found[part == island] += _way(found, part == island, middle, shore, water)
    return found


def _parts(places: NDArray[np.float64], width: float) -> tuple[NDArray[np.int64], int]:
    """The part that each place belongs to: those in cells that touch, at a corner too, are one."""
    cells = ((places - places.min(axis=0)) / width).astype(np.int64)
    land = np.zeros(cells.max(axis=0) + 1, bool)
    land[cells[:, 0], cells[:, 1]] = True
    parts, n_parts = label(land, np.ones((3, 3), bool))
    return parts[cells[:, 0], cells[:, 1]] - 1, n_parts


def _way(
    places: NDArray[np.float64],
    island: NDArray[np.bool_],
    middle: NDArray[np.float64],
    shore: float,
    water: float,
) -> NDArray[np.float64]:
    """How far an island moves: towards the middle, no nearer than the shore, hitting nothing."""
    own, others = places[island], cKDTree(places[~island])
    away = own.mean(axis=0) - middle
    distance = float(np.hypot(*away))
    near = shore + _reach(own - middle - away) + water
    for part in np.linspace(1.0, 0.0, _TRIES, endpoint=False) if distance > near else ():
        way: NDArray[np.float64] = away * part * (near / distance - 1)
        if others.query(own + way)[0].min() >= water:
            return way
    return np.zeros(2)


def _reach(offsets: NDArray[np.float64]) -> float:
    """How far the farthest of some points lies from their middle."""
    return float(np.hypot(offsets[:, 0], offsets[:, 1]).max())
