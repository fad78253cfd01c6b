"""A fit of UMAP: what it keeps together, how it is centred, and what it tells on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clouds import Fitted, spread

from whymiss.errors import ConfigError
from whymiss.projection import fitting as module
from whymiss.projection.distortion import distortion
from whymiss.projection.fitting import UmapParameters, fit_umap
from whymiss.projection.pca import principal_plane
from whymiss.projection.placing import radius, unit_radius


def test_places_have_the_mean_zero_and_a_radius_of_one(fitted: Fitted) -> None:
    assert fitted.places.shape == (len(fitted.vectors), 2)
    assert fitted.places.dtype == np.float64
    np.testing.assert_allclose(fitted.places.mean(axis=0), 0, atol=1e-9)
    assert radius(fitted.places) == pytest.approx(1)


def test_clusters_stay_together(fitted: Fitted) -> None:
    away = np.linalg.norm(fitted.places[:, None] - fitted.places[None], axis=2)
    nearest = np.argsort(away, axis=1)[:, 1:11]
    assert (fitted.groups[nearest] == fitted.groups[:, None]).mean() > 0.99
    found = distortion(fitted.vectors, fitted.places)
    # At random, ten of 239 others would be kept by one in 24.
    assert found.kept.mean() > 0.3
    assert found.trustworthiness.mean() > 0.85


def test_progress_names_its_steps_and_goes_up_to_the_end(fitted: Fitted) -> None:
    names = list(dict.fromkeys(what for what, _, _ in fitted.steps))
    assert names == ["neighbours", "loading UMAP", "layout"]
    for name in ("neighbours", "layout"):
        done = [(done, total) for what, done, total in fitted.steps if what == name]
        assert done == sorted(done)
        assert done[-1][0] == done[-1][1] > 0
        assert len({total for _, total in done}) == 1


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_fewer_than_four_vectors_are_drawn_by_their_principal_components(n: int) -> None:
    vectors = spread(n, 8) if n else spread(1, 8)[:0]
    steps: list[Any] = []
    places = fit_umap(vectors, UmapParameters(), progress=lambda *step: steps.append(step))
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert steps == []
    if n > 1:
        assert radius(places) == pytest.approx(1)
        drawn = principal_plane(vectors).place(vectors)
        np.testing.assert_allclose(places * radius(drawn), drawn, atol=1e-9)


@pytest.mark.parametrize("n", [4, 20])
def test_vectors_that_are_all_equal_are_fitted_and_part(n: int, fitted: Fitted) -> None:
    places = fit_umap(np.repeat(fitted.vectors[:1], n, axis=0), UmapParameters())
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == n


def test_islands_are_brought_near_before_the_map_is_scaled(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = np.stack([np.arange(9.0), np.zeros(9)], axis=1)
    monkeypatch.setattr(module, "brought_near", lambda places: line)
    places = fit_umap(fitted.vectors[:9], UmapParameters())
    np.testing.assert_allclose(places, unit_radius(line))


def test_each_vector_is_its_own_first_neighbour_and_distances_are_exact() -> None:
    vectors = spread(30)
    # UMAP takes the first column for the vector itself; equal ones come before it by row.
    vectors[[7, 21]] = vectors[2]
    steps: list[Any] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_AT_ONCE", 8)
        rows, distances = module._graph(vectors, 6, lambda *step: steps.append(step))
    assert rows[:, 0].tolist() == list(range(30))
    assert (distances[:, 0] == 0).all()
    assert steps == [("neighbours", n, 30) for n in (8, 16, 24, 30)]
    exact = 1 - vectors.astype(float) @ vectors.T.astype(float)
    for row in range(30):
        assert len(set(rows[row].tolist())) == 6
        np.testing.assert_allclose(distances[row], np.sort(exact[row])[:6], atol=1e-6)
        np.testing.assert_allclose(distances[row], exact[row, rows[row]], atol=1e-6)
    assert set(rows[21, 1:3].tolist()) == {2, 7}


@pytest.mark.parametrize(
    ("values", "told"),
    [({"n_neighbors": 1}, "got 1, 0.1 and 42"), ({"min_dist": -0.1}, "got 15, -0.1 and 42"),
     ({"min_dist": 1.5}, "got 15, 1.5 and 42"), ({"seed": -1}, "got 15, 0.1 and -1")],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=f"n_neighbors of at least 2, .* {told}"):
        UmapParameters(**values)
