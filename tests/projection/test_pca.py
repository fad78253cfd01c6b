"""Principal components: scikit-learn's, with a sign that does not depend on the day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clouds import spread
from hypothesis import given
from hypothesis import strategies as st

from whymiss.projection.pca import principal_plane


@given(n=st.integers(3, 40), dimension=st.integers(2, 12), seed=st.integers(0, 500))
def test_places_are_scikit_learns_up_to_the_sign(n: int, dimension: int, seed: int) -> None:
    from sklearn.decomposition import PCA

    vectors = spread(n, dimension, seed).astype(np.float64)
    plane = principal_plane(vectors)
    theirs = PCA(2, svd_solver="full").fit(vectors)
    mine, other = plane.place(vectors), theirs.transform(vectors)
    assert plane.explained == pytest.approx(theirs.explained_variance_ratio_.sum(), abs=1e-9)
    for axis in range(2):
        signed = other[:, axis] * np.sign((mine[:, axis] * other[:, axis]).sum() or 1)
        # An axis that explains next to nothing may point anywhere.
        if theirs.explained_variance_ratio_[axis] > 1e-6:
            np.testing.assert_allclose(mine[:, axis], signed, atol=1e-6)


@given(n=st.integers(3, 30), seed=st.integers(0, 500))
def test_the_largest_entry_of_an_axis_is_positive(n: int, seed: int) -> None:
    vectors = spread(n, 6, seed)
    for some in (vectors, -vectors, vectors[::-1]):
        axes = principal_plane(some).axes
        assert (axes[np.arange(2), np.abs(axes).argmax(axis=1)] > 0).all()
    np.testing.assert_allclose(
        np.abs(principal_plane(vectors).place(vectors)),
        np.abs(principal_plane(-vectors).place(-vectors)), atol=1e-6,
    )  # fmt: skip


def test_equal_input_gives_an_equal_picture() -> None:
    one, other = (principal_plane(spread(50)) for _ in range(2))
    assert one.axes.tobytes() == other.axes.tobytes()
    assert one.mean.tobytes() == other.mean.tobytes()


def test_a_point_that_was_not_there_stands_where_its_shares_of_the_axes_are() -> None:
    # Variance along the first axis, then along the second; the third is never looked at.
    vectors = np.array([[3, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]], np.float32)
    placed = principal_plane(vectors).place(np.array([[1, 2, 9]], np.float32))
    assert placed.tolist() == [[1.0, 2.0]]


def test_vectors_of_one_dimension_stand_on_a_line() -> None:
    plane = principal_plane(np.array([[1], [3], [5]], np.float32))
    assert plane.place(np.array([[1], [5]], np.float32)).tolist() == [[-2.0, 0.0], [2.0, 0.0]]
    assert plane.explained == 1.0


@pytest.mark.parametrize("vectors", [np.repeat(spread(1), 7, axis=0), spread(1)])
def test_vectors_that_do_not_vary_stand_in_one_place_and_explain_nothing(vectors: Any) -> None:
    plane = principal_plane(vectors)
    assert np.abs(plane.place(vectors)).max() < 1e-12
    assert np.isnan(plane.explained)
