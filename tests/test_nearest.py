"""Exact neighbours: as brute force finds them, and of each row alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clouds import FEW, same_bits, spread
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss import nearest as module
from whymiss.errors import InvalidRecordError
from whymiss.nearest import members, nearest, nearest_others


def by_hand(
    vector: Any, among: Any, k: int, without: set[int] | None = None
) -> tuple[list[int], list[float]]:
    """One row's result by sorting all pairs: by cosine, then by row, padded with -1 and -inf."""
    pairs = [vector.astype(np.float64) * other.astype(np.float64) for other in among]
    cosines = [round(float(pair.sum()), 6) for pair in pairs]
    order = sorted(set(range(len(among))) - (without or set()), key=lambda i: (-cosines[i], i))[:k]
    missing = k - len(order)
    return order + [-1] * missing, [cosines[i] for i in order] + [-np.inf] * missing


@given(FEW, FEW, st.data())
def test_neighbours_are_those_of_brute_force_and_equal_ones_go_by_row(
    vectors: Any, among: Any, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(among)))
    rows, cosines = nearest(vectors, among, k)
    assert rows.shape == cosines.shape == (len(vectors), k)
    for vector, found, with_cosines in zip(vectors, rows, cosines, strict=True):
        order, values = by_hand(vector, among, k)
        assert found.tolist() == order
        assert with_cosines.tolist() == pytest.approx(values, abs=1e-12)


@given(FEW, FEW, st.data())
def test_rows_that_do_not_count_are_no_neighbours_and_too_few_leave_gaps(
    vectors: Any, among: Any, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(among)))
    out = [data.draw(st.sets(st.integers(0, len(among) - 1), max_size=len(among))) for _ in vectors]
    rows, cosines = nearest(vectors, among, k, without=[sorted(some) for some in out])
    for i, vector in enumerate(vectors):
        order, values = by_hand(vector, among, k, out[i])
        assert rows[i].tolist() == order
        assert cosines[i].tolist() == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize(("n", "k"), [(40, 1), (333, 10), (333, 60), (500, 499)])
def test_many_rows_are_searched_by_blocks_as_brute_force_would(n: int, k: int) -> None:
    vectors = spread(n, 24)
    # Equal rows on both sides of a block of sixteen, and at the end, which no block holds.
    vectors[[15, 16, n - 1]] = vectors[3]
    rows, _ = nearest(vectors, vectors, k)
    for row in (0, 3, 15, 16, n // 2, n - 1):
        assert rows[row].tolist() == by_hand(vectors[row], vectors, k)[0]


@given(FEW, st.data())
def test_no_row_is_its_own_neighbour_even_among_equal_ones(
    vectors: Any, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(vectors)))
    rows, cosines = nearest_others(vectors, k)
    for i, vector in enumerate(vectors):
        order, values = by_hand(vector, vectors, k, {i})
        assert rows[i].tolist() == order
        assert cosines[i].tolist() == pytest.approx(values, abs=1e-12)


@settings(max_examples=30)
@given(some=st.lists(st.integers(0, 299), min_size=1, max_size=60), cells=st.integers(1, 4000))
def test_a_rows_result_is_the_same_to_the_last_bit_whatever_else_is_asked(
    some: list[int], cells: int
) -> None:
    vectors = spread(300, 96)
    vectors[200:220] = vectors[:20]
    whole = nearest(vectors, vectors, 9)
    with pytest.MonkeyPatch.context() as patched:
        # Blocks of a few rows, so that their borders fall everywhere.
        patched.setattr(module, "_CELLS", cells)
        patched.setattr(module, "_PAIRS", 1 + cells % 50)
        rows, cosines = nearest(vectors[some], vectors, 9)
    assert same_bits(rows, whole[0][some])
    assert same_bits(cosines, whole[1][some])


def test_what_does_not_count_goes_with_its_row_from_block_to_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, numbers = spread(50), np.arange(50) % 7
    own = [members(numbers)[number] for number in numbers.tolist()]
    whole = nearest(vectors, vectors, 45, without=own)
    assert (whole[0] == -1).any()
    monkeypatch.setattr(module, "_CELLS", 3 * 50)
    parts = nearest(vectors, vectors, 45, without=own)
    assert same_bits(parts[0], whole[0])
    assert same_bits(parts[1], whole[1])


@pytest.mark.parametrize("k", [0, -1, 6])
def test_more_neighbours_than_there_are_vectors_or_none_is_refused(k: int) -> None:
    with pytest.raises(InvalidRecordError, match=f"k from 1 to 5; got {k}"):
        nearest(spread(2), spread(5), k)


def test_nothing_asked_is_nothing_found() -> None:
    rows, cosines = nearest(spread(5)[:0], spread(5), 2)
    assert rows.shape == cosines.shape == (0, 2)
    with pytest.raises(InvalidRecordError, match="k from 1 to 0; got 1"):
        nearest(spread(1), spread(1)[:0], 1)
