"""Applying any reranker to the head of a ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def run(n: int, told: Sequence[float], depth: int) -> Ranking:
    chunks = {f"c{i}": chunk(i) for i in range(n)}
    return rerank(QUERY, ranked(n), chunks, Scripted(told), depth=depth)


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


def test_nothing_is_asked_of_the_reranker_when_there_is_nothing_to_read() -> None:
    reranker = Scripted([], seen=("untouched",))
    assert rerank(QUERY, ranked(0), {}, reranker, depth=5).hits == ()
    assert reranker.seen == ("untouched",)


@pytest.mark.parametrize("told", [[], [0.5]])
def test_a_missing_score_is_refused(told: list[float]) -> None:
    with pytest.raises(ModelError, match=f"was given 2 chunks and returned {len(told)} scores"):
        run(2, told, depth=5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ModelError, match="reranker scripted returned a score that is not finite"):
        run(2, [0.5, bad], depth=5)
