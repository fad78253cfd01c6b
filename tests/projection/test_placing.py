"""Placing among landmarks: alone, among one's own, and never between two crowds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clouds import clustered, same_bits, spread, units
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.projection import placing as module
from whymiss.projection.placing import LANDMARKS, place, radius, unit_radius

LANDMARK_VECTORS, GROUPS = clustered(4, 40, dimension=24, seed=5)
CORNERS = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10]])
PLACES = unit_radius(CORNERS[GROUPS] + 0.3 * np.random.default_rng(6).normal(size=(len(GROUPS), 2)))
MEMBERS = [np.flatnonzero(np.equal(GROUPS, group)) for group in range(4)]
CENTRES = np.stack([PLACES[rows].mean(axis=0) for rows in MEMBERS])
REACH = max(
    np.linalg.norm(PLACES[rows] - centre, axis=1).max()
    for rows, centre in zip(MEMBERS, CENTRES, strict=True)
)
"""Of the widest group, from its middle."""


def group_of(places: Any) -> list[int]:
    """The group within whose reach each place lies; -1 for what is between."""
    away = np.linalg.norm(places[:, None] - CENTRES[None], axis=2)
    return [int(row.argmin()) if row.min() <= REACH else -1 for row in away]


@settings(max_examples=30)
@given(some=st.lists(st.integers(0, 249), min_size=1, max_size=80), at_once=st.integers(1, 90))
def test_a_vectors_place_is_the_same_to_the_last_bit_in_any_company(
    some: list[int], at_once: int
) -> None:
    vectors = spread(250, 24, seed=8)
    whole = place(vectors, LANDMARK_VECTORS, PLACES)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_AT_ONCE", at_once)
        assert same_bits(place(vectors[some], LANDMARK_VECTORS, PLACES), whole[some])


def test_more_vectors_than_are_placed_at_once_stand_where_each_alone_does() -> None:
    vectors = spread(module._AT_ONCE + 50, 24, seed=9)
    whole = place(vectors, LANDMARK_VECTORS, PLACES)
    for row in (0, module._AT_ONCE - 1, module._AT_ONCE, len(vectors) - 1):
        alone = place(vectors[row : row + 1], LANDMARK_VECTORS, PLACES)
        assert same_bits(alone[0], whole[row])


@given(
    share=st.floats(0.02, 0.98) | st.floats(0.45, 0.55),
    one=st.integers(0, 3),
    other=st.integers(0, 3),
)
def test_a_vector_between_two_far_groups_goes_to_one_of_them_never_between(
    share: float, one: int, other: int
) -> None:
    middles = np.stack([LANDMARK_VECTORS[rows].mean(axis=0) for rows in MEMBERS])
    between = units((share * middles[one] + (1 - share) * middles[other])[None])
    (found,) = group_of(place(between, LANDMARK_VECTORS, PLACES))
    assert found in (one, other)


def test_a_copy_of_a_landmark_amid_its_group_stays_in_the_group() -> None:
    assert group_of(place(LANDMARK_VECTORS, LANDMARK_VECTORS, PLACES)) == GROUPS.tolist()


def test_a_landmark_that_was_drawn_among_strangers_does_not_draw_its_copy_there() -> None:
    places = PLACES.copy()
    places[0] = CENTRES[3]
    copy = place(LANDMARK_VECTORS[:1], LANDMARK_VECTORS, places)
    assert group_of(copy) == [0]


@settings(max_examples=40)
@given(
    shift=st.tuples(*[st.floats(-100, 100)] * 2), scale=st.floats(0.01, 100),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_moving_and_scaling_the_map_moves_and_scales_what_is_placed(
    shift: tuple[float, float], scale: float, seed: int
) -> None:
    vectors = spread(20, 24, seed)
    before = place(vectors, LANDMARK_VECTORS, PLACES)
    after = place(vectors, LANDMARK_VECTORS, scale * PLACES + shift)
    np.testing.assert_allclose((after - np.array(shift)) / scale, before, atol=1e-9)


@given(st.permutations(range(len(GROUPS))))
@settings(max_examples=15)
def test_the_order_of_the_landmarks_says_nothing(order: list[int]) -> None:
    vectors = spread(10, 24)
    np.testing.assert_allclose(
        place(vectors, LANDMARK_VECTORS[order], PLACES[order]),
        place(vectors, LANDMARK_VECTORS, PLACES), atol=1e-9,
    )  # fmt: skip


def test_landmarks_that_go_move_nothing_that_they_are_not_near_to() -> None:
    vectors, stay = LANDMARK_VECTORS[MEMBERS[0]], np.flatnonzero(GROUPS < 3)
    before = place(vectors, LANDMARK_VECTORS, PLACES)
    # The radius of those that stay is another one.
    assert not same_bits(place(vectors, LANDMARK_VECTORS[stay], PLACES[stay]), before)
    after = place(vectors, LANDMARK_VECTORS[stay], PLACES[stay], reach=radius(PLACES))
    assert same_bits(after, before)


@pytest.mark.parametrize("n", [1, 2, LANDMARKS])
def test_few_landmarks_and_landmarks_in_one_place_are_enough(n: int) -> None:
    landmarks, vectors = spread(n, 24), spread(5, 24, seed=2)
    alike = np.full((n, 2), 3.0)
    np.testing.assert_allclose(place(vectors, landmarks, alike), 3.0, rtol=1e-12)
    # Whatever they say, a place is among the landmarks.
    places = np.random.default_rng(n).normal(size=(n, 2))
    found = place(vectors, landmarks, places)
    assert (found >= places.min(axis=0) - 1e-12).all()
    assert (found <= places.max(axis=0) + 1e-12).all()


def test_nothing_is_placed_nowhere() -> None:
    assert place(spread(3)[:0], spread(3), np.zeros((3, 2))).shape == (0, 2)


def test_a_map_of_unit_radius_is_centred_and_keeps_its_shape() -> None:
    rng = np.random.default_rng(0)
    places = 40 * rng.normal(size=(30, 2)) + 7
    made = unit_radius(places)
    assert radius(made) == pytest.approx(1)
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(made * radius(places) + places.mean(axis=0), places, atol=1e-9)
    assert unit_radius(np.full((3, 2), 5.0)).tolist() == [[0.0, 0.0]] * 3
    assert unit_radius(np.empty((0, 2))).shape == (0, 2)
