"""The flow table says what the trace says, and what each chunk is to the question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import PipelineConfig
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.flow import FLOW, ROLES, flow_frame
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.pipeline import Pipeline
from whymiss.records import Chunk, Document, Query, Ranking, Trace

CONFIG = PipelineConfig()
WORDS = "annual plan refund monthly phone invoice ledger token region seat"


def corpus() -> list[Document]:
    words = WORDS.split()
    return [
        Document(doc_id=f"d{i}", text=" ".join(words[: i + 1]), allowed=["*"])
        for i in range(len(words))
    ]


@pytest.fixture(scope="module")
def pipeline(pipeline_of: Callable[..., Pipeline], by_length: type[Any]) -> Pipeline:
    knobs = {"retrieval.mode": "hybrid", "retrieval.k": 2, "retrieval.candidate_depth": 6,
             "rerank.depth": 4, "rerank.blend": "replace"}  # fmt: skip
    return pipeline_of(corpus(), knobs, reranker=by_length())


@pytest.fixture(scope="module")
def trace(pipeline: Pipeline) -> Trace:
    return pipeline.run(Query(query_id="q", text="monthly phone refund"))


def flow_of(pipeline: Pipeline, trace: Trace, *evidence: EvidenceSpan, **given: Any) -> Any:
    chunks = pipeline.space.snapshot.chunks
    return flow_frame(trace, chunks, config=pipeline.config, evidence=evidence, **given)


def test_ranks_scores_and_sizes_are_those_of_the_trace(pipeline: Pipeline, trace: Trace) -> None:
    flow = flow_of(pipeline, trace)

    assert list(flow.columns) == list(FLOW)
    assert list(dict.fromkeys(flow["stage"])) == ["dense", "bm25", "fuse", "rerank", "select"]
    for ranking in trace.rankings:
        part = flow[(flow["stage"] == ranking.stage) & flow["rank"].notna()]
        told = list(zip(part["rank"], part["chunk_id"], part["score"], strict=True))
        assert told == [(hit.rank, hit.chunk_id, hit.score) for hit in ranking.hits]
        assert (part["n"] == len(ranking.hits)).all()


def test_every_chunk_has_a_row_in_every_stage(pipeline: Pipeline, trace: Trace) -> None:
    flow = flow_of(pipeline, trace)

    seen = {hit.chunk_id for ranking in trace.rankings for hit in ranking.hits}
    by_stage = flow.groupby("stage")["chunk_id"].agg(list)
    assert all(sorted(ids) == sorted(seen) for ids in by_stage)
    assert flow["score"].isna().equals(flow["rank"].isna())


def test_a_cut_is_what_the_next_stage_looks_at(pipeline: Pipeline, trace: Trace) -> None:
    flow = flow_of(pipeline, trace)

    first = flow.groupby("stage", sort=False)[["n", "cut"]].first()
    n_fused = len(trace.ranking("fuse").hits)  # type: ignore[union-attr]
    assert n_fused > 4
    # Both branches hand on all; the reranker reads 4; 2 are selected.
    assert first["cut"].tolist() == [6, first["n"].tolist()[1], 4, 2, 2]


def test_without_a_reranker_the_cut_is_k_and_with_variety_there_is_none(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    query = Query(query_id="q", text="monthly phone refund")
    for weight, expected in ((1.0, [2, 2]), (0.5, [10, 2])):
        knobs = {"retrieval.mode": "dense", "retrieval.k": 2, "retrieval.mmr_lambda": weight}
        pipeline = pipeline_of(corpus(), knobs)
        flow = flow_of(pipeline, pipeline.run(query))
        assert flow.groupby("stage", sort=False)["cut"].first().tolist() == expected


def test_what_is_selected_ahead_of_the_evidence_is_in_front_of_it(
    pipeline: Pipeline, trace: Trace
) -> None:
    selected = trace.ranking("select")
    assert selected is not None
    ahead, gold = selected.hits
    span = EvidenceSpan(doc_id=gold.doc_id, start=0, end=6)
    roles = flow_of(pipeline, trace, span).drop_duplicates("chunk_id").set_index("chunk_id")["role"]
    assert roles[ahead.chunk_id] == "in front"
    assert roles[gold.chunk_id] == "evidence"

    behind = EvidenceSpan(doc_id=ahead.doc_id, start=0, end=6)
    roles = (
        flow_of(pipeline, trace, behind).drop_duplicates("chunk_id").set_index("chunk_id")["role"]
    )
    assert (roles[ahead.chunk_id], roles[gold.chunk_id]) == ("evidence", "selected")
    assert set(roles) <= set(ROLES)


def test_all_that_is_selected_is_in_front_of_evidence_that_is_not(
    pipeline: Pipeline, trace: Trace
) -> None:
    selected = trace.ranking("select")
    assert selected is not None
    lost = next(
        chunk
        for chunk in pipeline.space.snapshot.chunks
        if chunk.chunk_id not in selected.chunk_ids
    )
    span = EvidenceSpan(doc_id=lost.doc_id, start=lost.start, end=lost.end)
    flow = flow_of(pipeline, trace, span)
    in_front = flow[flow["role"] == "in front"]["chunk_id"]
    assert set(in_front) == set(selected.chunk_ids)


def test_without_evidence_nothing_is_in_front_and_no_share_is_known(
    pipeline: Pipeline, trace: Trace
) -> None:
    flow = flow_of(pipeline, trace)
    assert set(flow["role"]) == {"selected", "other"}
    assert flow["share"].isna().all()


def test_evidence_that_no_stage_found_has_rows_without_a_rank(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    knobs = {"retrieval.mode": "bm25", "retrieval.k": 2, "retrieval.candidate_depth": 2}
    pipeline = pipeline_of(corpus(), knobs)
    trace = pipeline.run(Query(query_id="q", text="seat"))
    span = EvidenceSpan(doc_id="d0", start=0, end=6)
    flow = flow_of(pipeline, trace, span)
    gold = flow[flow["role"] == "evidence"]
    assert gold["stage"].tolist() == ["bm25", "select"]
    assert gold["rank"].isna().all()
    assert gold["doc_id"].tolist() == ["d0", "d0"]


@given(cut=st.integers(1, 17), start=st.integers(0, 8), length=st.integers(1, 9))
def test_shares_of_neighbouring_chunks_add_up_to_all_of_the_evidence(
    cut: int, start: int, length: int
) -> None:
    text = "annual plan refund"
    chunks = [chunk_of(text, 0, cut), chunk_of(text, cut, len(text))]
    trace = trace_of([])
    span = EvidenceSpan(doc_id="d", start=start, end=start + length)
    flow = flow_frame(trace, chunks, config=CONFIG, evidence=[span])
    held = [max(0, min(c.end, start + length) - max(c.start, start)) for c in chunks]
    told = {c.chunk_id: n / length for c, n in zip(chunks, held, strict=True) if n}
    assert dict(zip(flow["chunk_id"], flow["share"], strict=True)) == pytest.approx(told)
    assert sum(told.values()) == pytest.approx(1)


def test_a_small_chunk_counts_for_the_passage_that_is_read_with_it() -> None:
    text = "annual plan refund"
    child = replace(chunk_of(text, 0, 6), parent_start=0, parent_end=18)
    span = EvidenceSpan(doc_id="d", start=12, end=18)
    flow = flow_frame(trace_of([child]), [child], config=CONFIG, evidence=[span])
    assert flow[["role", "share", "excerpt"]].values.tolist() == [["evidence", 1.0, "annual"]]


def test_an_excerpt_shows_the_evidence_wherever_it_stands() -> None:
    text = "filler words " * 60 + "the answer is ten days" + " more filler" * 60
    at = text.index("the answer")
    chunk = replace(chunk_of(text, 0, len(text)), headings=("Terms", "Refunds"))
    span = EvidenceSpan(doc_id="d", start=at, end=at + 22)
    flow = flow_frame(trace_of([chunk]), [chunk], config=CONFIG, evidence=[span])
    assert "the answer is ten days" in flow["excerpt"].iloc[0]
    assert flow["section"].iloc[0] == "Terms > Refunds"


def test_another_configuration_is_refused(pipeline: Pipeline, trace: Trace) -> None:
    other = pipeline.config.replace({"retrieval.k": 3})
    with pytest.raises(InvalidRecordError, match="needs the configuration of the trace"):
        flow_frame(trace, pipeline.space.snapshot.chunks, config=other)


def test_a_chunk_that_is_gone_from_the_index_is_named(pipeline: Pipeline, trace: Trace) -> None:
    some = [c for c in pipeline.space.snapshot.chunks if c.doc_id != "d3"]
    with pytest.raises(InvalidRecordError, match=r"'d3:0' is not among them.*ask the question"):
        flow_frame(trace, some, config=pipeline.config)


def test_evidence_without_a_place_is_refused(pipeline: Pipeline, trace: Trace) -> None:
    quote = EvidenceSpan(doc_id="d3", quote="monthly")
    with pytest.raises(InvalidRecordError, match="a quote without a place; pin"):
        flow_of(pipeline, trace, quote)


def test_a_trace_without_rankings_gives_a_table_without_rows() -> None:
    empty = replace(trace_of([]), rankings=())
    flow = flow_frame(empty, [], config=CONFIG)
    assert list(flow.columns) == list(FLOW)
    assert not len(flow)


def chunk_of(text: str, start: int, end: int) -> Chunk:
    return Chunk(
        chunk_id=f"d:{start}", doc_id="d", start=start, end=end, text=text[start:end],
        n_tokens=end - start, parent_start=start, parent_end=end,
    )  # fmt: skip


def trace_of(chunks: Sequence[Chunk]) -> Trace:
    """A trace whose only stage selected these chunks, in their order."""
    scored = [(chunk, -float(i), {}) for i, chunk in enumerate(chunks)]
    return Trace(
        trace_id="t", asked_at="2026-01-01T00:00:00+00:00", query_hash="h", query_text=None,
        principals=(), where=(), config_fingerprint=CONFIG.fingerprint(), index_name="main",
        index_version="1.1", model_version="m", rankings=(Ranking.of("q", "select", scored),),
        context=None, answer=None, scores=(), seconds={}, flags=(),
    )  # fmt: skip
