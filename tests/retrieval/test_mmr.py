"""Maximal marginal relevance against brute force and an example worked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.records import Hit, Ranking
from whymiss.retrieval import select_diverse

if TYPE_CHECKING:
    from whymiss.protocols import Vectors


def ranked(scores: list[float]) -> Ranking:
    hits = tuple(
        Hit(chunk_id=f"c{i}", doc_id="d", start=i, score=s, rank=i + 1, parts={"dense": s})
        for i, s in enumerate(scores)
    )
    return Ranking(query_id="q", stage="fuse", hits=hits)


def unit(rows: list[list[float]]) -> Vectors:
    array = np.array(rows, dtype=np.float32).reshape(len(rows), -1)
    array[~array.any(axis=1)] = 1.0
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def brute_force(scores: list[float], vectors: Vectors, k: int, weight: float) -> list[int]:
    spread = max(scores) - min(scores)
    relevance = [(s - min(scores)) / spread if spread else 1.0 for s in scores]
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        values = {}
        for i in range(len(scores)):
            if i not in chosen:
                nearest = max((float(vectors[i] @ vectors[j]) for j in chosen), default=0.0)
                values[i] = round(weight * relevance[i] - (1 - weight) * nearest, 6)
        chosen.append(min(values, key=lambda i: (-values[i], i)))
    return chosen


def test_a_repeat_of_the_best_gives_way_to_something_new() -> None:
    # Relevance 1, 0.9, 0 after scaling 1.0, 0.9, 0.0; c1 repeats c0, c2 is at a right angle.
    # Second pick at weight 0.5: c1: 0.45 - 0.5 = -0.05; c2: 0 - 0 = 0. So c2.
    vectors = unit([[1, 0], [1, 0], [0, 1]])
    picked = select_diverse(ranked([1.0, 0.9, 0.0]), vectors, k=2, relevance_weight=0.5)
    assert picked.chunk_ids == ("c0", "c2")
    assert [hit.score for hit in picked.hits] == [1.0, 0.0]
    assert picked.stage == "select"


def test_opposites_are_more_varied_than_strangers() -> None:
    # Equal relevance; after c0 the cosines are 0 for c1 and -1 for c2.
    vectors = unit([[1, 0], [0, 1], [-1, 0]])
    picked = select_diverse(ranked([0.5, 0.5, 0.5]), vectors, k=2, relevance_weight=0.5)
    assert picked.chunk_ids == ("c0", "c2")


@given(
    rows=st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=1, max_size=8),
    levels=st.lists(st.integers(0, 4), min_size=8, max_size=8),
    k=st.integers(1, 9),
    weight=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
)
def test_every_pick_is_the_best_of_those_left(
    rows: list[list[float]], levels: list[int], k: int, weight: float
) -> None:
    scores = sorted((level / 4 for level in levels[: len(rows)]), reverse=True)
    vectors = unit(rows)
    picked = select_diverse(ranked(scores), vectors, k=k, relevance_weight=weight)
    expected = brute_force(scores, vectors, k, weight)
    assert picked.chunk_ids == tuple(f"c{i}" for i in expected)


@given(n=st.integers(0, 8), k=st.integers(1, 10))
def test_weight_one_keeps_the_order(n: int, k: int) -> None:
    ranking = ranked([1.0 - i / 10 for i in range(n)])
    picked = select_diverse(
        ranking,
        unit([[1, 0]] * n) if n else np.empty((0, 2), np.float32),
        k=k,
        relevance_weight=1.0,
    )
    assert picked.hits == ranking.hits[:k]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_nothing_to_pick_from_gives_nothing(weight: float) -> None:
    picked = select_diverse(ranked([]), np.empty((0, 2), np.float32), k=3, relevance_weight=weight)
    assert picked.hits == ()
