"""Clouds of vectors, and one real fit of UMAP that several tests look at."""

from __future__ import annotations

import pytest
from clouds import Fitted, clustered

from whymiss.projection.fitting import UmapParameters, fit_umap


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    """UMAP of four clusters, the slowest thing here: some ten seconds of loading."""
    vectors, groups = clustered(4, 60, dimension=32, seed=3)
    steps: list[tuple[str, int, int]] = []
    places = fit_umap(vectors, UmapParameters(), progress=lambda *step: steps.append(step))
    return Fitted(vectors=vectors, groups=groups, places=places, steps=steps)
