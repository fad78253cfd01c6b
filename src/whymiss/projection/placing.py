"""Placing vectors on a frozen map, among the landmarks that are truly nearest to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.nearest import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

    Floats = NDArray[np.float64]

LANDMARKS: Final = 15
"""How many nearest landmarks have a say; as many as neighbours in UMAP's own default."""

_TEMPERATURE: Final = 0.2
"""A landmark whose cosine is lower by this weighs e times less: all have a say, none rules."""

_BANDWIDTH: Final = 1 / 40
"""Of the map's radius: landmarks within it count as one place."""

_STEPS: Final = 10
_AT_ONCE: Final = 4096


def place(
    vectors: Vectors, landmarks: Vectors, places: Floats, *, reach: float | None = None
) -> Floats:
    """Where vectors stand on a map that was fitted on landmarks.

    A vector goes where most of its nearest landmarks are together: of their places the one with
    most weight around it, then the mean shift (Fukunaga and Hostetler 1975) from there to the top
    of their density. A plain mean would put what has neighbours in two corners between them, among
    strangers.

    The place of a vector depends on it and the landmarks alone, to the last bit.

    Parameters
    ----------
    vectors : unit vectors, shape (n, dimension).
    landmarks : unit vectors, shape (m, dimension), m at least 1.
    places : of the landmarks, shape (m, 2).
    reach : the radius of the map, where landmarks have gone since it was fitted; by default theirs.

    Returns
    -------
    float64 array, shape (n, 2).

    Examples
    --------
    >>> landmarks = np.array([[1, 0], [.8, .6], [0, 1]], np.float32)
    >>> places = np.array([[0, 0], [.01, 0], [5, 5]])
    >>> place(np.array([[.9, .436]], np.float32), landmarks, places).round(1).tolist()
    [[0.0, 0.0]]
    """
    if not len(vectors):
        return np.empty((0, 2))
    rows, cosines = nearest(vectors, landmarks, min(LANDMARKS, len(landmarks)))
    weights = np.exp((cosines - cosines[:, :1]) / _TEMPERATURE)
    width = _BANDWIDTH * (radius(places) if reach is None else reach)
    return np.concatenate(
        [
            _shifted(
                places[rows[first : first + _AT_ONCE]], weights[first : first + _AT_ONCE], width
            )
            for first in range(0, len(vectors), _AT_ONCE)
        ]
    )


def radius(places: Floats) -> float:
    """The root mean square distance of places from their mean.

    >>> radius(np.array([[3.0, 0], [-3, 0]]))
    3.0
    """
    return float(np.sqrt(((places - places.mean(axis=0)) ** 2).sum(axis=1).mean()))


def unit_radius(places: Floats) -> Floats:
    """Places moved and scaled so that their mean is the origin and their radius 1.

    >>> unit_radius(np.array([[4.0, 1], [-2, 1]])).tolist()
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    if not len(places):
        return places
    centred: Floats = places - places.mean(axis=0)
    centred /= radius(centred) or 1.0
    return centred


def _shifted(near: Floats, weights: Floats, width: float) -> Floats:
    """The top of the density of each row of places, near shape (n, k, 2), weights (n, k)."""
    # One place alone, or all in one: there is nothing to shift.
    scale = 2 * width * width or 1.0
    apart = ((near[:, :, None] - near[:, None]) ** 2).sum(axis=-1)
    crowd = (np.exp(-apart / scale) * weights[:, None, :]).sum(axis=-1)
    found: Floats = near[np.arange(len(near)), crowd.argmax(axis=1)]
    for _ in range(_STEPS):
        pull = np.exp(-((near - found[:, None]) ** 2).sum(axis=-1) / scale) * weights
        found = (near * pull[:, :, None]).sum(axis=1) / pull.sum(axis=1, keepdims=True)
    return found
