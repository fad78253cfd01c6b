"""Unit vectors at random, alone and in clusters, and Hypothesis' own with many ties."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

# Whole numbers, so that equal vectors and equal cosines are common.
FEW = st.lists(st.tuples(*[st.integers(-2, 2)] * 3).filter(any), min_size=1, max_size=40).map(
    lambda rows: units(np.array(rows, np.float32))
)


class Fitted(NamedTuple):
    """A fit, with what it was made of and what it told on the way."""

    vectors: Any
    groups: Any
    places: Any
    steps: list[tuple[str, int, int]]


def units(rows: Any) -> Any:
    """Rows at length 1."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def spread(n: int, dimension: int = 16, seed: int = 0) -> Any:
    """Unit vectors of which no two are alike; entries of all sizes, so that sums must round."""
    rng = np.random.default_rng(seed)
    size = np.exp(3 * rng.normal(size=(n, dimension)))
    return units((rng.normal(size=(n, dimension)) * size).astype(np.float32))


def clustered(n_clusters: int, n_each: int, *, dimension: int, seed: int) -> tuple[Any, Any]:
    """Unit vectors around as many far centres, and the cluster of each."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_clusters), n_each)
    centres = 4 * np.eye(n_clusters, dimension)
    rows = centres[groups] + 0.3 * rng.normal(size=(len(groups), dimension))
    return units(rows.astype(np.float32)), groups


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays are equal to the last bit."""
    return (
        one.shape == other.shape
        and one.dtype == other.dtype
        and (np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes())
    )
