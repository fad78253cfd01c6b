"""Applying any reranker to the head of a ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import Blend, RerankConfig
from whymiss.errors import ModelError
from whymiss.records import Chunk, Hit, Query, Ranking
from whymiss.reranking import rerank

QUERY = Query(query_id="q", text="t")


@dataclass
class Scripted:
    """Gives the scores it was told, and remembers what it was asked."""

    told: Sequence[float]
    seen: tuple[str, ...] = ()
    model_version: str = "scripted"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        self.seen = tuple(chunk.chunk_id for chunk in chunks)
        return list(self.told[: len(chunks)])


def chunk(i: int) -> Chunk:
    return Chunk(
        chunk_id=f"c{i}", doc_id="d", start=i, end=i + 1, text="x", n_tokens=3, parent_start=i,
        parent_end=i + 1,
    )  # fmt: skip


def ranked(n: int) -> Ranking:
    hits = tuple(
        Hit(
            chunk_id=f"c{i}", doc_id="d", start=i, score=1 - i / 100, rank=i + 1, parts={"rrf": 1.0}
        )
        for i in range(n)
    )
    return Ranking(query_id="q", stage="fuse", hits=hits)


def run(n: int, told: Sequence[float], depth: int, blend: Blend = "replace") -> Ranking:
    chunks = {f"c{i}": chunk(i) for i in range(n)}
    config = RerankConfig(depth=depth, blend=blend)
    return rerank(QUERY, ranked(n), chunks, Scripted(told), config=config)


def test_the_head_follows_the_reranker_and_the_tail_keeps_its_order_behind() -> None:
    found = run(5, [0.1, 0.9, 0.5], depth=3)
    assert found.chunk_ids == ("c1", "c2", "c0", "c3", "c4")
    assert found.stage == "rerank"
    assert [hit.parts.get("rerank") for hit in found.hits] == [0.9, 0.5, 0.1, None, None]
    assert all(hit.parts["rrf"] == 1.0 for hit in found.hits)


@given(
    told=st.lists(st.sampled_from([-1e9, -2.5, 0.0, 0.5, 3.0]), min_size=12, max_size=12),
    n=st.integers(0, 12),
    depth=st.integers(1, 15),
)
def test_every_chunk_stays_and_scores_never_rise(told: list[float], n: int, depth: int) -> None:
    found = run(n, told, depth)
    assert sorted(found.chunk_ids) == sorted(ranked(n).chunk_ids)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    head = min(n, depth)
    assert list(found.chunk_ids[:head]) == sorted(
        ranked(n).chunk_ids[:head], key=lambda c: (-told[int(c[1:])], int(c[1:]))
    )
    assert found.chunk_ids[head:] == ranked(n).chunk_ids[head:]


def test_ranks_of_both_orders_are_added_up() -> None:
    # Before: c0 c1 c2 c3; the reranker read three: c1 c2 c0.
    found = run(4, [0.1, 0.9, 0.5], depth=3, blend="rrf")
    assert {hit.chunk_id: hit.score for hit in found.hits} == {
        "c0": pytest.approx(1 / 61 + 1 / 63),
        "c1": pytest.approx(1 / 62 + 1 / 61),
        "c2": pytest.approx(1 / 63 + 1 / 62),
        "c3": pytest.approx(1 / 64),
    }
    assert found.chunk_ids == ("c1", "c0", "c2", "c3")
    assert [hit.parts.get("rerank") for hit in found.hits] == [0.9, 0.1, 0.5, None]


def test_scores_of_both_orders_are_scaled_and_added_up() -> None:
    # Before: 1.00 0.99 0.98 0.97, so 1, 2/3, 1/3, 0; the reranker: 0.1 0.9 0.5, so 0, 1, 1/2.
    found = run(4, [0.1, 0.9, 0.5], depth=3, blend="weighted")
    assert {hit.chunk_id: hit.score for hit in found.hits} == {
        "c0": pytest.approx(1),
        "c1": pytest.approx(2 / 3 + 1),
        "c2": pytest.approx(1 / 3 + 1 / 2),
        "c3": pytest.approx(0),
    }
    assert found.chunk_ids == ("c1", "c0", "c2", "c3")


@given(
    told=st.lists(st.sampled_from([-2.5, 0.0, 0.5, 3.0]), min_size=9, max_size=9),
    n=st.integers(0, 9),
    depth=st.integers(1, 12),
    blend=st.sampled_from(["rrf", "weighted"]),
)
def test_blending_keeps_every_chunk_and_what_both_orders_agree_on(
    told: list[float], n: int, depth: int, blend: Blend
) -> None:
    found = run(n, told, depth, blend)
    assert sorted(found.chunk_ids) == sorted(ranked(n).chunk_ids)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    place = {chunk_id: i for i, chunk_id in enumerate(found.chunk_ids)}
    for i in range(n):
        for j in range(i + 1, n):
            unread = i < depth <= j
            if unread or (j < depth and told[i] >= told[j]):
                # First before, and not behind by the reranker: first still.
                assert place[f"c{i}"] < place[f"c{j}"]


def test_nothing_is_asked_of_the_reranker_when_there_is_nothing_to_read() -> None:
    reranker = Scripted([], seen=("untouched",))
    assert rerank(QUERY, ranked(0), {}, reranker, config=RerankConfig(depth=5)).hits == ()
    assert reranker.seen == ("untouched",)


@pytest.mark.parametrize("told", [[], [0.5]])
def test_a_missing_score_is_refused(told: list[float]) -> None:
    with pytest.raises(ModelError, match=f"was given 2 chunks and returned {len(told)} scores"):
        run(2, told, depth=5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ModelError, match="reranker scripted returned a score that is not finite"):
        run(2, [0.5, bad], depth=5)
