"""UMAP of landmarks (McInnes, Healy and Melville 2018, arXiv:1802.03426), fitted once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.errors import ConfigError
from whymiss.nearest import nearest
from whymiss.projection.islands import brought_near
from whymiss.projection.pca import principal_plane
from whymiss.projection.placing import unit_radius

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

Progress = Callable[[str, int, int], None]

FEWEST: Final = 4
"""Fewer landmarks are drawn by their principal components: there is nothing to fit."""

_AT_ONCE: Final = 2000
_EPOCHS: Final = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class UmapParameters:
    """What a fit depends on besides the vectors.

    n_neighbors, min_dist : as UMAP names them. seed : with one, equal vectors give equal places.

    Raises
    ------
    ConfigError : a value is out of range.
    """

    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 42

    def __post_init__(self) -> None:
        if self.n_neighbors < 2 or not 0 <= self.min_dist <= 1 or self.seed < 0:
            raise ConfigError(
                "UmapParameters needs n_neighbors of at least 2, min_dist from 0 to 1 and a seed "
                f"of at least 0; got {self.n_neighbors}, {self.min_dist} and {self.seed}."
            )


def fit_umap(
    vectors: Vectors, parameters: UmapParameters, *, progress: Progress | None = None
) -> NDArray[np.float64]:
    """Places of vectors on a plane, shape (n, 2), with the mean (0, 0) and a radius of 1.

    Neighbours are exact. The fit starts from the principal components, so that the large shape is
    theirs and the first picture turns into the last (Kobak and Linderman 2021). Takes seconds for
    thousands of vectors, besides some ten seconds of loading; see `FitJob` for a child process
    that can be stopped.

    Parameters
    ----------
    vectors : unit vectors, shape (n, dimension).
    progress : called with (what, done, total).
    """
    told = progress or _silent
    start = principal_plane(vectors).place(vectors) if len(vectors) else np.empty((0, 2))
    if len(vectors) < FEWEST:
        return unit_radius(start)
    rows, distances = _graph(vectors, min(parameters.n_neighbors, len(vectors) - 1), told)
    told("loading UMAP", 0, 1)
    import warnings

    from umap import UMAP

    model = UMAP(
        n_neighbors=rows.shape[1],
        min_dist=parameters.min_dist,
        metric="cosine",
        random_state=parameters.seed,
        n_jobs=1,
        precomputed_knn=(rows, distances, None),
        init=_spread(start, parameters.seed),
        tqdm_kwds={"file": _Epochs(told), "disable": False, "mininterval": 0.2,
                   "bar_format": "{n_fmt}/{total_fmt}"},
    )  # fmt: skip
    with warnings.catch_warnings():
        # It cannot place new points without an index of its own; `place` does that here.
        warnings.filterwarnings("ignore", message="precomputed_knn", category=UserWarning)
        places = model.fit_transform(vectors).astype(np.float64)
    return unit_radius(brought_near(places))


def _graph(
    vectors: Vectors, k: int, told: Progress
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each vector itself and its nearest others, as UMAP expects them: k columns in all."""
    n = len(vectors)
    rows, distances = np.empty((n, k), np.int64), np.zeros((n, k), np.float32)
    for first in range(0, n, _AT_ONCE):
        some = slice(first, min(n, first + _AT_ONCE))
        found, cosines = nearest(vectors[some], vectors, k)
        own = np.arange(some.start, some.stop)[:, None]
        # Equal vectors may come before the vector itself, which must be the first.
        order = np.argsort(found != own, axis=1, kind="stable")
        rows[some] = np.take_along_axis(found, order, axis=1)
        rows[some, :1] = own
        distances[some, 1:] = np.clip(1 - np.take_along_axis(cosines, order, axis=1)[:, 1:], 0, 2)
        told("neighbours", some.stop, n)
    return rows, distances


def _spread(start: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
    """Starting places over UMAP's usual range, with noise: equal places would never part."""
    reach = float(np.abs(start).max()) or 1.0
    noise = np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
    return (10 * start / reach + noise).astype(np.float32)


class _Epochs:
    """What a progress bar writes to, told on as numbers."""

    def __init__(self, told: Progress) -> None:
        self._told = told

    def write(self, text: str) -> None:
        if match := _EPOCHS.search(text):
            self._told("layout", int(match[1]), int(match[2]))

    def flush(self) -> None:
        """Nothing is held back."""


def _silent(*_: Any) -> None:
    """Progress that nobody asked for."""
