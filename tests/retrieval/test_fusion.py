"""Fusion: worked by hand, against a naive oracle, and whatever the order of the rankings."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import ConfigError, MixedQueriesError
from whymiss.records import Hit, Ranking
from whymiss.retrieval import reciprocal_rank_fusion, weighted_fusion


def ranked(stage: str, ids: str, scores: list[float] | None = None, query: str = "q") -> Ranking:
    """A ranking of one-letter chunks; the letter is also the place in the document."""
    given_scores = scores or [1.0 / r for r in range(1, len(ids) + 1)]
    return Ranking(
        query_id=query,
        stage=stage,
        hits=tuple(
            Hit(chunk_id=c, doc_id="d", start=ord(c), score=s, rank=r, parts={stage: s})
            for r, (c, s) in enumerate(zip(ids, given_scores, strict=True), start=1)
        ),
    )


def scores_of(ranking: Ranking) -> dict[str, float]:
    return {hit.chunk_id: hit.score for hit in ranking.hits}


def test_rrf_gives_what_is_worked_by_hand() -> None:
    # dense: a b c; bm25: c a d; constant 60.
    # a: 1/61 + 1/62 = 0.032522475; c: 1/63 + 1/61 = 0.032266458
    # b: 1/62 = 0.016129032;        d: 1/63 = 0.015873016
    fused = reciprocal_rank_fusion([ranked("dense", "abc"), ranked("bm25", "cad")])
    assert fused.chunk_ids == ("a", "c", "b", "d")
    assert scores_of(fused) == pytest.approx(
        {"a": 0.032522475, "c": 0.032266458, "b": 0.016129032, "d": 0.015873016}, abs=1e-9
    )
    assert fused.stage == "fuse"
    assert fused.hits[0].parts == pytest.approx(
        {"dense": 1.0, "bm25": 0.5, "rrf:dense": 1 / 61, "rrf:bm25": 1 / 62}
    )


def test_weights_and_constant_change_rrf_as_worked_by_hand() -> None:
    # constant 1, weights 2 and 1: a: 2/2 = 1; b: 2/3 + 1/2 = 7/6
    fused = reciprocal_rank_fusion(
        [ranked("dense", "ab"), ranked("bm25", "b")], rank_constant=1, weights=[2, 1]
    )
    assert scores_of(fused) == pytest.approx({"b": 7 / 6, "a": 1.0})


def test_weighted_fusion_gives_what_is_worked_by_hand() -> None:
    # dense 0.9, 0.5, 0.1 scaled: 1, 0.5, 0. bm25 8, 4 scaled: 1, 0. Weights 0.25 and 0.75.
    # a: 0.25; b: 0.125 + 0.75 = 0.875; c: 0 + 0 = 0
    fused = weighted_fusion(
        [ranked("dense", "abc", [0.9, 0.5, 0.1]), ranked("bm25", "bc", [8, 4])],
        weights=[0.25, 0.75],
    )
    assert fused.chunk_ids == ("b", "a", "c")
    assert scores_of(fused) == pytest.approx({"b": 0.875, "a": 0.25, "c": 0.0})


def test_hits_that_all_tie_count_one_in_weighted_fusion() -> None:
    single = weighted_fusion([ranked("dense", "a", [0.2]), ranked("bm25", "")], weights=[0.5, 0.5])
    level = weighted_fusion([ranked("dense", "ab", [0.2, 0.2])], weights=[0.5])
    assert scores_of(single) == {"a": 0.5}
    assert scores_of(level) == {"a": 0.5, "b": 0.5}


lists_of_ids = st.lists(
    st.permutations("abcdefgh").flatmap(lambda p: st.integers(0, 8).map(lambda n: "".join(p[:n]))),
    min_size=1,
    max_size=4,
)


@given(lists=lists_of_ids, constant=st.integers(1, 100))
def test_rrf_equals_the_naive_sum(lists: list[str], constant: int) -> None:
    rankings = [ranked(f"s{i}", ids) for i, ids in enumerate(lists)]
    expected = {
        c: sum(1 / (constant + ids.index(c) + 1) for ids in lists if c in ids)
        for c in set("".join(lists))
    }
    fused = reciprocal_rank_fusion(rankings, rank_constant=constant)
    assert scores_of(fused) == pytest.approx(expected, abs=1e-11)
    assert list(fused.chunk_ids) == sorted(expected, key=lambda c: (-round(expected[c], 12), c))


@given(lists=lists_of_ids, weights=st.lists(st.floats(0, 5), min_size=4, max_size=4))
def test_fusion_does_not_depend_on_the_order_of_the_rankings(
    lists: list[str], weights: list[float]
) -> None:
    rankings = [
        (ranked(f"s{i}", ids), w) for i, (ids, w) in enumerate(zip(lists, weights, strict=False))
    ]
    for fuse in (reciprocal_rank_fusion, weighted_fusion):
        results = [
            fuse([r for r, _ in order], weights=[w for _, w in order])
            for order in permutations(rankings)
        ]
        assert all(result == results[0] for result in results)
        assert sorted(results[0].chunk_ids) == sorted(set("".join(lists)))


def test_ties_go_to_the_earlier_document_and_place() -> None:
    def hit(chunk_id: str, doc_id: str, start: int) -> Ranking:
        only = Hit(chunk_id=chunk_id, doc_id=doc_id, start=start, score=1.0, rank=1)
        return Ranking(query_id="q", stage=f"from {chunk_id}", hits=(only,))

    rankings = [hit("1", "z", 0), hit("2", "a", 9), hit("3", "a", 3)]
    for order in permutations(rankings):
        assert reciprocal_rank_fusion(order).chunk_ids == ("3", "2", "1")


def test_two_rankings_of_one_stage_both_count() -> None:
    # A question asked in two wordings: a is first in both, b in one.
    fused = reciprocal_rank_fusion([ranked("dense", "ab"), ranked("dense", "ac")])
    assert scores_of(fused) == pytest.approx({"a": 2 / 61, "b": 1 / 62, "c": 1 / 62})
    assert fused.hits[0].parts["rrf:dense"] == pytest.approx(2 / 61)


def test_a_fused_ranking_can_be_fused_again() -> None:
    inner = reciprocal_rank_fusion([ranked("dense", "ab"), ranked("bm25", "ab")])
    outer = reciprocal_rank_fusion([inner, ranked("late", "b")])
    assert scores_of(outer) == pytest.approx({"b": 1 / 62 + 1 / 61, "a": 1 / 61})


def test_an_empty_ranking_adds_nothing() -> None:
    fused = reciprocal_rank_fusion([ranked("dense", ""), ranked("bm25", "ba")])
    assert fused.chunk_ids == ("b", "a")
    assert reciprocal_rank_fusion([ranked("dense", "")]).hits == ()


@pytest.mark.parametrize("fuse", [reciprocal_rank_fusion, weighted_fusion])
def test_rankings_of_two_questions_are_refused(fuse: Any) -> None:
    rankings = [ranked("dense", "a", query="q7"), ranked("bm25", "a", query="q9")]
    with pytest.raises(MixedQueriesError, match=r"'q7' \(dense\) and 'q9' \(bm25\)"):
        fuse(rankings, weights=[1, 1])
    with pytest.raises(MixedQueriesError, match="at least one ranking"):
        fuse([], weights=[])


@pytest.mark.parametrize("fuse", [reciprocal_rank_fusion, weighted_fusion])
@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0, 1.0], [1.0, -0.1], [1.0, float("nan")]])
def test_weights_that_do_not_fit_are_refused(fuse: Any, weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="one weight of at least 0 for each of 2 rankings"):
        fuse([ranked("dense", "a"), ranked("bm25", "a")], weights=weights)


@pytest.mark.parametrize("constant", [0, -60])
def test_a_constant_below_one_is_refused(constant: int) -> None:
    with pytest.raises(ConfigError, match="rank_constant of at least 1"):
        reciprocal_rank_fusion([ranked("dense", "a")], rank_constant=constant)
