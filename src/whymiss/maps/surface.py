"""What vectors are drawn on: a fitted map, or, until there is one, their principal plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from whymiss.projection.pca import Plane, principal_plane
from whymiss.projection.placing import radius

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

Projection = Literal["umap", "pca"]


class Surface(Protocol):
    """Says where any vector stands, and which topic it is of; `FrozenMap` is one."""

    @property
    def projection(self) -> Projection:
        """How it was made."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the topics."""
        ...

    def place(self, vectors: Vectors) -> NDArray[np.float64]:
        """Places of vectors, shape (n, 2)."""
        ...

    def topics(self, vectors: Vectors) -> NDArray[np.int64]:
        """The topic of each vector, -1 for none."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class FirstPicture:
    """The principal plane of an index's vectors, at the radius of a fitted map; without topics.

    plane : None where there are no vectors.
    """

    plane: Plane | None
    reach: float = 1.0

    @classmethod
    def of(cls, vectors: Vectors) -> FirstPicture:
        """The first picture of these vectors."""
        if not len(vectors):
            return cls(plane=None)
        plane = principal_plane(vectors)
        return cls(plane=plane, reach=radius(plane.place(vectors)) or 1.0)

    @property
    def projection(self) -> Projection:
        """Principal components."""
        return "pca"

    @property
    def labels(self) -> tuple[str, ...]:
        """None: topics come with the fit."""
        return ()

    def place(self, vectors: Vectors) -> NDArray[np.float64]:
        """Places of vectors, shape (n, 2)."""
        if self.plane is None:
            return np.zeros((len(vectors), 2))
        return self.plane.place(vectors) / self.reach

    def topics(self, vectors: Vectors) -> NDArray[np.int64]:
        """No topic for any."""
        return np.full(len(vectors), -1, np.int64)
