"""Where an order was decided, and which chunks are told to be where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from whymiss.explain import explain
from whymiss.explain.deciding import decided_at
from whymiss.explain.ledger import Standing
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query
from whymiss.retrieval import parse_where

QUERY = Query(query_id="q", text="annual plan")


def pairs(**ranks: tuple[int | None, int | None]) -> list[tuple[Standing, Standing]]:
    return [
        (
            Standing(stage=stage, chunk_id="a", score=None, rank=one),
            Standing(stage=stage, chunk_id="b", score=None, rank=other),
        )
        for stage, (one, other) in ranks.items()
    ]


@pytest.mark.parametrize(
    ("ranks", "where"),
    [
        ({"dense": (1, 2), "select": (1, 2)}, "dense"),
        ({"dense": (1, 2), "select": (None, None)}, "dense"),
        ({"dense": (1, 2), "bm25": (3, 9), "fuse": (1, 2)}, "dense, bm25"),
        ({"dense": (1, 2), "bm25": (9, 3), "fuse": (1, 2)}, "fuse"),
        ({"dense": (1, 2), "bm25": (None, None), "fuse": (1, 2)}, "dense"),
        ({"dense": (1, None), "bm25": (4, 2), "fuse": (3, 2), "rerank": (1, 2)}, "rerank"),
        ({"dense": (1, 2), "rerank": (2, 1), "select": (None, 1)}, "rerank"),
        # The reranker's own list orders nothing: here it is blended, and the order stays.
        ({"dense": (1, 2), "reranker": (2, 1), "rerank": (1, 2)}, "dense"),
        ({"dense": (1, 2), "rerank": (1, 2), "select": (2, 1)}, "select"),
        ({"dense": (None, None), "select": (None, None)}, ""),
    ],
)
def test_the_order_is_decided_where_it_becomes_what_it_stays(
    ranks: dict[str, tuple[int | None, int | None]], where: str
) -> None:
    assert decided_at(pairs(**ranks)) == where
    turned = {stage: (other, one) for stage, (one, other) in ranks.items()}
    assert decided_at(pairs(**turned)) == where


DOCUMENTS = [
    Document(doc_id="a", text="annual plan", allowed=["*"], metadata={"kind": "open"}),
    Document(doc_id="b", text="annual plan of ten", allowed=["ann"], metadata={"kind": "open"}),
    Document(doc_id="c", text="annual refund plan", allowed=["*"], metadata={"kind": "other"}),
    Document(doc_id="d", text="plan by mail", allowed=["*"], metadata={"kind": "open"}),
]


def test_a_hidden_chunk_is_scored_and_told_to_be_hidden(pipe: Callable[..., Pipeline]) -> None:
    pipeline = pipe(DOCUMENTS)
    query = Query(query_id="q", text="annual plan", where=parse_where(["kind=open"]))

    forbidden = explain(query, "b:0", "d:0", pipeline=pipeline)
    assert forbidden.notes == ("b:0-18: hidden: the asker may not read its document",)
    assert all(pair[0].rank is None and pair[0].would_be is None for pair in forbidden.standings)
    dense = forbidden.contrast("dense")
    # Two of four words, against one of three: 2 / sqrt(2 x 4) and 1 / sqrt(2 x 3).
    assert dense.chunk.score == pytest.approx(2 / 8**0.5, abs=1e-5)
    assert dense.margin == pytest.approx(2 / 8**0.5 - 1 / 6**0.5, abs=1e-5)
    filtered = explain(query, "c:0", "d:0", pipeline=pipeline)
    assert filtered.notes == ("c:0-18: hidden by the filter",)


def test_what_a_chunk_lacks_at_each_stage_is_told(pipe: Callable[..., Pipeline]) -> None:
    texts = ["annual plan", "annual plan ends", "annual plan ends by mail of ten days", "letter"]
    knobs = {"retrieval.candidate_depth": 2, "retrieval.k": 2, "rerank.blend": "rrf"}
    found = explain(QUERY, "d02:0", "d03:0", pipeline=pipe(texts, knobs, reranker="maxsim"))

    assert found.decided_at == ""
    assert "neither d02:0-36 nor d03:0-6 is retrieved" in repr(found)
    assert found.notes == (
        "d02:0-36: dense: not among the first 2; would be rank 3 of 4",
        "d02:0-36: bm25: not among the first 2; would be rank 3 of 3",
        "d02:0-36: fuse: not among the first 2; would be rank 3 of 4, were no list cut",
        "d02:0-36: reranker: not among the 2 chunks that it read; would be rank 3 of them and it",
        "d02:0-36: rerank: not among the 2 candidates",
        "d03:0-6: dense: not among the first 2; would be rank 4 of 4",
        "d03:0-6: bm25: shares no term with the question",
        "d03:0-6: fuse: not among the first 2; would be rank 4 of 4, were no list cut",
        "d03:0-6: reranker: not among the 2 chunks that it read; would be rank 3 of them and it",
        "d03:0-6: rerank: not among the 2 candidates",
    )
    lists = found.contrast("fuse").chunk.parts
    assert [(part.name, part.value) for part in lists] == [("dense", 0.0), ("bm25", 0.0)]
    assert lists[0].note == "not among the first 2; would be rank 3 of 4"


def test_variety_is_told_and_not_taken_apart(pipe: Callable[..., Pipeline]) -> None:
    texts = ["annual plan", "annual plan", "plan by mail"]
    found = explain(QUERY, 1, 2, pipeline=pipe(texts, {"retrieval.mmr_lambda": 0.3}))

    assert found.chunk.chunk_id == "d00:0"
    assert "retrieval.mmr_lambda 0.3" in found.notes[-1]
