"""Islands come near as they are: nothing bends, nothing collides, and the mainland stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clouds import same_bits
from hypothesis import given
from hypothesis import strategies as st

from whymiss.projection.islands import _WATER, brought_near
from whymiss.projection.placing import radius

ISLANDS = st.lists(
    st.tuples(st.floats(0, 6.28), st.floats(2, 400), st.integers(1, 12)), min_size=1, max_size=5
)


def archipelago(islands: list[tuple[float, float, int]], seed: int = 0) -> tuple[Any, Any]:
    """A square of mainland around the origin, and islands; also which part each point is of."""
    rng = np.random.default_rng(seed)
    # So close that no water is between any two.
    parts = [
        0.1 * np.stack(np.meshgrid(np.arange(-7, 8), np.arange(-7, 8)), axis=-1).reshape(-1, 2)
    ]
    for angle, away, n in islands:
        middle = away * np.array([np.cos(angle), np.sin(angle)])
        parts.append(middle + rng.uniform(-0.05, 0.05, size=(n, 2)))
    return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def apart(places: Any) -> Any:
    return np.linalg.norm(places[:, None] - places[None], axis=2)


@given(ISLANDS, st.integers(0, 50))
def test_each_island_moves_as_a_whole_and_towards_the_mainland_alone(
    islands: list[tuple[float, float, int]], seed: int
) -> None:
    places, of = archipelago(islands, seed)
    found = brought_near(places)
    before, after = apart(places), apart(found)
    for number in range(1, len(islands) + 1):
        own = np.flatnonzero(of == number)
        np.testing.assert_allclose(after[own][:, own], before[own][:, own], atol=1e-9)
        way = found[own] - places[own]
        assert np.abs(way - way[0]).max() < 1e-9
    assert same_bits(found[of == 0], places[of == 0])
    middle = places[of == 0].mean(axis=0)
    # What keeps its shape comes nearer in the mean square exactly when its middle does.
    before, after = (((some - middle) ** 2).sum() for some in (places, found))
    assert after <= before * (1 + 1e-12)


@given(ISLANDS, st.integers(0, 50))
def test_water_stays_around_what_has_moved(
    islands: list[tuple[float, float, int]], seed: int
) -> None:
    places, of = archipelago(islands, seed)
    found = brought_near(places)
    water = _WATER * radius(places)
    moved = (found != places).any(axis=1)
    away = apart(found)
    # Islands that lay near to each other may have been one part.
    together = (of[:, None] == of[None]) | np.isclose(away, apart(places), atol=1e-9)
    assert (away[moved[:, None] & ~together] >= water - 1e-9).all()


def test_a_far_island_is_drawn_to_the_shore_and_a_near_one_stays() -> None:
    far, near = (0.5, 300.0, 8), (3.0, 1.0, 8)
    for one in (far, near):
        places, of = archipelago([one])
        found = brought_near(places)
        middle = places[of == 0].mean(axis=0)
        shore = np.linalg.norm(places[of == 0] - middle, axis=1).max()
        reached = np.linalg.norm(found[of == 1] - middle, axis=1).max()
        water = _WATER * radius(places)
        # The island is 0.1 wide and as long: it reaches 0.15 from its nearest to its farthest.
        assert reached <= shore + water + 0.15
        assert same_bits(found, places) == (one is near)


@pytest.mark.parametrize("along", [(1.0, 0.0), (1.0, 1.0), (1.0, -1.0)])
def test_a_long_spit_of_land_is_one_part(along: tuple[float, float]) -> None:
    spit = np.linspace(-3, 3, 41)[:, None] * along
    beyond = 30 * np.array([along])
    found = brought_near(np.concatenate([spit, beyond]))
    # Were it several, none would hold half of the points, and nothing would move.
    assert same_bits(found[:-1], spit)
    assert np.linalg.norm(found[-1]) < 10


def test_without_a_mainland_nothing_moves() -> None:
    rng = np.random.default_rng(0)
    corners = 100 * np.array([[0, 0], [1, 0], [0, 1]])
    places = np.repeat(corners, 20, axis=0) + rng.uniform(-1, 1, size=(60, 2))
    assert same_bits(brought_near(places), places)


@given(st.permutations(range(229)))
def test_another_order_of_the_points_is_another_order_of_the_places(order: list[int]) -> None:
    places, _ = archipelago([(0.3, 90, 3), (2.2, 40, 1)])
    np.testing.assert_allclose(brought_near(places[order]), brought_near(places)[order], atol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_places_that_are_one_place_stay(n: int) -> None:
    places = np.full((n, 2), 3.0)
    assert same_bits(brought_near(places), places)


def test_what_is_given_is_not_changed() -> None:
    places, _ = archipelago([(0.5, 300.0, 8)])
    given_places = places.copy()
    assert not same_bits(brought_near(places), places)
    assert same_bits(places, given_places)
