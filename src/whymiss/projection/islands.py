"""Parts of a map that lie by themselves, and where to draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.ndimage import label

from whymiss.projection.placing import radius

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GAP: Final = 1.1
"""Islands lie at most this times the reach of the largest from its middle, and their own reach."""
_WATER: Final = 0.2
"""Of the map's radius: parts with so much between them are islands."""


def brought_near(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Islands that drifted away from the largest one, each moved as a whole to its shore.

    Where hardly anything holds two parts together, UMAP drives them as far apart as its steps
    reach: the width of the water means nothing, and would leave most of the map empty.

    Parameters
    ----------
    places : shape (n, 2).

    Examples
    --------
    >>> places = np.array([[0, 0], [1, 0], [2, 0], [90, 0], [91, 0]], np.float64)
    >>> brought_near(places)[:, 0].round(1).tolist()
    [0.0, 1.0, 2.0, 2.1, 3.1]
    """
    cells = ((places - places.min(axis=0)) / (_WATER * (radius(places) or 1.0))).astype(np.int64)
    land = np.zeros(cells.max(axis=0) + 1, bool)
    land[cells[:, 0], cells[:, 1]] = True
    # Cells that touch at a corner are one island.
    parts, n_parts = label(land, np.ones((3, 3), bool))
    part = parts[cells[:, 0], cells[:, 1]] - 1
    found, largest = places.copy(), int(np.bincount(part).argmax())
    middle = places[part == largest].mean(axis=0)
    shore = _reach(places[part == largest] - middle)
    for other in range(n_parts):
        island = part == other
        away = places[island].mean(axis=0) - middle
        distance = float(np.hypot(*away))
        near = _GAP * shore + _reach(places[island] - middle - away)
        if other != largest and distance > near:
            found[island] += away * (near / distance - 1)
    return found


def _reach(offsets: NDArray[np.float64]) -> float:
    """How far the farthest of some points lies from their middle."""
    return float(np.hypot(offsets[:, 0], offsets[:, 1]).max())
