"""What the plane does to neighbours, against scikit-learn and against counting by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clouds import FEW, spread
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.projection import distortion as module
from whymiss.projection.distortion import Distortion, distortion


def plane(n: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(size=(n, 2))


def cosine_distances(vectors: Any) -> Any:
    exact = vectors.astype(np.float64)
    return 1 - exact @ exact.T


def distances(places: Any) -> Any:
    return np.linalg.norm(places[:, None] - places[None], axis=2)


def nearest_first(apart: Any, row: int) -> list[int]:
    return [j for j in np.argsort(apart[row], kind="stable").tolist() if j != row]


def too_near(truth: Any, drawn: Any, k: int) -> Any:
    """For each point 1 less the scaled ranks of those that are near in `drawn` alone."""
    n = len(truth)
    values = np.empty(n)
    for i in range(n):
        true, shown = nearest_first(truth, i), nearest_first(drawn, i)
        ranks = [true.index(j) + 1 for j in shown[:k]]
        values[i] = 1 - 2 / (k * (2 * n - 3 * k - 1)) * sum(max(0, r - k) for r in ranks)
    return values


def overlap(truth: Any, drawn: Any, k: int) -> Any:
    return np.array(
        [
            len(set(nearest_first(truth, i)[:k]) & set(nearest_first(drawn, i)[:k])) / k
            for i in range(len(truth))
        ]
    )


@settings(max_examples=25)
@given(n=st.integers(3, 60), seed=st.integers(0, 1000), data=st.data())
def test_every_point_is_measured_as_counting_by_hand_does(
    n: int, seed: int, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, (n - 1) // 2))
    vectors, places = spread(n, 8, seed), plane(n, seed)
    found = distortion(vectors, places, k=k)
    truth, drawn = cosine_distances(vectors), distances(places)
    np.testing.assert_allclose(found.kept, overlap(truth, drawn, k), atol=1e-12)
    np.testing.assert_allclose(found.trustworthiness, too_near(truth, drawn, k), atol=1e-12)
    np.testing.assert_allclose(found.continuity, too_near(drawn, truth, k), atol=1e-12)
    assert found.k == k
    assert found.undefined_because == ""


@pytest.mark.parametrize("k", [1, 10, 40])
def test_the_means_are_scikit_learns(k: int) -> None:
    from sklearn.manifold import trustworthiness

    vectors, places = spread(120), plane(120)
    found = distortion(vectors, places, k=k)
    assert found.trustworthiness.mean() == pytest.approx(
        trustworthiness(vectors, places, n_neighbors=k, metric="cosine"), abs=1e-12
    )
    # Continuity is the same with the spaces exchanged.
    assert found.continuity.mean() == pytest.approx(
        trustworthiness(places, vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
                        n_neighbors=k), abs=1e-12
    )  # fmt: skip


def test_a_plane_that_shows_all_there_is_has_no_distortion() -> None:
    angles = np.sort(np.random.default_rng(0).uniform(0, 1.5, 40))
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = distortion(around.astype(np.float32), 7 * around + 3, k=5)
    for values in (found.kept, found.trustworthiness, found.continuity):
        assert values.tolist() == [1.0] * 40


def test_of_points_in_one_place_each_has_the_others_near_and_not_itself() -> None:
    angles = np.repeat(np.linspace(0, 1.5, 15), 3)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = distortion(around.astype(np.float32), around, k=2)
    for values in (found.kept, found.trustworthiness, found.continuity):
        assert values.tolist() == [1.0] * 45


def test_five_points_worked_by_hand() -> None:
    # True places on a circle's arc, and on the plane 0 and 4 have moved together, k = 1.
    # The scale is 2 / (1 * (10 - 3 - 1)): a neighbour of rank r costs (r - 1) / 3.
    angles = np.array([0, 0.1, 0.3, 0.65, 1.1])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    places = np.array([[0, 0], [5, 0], [6.5, 0], [7.6, 0], [0.1, 0]])
    found = distortion(vectors, places, k=1)
    # Nearest on the plane are 4, 2, 3, 2, 0; in truth these have the ranks 4, 2, 3, 1, 4.
    assert found.trustworthiness.tolist() == pytest.approx([0, 2 / 3, 1 / 3, 1, 0])
    # Nearest in truth are 1, 0, 1, 2, 3; on the plane these have the ranks 2, 4, 2, 1, 4.
    assert found.continuity.tolist() == pytest.approx([2 / 3, 0, 2 / 3, 1, 0])
    assert found.kept.tolist() == [0, 0, 0, 1, 0]


def test_blocks_are_only_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, places = spread(70), plane(70)
    whole = distortion(vectors, places, k=6)
    monkeypatch.setattr(module, "_CELLS", 3 * 70)
    parts = distortion(vectors, places, k=6)
    for name in ("kept", "trustworthiness", "continuity"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


@given(st.permutations(range(30)))
def test_another_order_of_the_points_is_another_order_of_the_results(order: list[int]) -> None:
    vectors, places = spread(30), plane(30)
    before, after = (
        distortion(vectors, places, k=4), distortion(vectors[order], places[order], k=4),
    )  # fmt: skip
    for name in ("kept", "trustworthiness", "continuity"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name)[order])


@pytest.mark.parametrize("n", [0, 1, 5, 20])
def test_too_few_points_are_undefined_and_the_reason_says_how_many_it_takes(n: int) -> None:
    found = distortion(spread(20)[:n], plane(20)[:n], k=10)
    assert (
        found.undefined_because
        == f"{n} points are too few for 10 neighbours; more than 20 are needed"
    )
    for values in (found.kept, found.trustworthiness, found.continuity):
        assert len(values) == n
        assert np.isnan(values).all()
    assert distortion(spread(21), plane(21), k=10).undefined_because == ""


def checked(found: Distortion, n: int) -> None:
    assert found.kept.shape == (n,)
    assert ((found.kept >= 0) & (found.kept <= 1)).all()
    assert np.isfinite(found.trustworthiness).all()
    assert (found.trustworthiness <= 1).all()
    assert (found.continuity <= 1).all()


@given(FEW.filter(lambda v: len(v) > 4), st.integers(0, 3))
def test_equal_vectors_and_equal_places_are_measured_too(vectors: Any, n_places: int) -> None:
    n = len(vectors)
    places = plane(n)[np.arange(n) % max(1, n_places)]
    checked(distortion(vectors, places, k=2), n)


def test_where_all_vectors_are_one_no_neighbour_is_false() -> None:
    one = np.repeat(spread(1), 30, axis=0)
    # All ranks tie, and a tie counts as the best of them.
    found = distortion(one, plane(30), k=3)
    assert found.kept.tolist() == found.trustworthiness.tolist() == [1.0] * 30
    checked(found, 30)
    assert (distortion(spread(30), np.zeros((30, 2)), k=3).continuity == 1).all()
