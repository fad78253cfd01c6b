"""Exact neighbours: as brute force finds them, whatever the order of rows and the blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.neighbourhood import nearest as module
from whymiss.neighbourhood.nearest import nearest, neighbours, pairs_above

# Few values, so that equal rows and equal cosines are common.
VECTORS = st.lists(st.tuples(*[st.integers(-2, 2)] * 3).filter(any), min_size=1, max_size=30).map(
    lambda rows: _units(np.array(rows, np.float32))
)


def _units(rows: Any) -> Any:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cosine(one: Any, other: Any) -> float:
    return round(float(np.dot(one.astype(float), other.astype(float))), 6)


def by_hand(query: Any, rows: Any, k: int, without: set[int]) -> list[int]:
    found = [(-cosine(row, query), i) for i, row in enumerate(rows) if i not in without]
    return [i for _, i in sorted(found)[:k]]


@given(VECTORS, VECTORS, st.integers(1, 6), st.data())
def test_the_nearest_rows_are_those_that_brute_force_finds(
    queries: Any, rows: Any, k: int, data: st.DataObject
) -> None:
    out = [data.draw(st.sets(st.integers(0, len(rows) - 1))) for _ in queries]
    found = nearest(queries, rows, k=k, without=[sorted(some) for some in out])

    assert [f.rows.tolist() for f in found] == [
        by_hand(query, rows, k, some) for query, some in zip(queries, out, strict=True)
    ]


@given(VECTORS, st.integers(1, 6), st.data())
def test_no_row_is_its_own_neighbour_nor_one_of_its_group(
    rows: Any, k: int, data: st.DataObject
) -> None:
    groups = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(rows),
                                         max_size=len(rows))))  # fmt: skip
    alone, apart = neighbours(rows, k=k), neighbours(rows, k=k, groups=groups)

    for row in range(len(rows)):
        own = set(np.flatnonzero(groups == groups[row]).tolist())
        assert alone[row].rows.tolist() == by_hand(rows[row], rows, k, {row})
        assert apart[row].rows.tolist() == by_hand(rows[row], rows, k, own)


def told(rows: Any, least: float) -> list[tuple[int, int, float]]:
    return [
        (i, j, c)
        for part in pairs_above(rows, least)
        for i, j, c in zip(*(column.tolist() for column in part), strict=True)
    ]


@given(VECTORS, st.sampled_from([-0.5, 0.0, 0.5, 0.9, 1.0]))
def test_every_pair_above_a_cosine_is_found_once(rows: Any, least: float) -> None:
    n = len(rows)
    wanted = [(i, j, c) for i in range(n) for j in range(i + 1, n)
              if (c := cosine(rows[i], rows[j])) >= least]  # fmt: skip

    assert told(rows, least) == wanted


@given(VECTORS, st.randoms())
def test_the_order_of_the_rows_changes_no_pair(rows: Any, random: Any) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    moved = {tuple(sorted((order[i], order[j]))): c for i, j, c in told(rows[order], 0.5)}

    assert moved == {(i, j): c for i, j, c in told(rows, 0.5)}


@given(VECTORS)
def test_blocks_of_one_row_give_the_same(rows: Any) -> None:
    whole = [f.rows.tolist() for f in neighbours(rows, k=3)], told(rows, 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_BYTES", 1)
        patch.setattr("whymiss.nearest._CELLS", 1)
        assert ([f.rows.tolist() for f in neighbours(rows, k=3)], told(rows, 0.5)) == whole


def test_more_copies_than_neighbours_are_all_paired() -> None:
    rows = np.tile(np.array([[1.0, 0.0]], np.float32), (40, 1))

    assert len(told(rows, 0.99)) == 40 * 39 / 2


def test_a_pair_below_the_cosine_by_less_than_rounding_is_left_out() -> None:
    rows = _units(np.array([[1.0, 0.0], [0.699995, (1 - 0.699995**2) ** 0.5]]))

    assert told(rows, 0.7) == []
    assert told(rows, 0.69999) == [(0, 1, 0.699995)]


def test_without_rows_nothing_is_near() -> None:
    none = np.empty((0, 4), np.float32)

    (found,) = nearest(np.eye(1, 4, dtype=np.float32), none, k=3)
    assert len(found.rows) == 0
    assert told(none, 0.5) == []
    assert neighbours(none, k=3, groups=np.empty(0, int)) == []
