"""Principal component analysis on two axes: the picture that is there at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """A plane through vectors: `mean` of shape (dimension,), `axes` of shape (2, dimension).

    explained : share of the variance along the two axes, 0..1; NaN where there is none.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: float

    def place(self, vectors: Vectors) -> NDArray[np.float64]:
        """Coordinates of vectors on the plane, shape (n, 2)."""
        placed: NDArray[np.float64] = (vectors - self.mean) @ self.axes.T
        return placed


def principal_plane(vectors: Vectors) -> Plane:
    """The plane along which vectors vary most.

    The sign of an axis is chosen so that its largest entry is positive: equal input, equal picture.

    Examples
    --------
    >>> plane = principal_plane(np.array([[0, 0, 0], [4, 0, 0], [0, 2, 0], [4, 2, 0]], np.float32))
    >>> plane.place(np.array([[4, 2, 7]], np.float32)).tolist(), round(plane.explained, 3)
    ([[2.0, 1.0]], 1.0)
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - mean
    variances, directions = np.linalg.eigh(centred.T @ centred)
    axes = directions[:, ::-1][:, :2].T
    if len(axes) < 2:
        axes = np.vstack([axes, np.zeros((2 - len(axes), len(mean)))])
    largest = axes[np.arange(2), np.abs(axes).argmax(axis=1)]
    axes = axes * np.where(largest < 0, -1.0, 1.0)[:, None]
    total = float(variances.sum())
    explained = float(variances[::-1][:2].sum() / total) if total > 0 else float("nan")
    return Plane(mean=mean, axes=axes, explained=explained)
