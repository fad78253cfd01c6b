"""Where the names of clusters stand on a map, so that no two lie on each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from whymiss.plots.labels import label, wrapped

Floats = npt.NDArray[np.float64]

_WIDTH: Final = 24
_LINES: Final = 2
_CHARACTER: Final = 5.6
_LINE: Final = 13.0
_PADDING: Final = 6.0
_MARK: Final = np.array([-8.0, -8.0, 8.0, 8.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLabel:
    """A name at the point of its cluster that is nearest to the middle of all of them.

    name : plain text.
    """

    name: str
    x: float
    y: float
    n: int

    @property
    def lines(self) -> list[str]:
        """The name as plain text, wrapped."""
        return wrapped(self.name, width=_WIDTH, lines=_LINES)

    @property
    def text(self) -> str:
        """The name, escaped and wrapped."""
        return label(self.name, width=_WIDTH, lines=_LINES)


def cluster_labels(points: pd.DataFrame) -> list[ClusterLabel]:
    """The name of every cluster that has one, the largest first.

    Parameters
    ----------
    points : the columns `cluster`, `cluster_label`, `x` and `y`; a cluster below 0 is none.
    """
    named = points[(points["cluster"].fillna(-1) >= 0) & (points["cluster_label"].fillna("") != "")]
    found = []
    for cluster in named["cluster"].unique():
        part = named[named["cluster"] == cluster]
        places = part[["x", "y"]].to_numpy(dtype=np.float64)
        # The middle itself may lie where the cluster has no point.
        x, y = places[np.hypot(*(places - np.median(places, axis=0)).T).argmin()]
        name = str(part["cluster_label"].iloc[0])
        found.append((-len(part), int(cluster), ClusterLabel(name=name, x=x, y=y, n=len(part))))
    return [drawn for *_, drawn in sorted(found, key=lambda item: item[:2])]


def without_overlap(
    labels: Iterable[ClusterLabel], *, free: Floats, scale: float
) -> list[ClusterLabel]:
    """Those that lie neither on a label before them nor on a place that is to stay free.

    Parameters
    ----------
    free : places (n, 2) on which no label may lie.
    scale : pixels per unit of the map, as far as that is known.

    Examples
    --------
    >>> here, there = (ClusterLabel(name="refund", x=x, y=0.0, n=9) for x in (0.0, 0.01))
    >>> [drawn.x for drawn in without_overlap([here, there], free=np.empty((0, 2)), scale=400)]
    [0.0]
    """
    taken = [np.tile(place * scale, 2) + _MARK for place in free]
    kept = []
    for candidate in labels:
        box = _box(candidate, scale)
        if not any(_overlap(box, other) for other in taken):
            kept.append(candidate)
            taken.append(box)
    return kept


def _box(drawn: ClusterLabel, scale: float) -> Floats:
    """Left, bottom, right and top in pixels."""
    lines = drawn.text.split("<br>")
    half = np.array(
        [_CHARACTER * max(map(len, lines)) + _PADDING, _LINE * len(lines) + _PADDING]
    ) / 2  # fmt: skip
    middle = np.array([drawn.x, drawn.y]) * scale
    return np.concatenate([middle - half, middle + half])


def _overlap(one: Floats, other: Floats) -> bool:
    return bool((one[:2] < other[2:]).all() and (other[:2] < one[2:]).all())
