"""The stages put together: what runs, in which order, and what the trace says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from whymiss.answering import make_generator
from whymiss.config import AnswerConfig
from whymiss.errors import GenerationError, ModelMismatchError
from whymiss.pipeline import Pipeline
from whymiss.records import Answer, Chunk, Context, Document, Query, Trace
from whymiss.stages import STAGES
from whymiss.testing import HashingEncoder

QUERY = Query(query_id="q", text="annual phone support")
CORPUS = [
    Document(doc_id="annual", text="Annual plans include phone support.", allowed=["*"]),
    Document(doc_id="monthly", text="Monthly plans include support by mail.", allowed=["*"]),
    Document(doc_id="phone", text="The phone rings.", allowed=["*"]),
    Document(doc_id="other", text="Invoices are sent on Mondays.", allowed=["*"]),
]


class Backwards:
    """A reranker that likes the worst candidate best."""

    model_version = "backwards"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        return [float(i) for i in range(len(chunks))]


class Broken:
    """A generator that fails."""

    name = "broken"

    def generate(self, query: Query, context: Context) -> Answer:
        raise GenerationError("the endpoint is down")


def extractive() -> Any:
    return make_generator(AnswerConfig(min_support=0.1), HashingEncoder())


@pytest.mark.parametrize(
    ("knobs", "reranker", "stages"),
    [
        ({"retrieval.mode": "dense"}, None, ["dense", "select"]),
        ({"retrieval.mode": "bm25"}, None, ["bm25", "select"]),
        ({}, None, ["dense", "bm25", "fuse", "select"]),
        ({}, Backwards(), ["dense", "bm25", "fuse", "rerank", "select"]),
        ({"retrieval.mode": "bm25"}, Backwards(), ["bm25", "rerank", "select"]),
        ({"retrieval.fusion": "rrf"}, None, ["dense", "bm25", "fuse", "select"]),
    ],
)
def test_the_stages_that_run_are_those_configured_in_their_one_order(
    pipeline_of: Callable[..., Pipeline], knobs: dict[str, Any], reranker: Any, stages: list[str]
) -> None:
    trace = pipeline_of(CORPUS, knobs, reranker=reranker, generator=extractive()).run(QUERY)
    assert [r.stage for r in trace.rankings] == stages
    assert list(trace.seconds) == [s for s in STAGES if s in trace.seconds]
    rest = {"filter", "pack", "answer"} | ({"embed"} if "dense" in stages else set())
    assert set(trace.seconds) == set(stages) | rest
    assert all(spent >= 0 for spent in trace.seconds.values())


def test_k_chunks_go_on_and_each_comes_from_the_stage_before(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    knobs = {"retrieval.k": 2, "rerank.blend": "replace"}
    rankings = pipeline_of(CORPUS, knobs, reranker=Backwards()).retrieve(QUERY)
    by_stage = {r.stage: r for r in rankings}
    assert by_stage["select"].chunk_ids == by_stage["rerank"].chunk_ids[:2]
    assert by_stage["rerank"].chunk_ids == by_stage["fuse"].chunk_ids[::-1]
    assert set(by_stage["fuse"].chunk_ids) == {
        c for s in ("dense", "bm25") for c in by_stage[s].chunk_ids
    }


def test_a_reranker_has_half_a_say_by_default(pipeline_of: Callable[..., Pipeline]) -> None:
    by_stage = {r.stage: r for r in pipeline_of(CORPUS, reranker=Backwards()).retrieve(QUERY)}
    fused = [hit.score for hit in by_stage["fuse"].hits]
    scaled = [(score - fused[-1]) / (fused[0] - fused[-1]) for score in fused]
    backwards = [i / (len(fused) - 1) for i in range(len(fused))]
    expected = dict(zip(by_stage["fuse"].chunk_ids, map(sum, zip(scaled, backwards, strict=True)),
                        strict=True))  # fmt: skip
    found = {hit.chunk_id: hit.score for hit in by_stage["rerank"].hits}
    assert found == pytest.approx(expected)


def test_an_even_weight_is_the_formula_of_the_paper(pipeline_of: Callable[..., Pipeline]) -> None:
    # First in both branches: 1/61 + 1/61.
    fuse = pipeline_of(CORPUS, {"retrieval.fusion": "rrf"}).retrieve(QUERY)[2]
    assert (fuse.hits[0].doc_id, fuse.hits[0].score) == ("annual", pytest.approx(2 / 61))


@pytest.mark.parametrize(("weight", "branch"), [(1.0, "dense"), (0.0, "bm25")])
@pytest.mark.parametrize("fusion", ["rrf", "weighted"])
def test_all_weight_on_one_branch_gives_its_order(
    pipeline_of: Callable[..., Pipeline], weight: float, branch: str, fusion: str
) -> None:
    knobs = {"retrieval.dense_weight": weight, "retrieval.fusion": fusion}
    rankings = {r.stage: r for r in pipeline_of(CORPUS, knobs).retrieve(QUERY)}
    first = [h.chunk_id for h in rankings["fuse"].hits if h.score > 0]
    assert first == list(rankings[branch].chunk_ids)[: len(first)]
    assert first


def run(pipeline_of: Callable[..., Pipeline], query: Query = QUERY, **knobs: Any) -> Trace:
    changes = {name.replace("__", "."): value for name, value in knobs.items()}
    return pipeline_of(CORPUS, changes, generator=extractive()).run(query)


@pytest.mark.parametrize(
    ("knobs", "flag"),
    [
        ({"trace__low_score": 1.0}, "low score"),
        ({"context__token_budget": 20}, "truncated context"),
        ({"retrieval__min_score": 1.0, "retrieval__mode": "dense"}, "empty retrieval"),
    ],
)
def test_what_an_operator_should_look_at_is_flagged(
    pipeline_of: Callable[..., Pipeline], knobs: dict[str, Any], flag: str
) -> None:
    assert flag in run(pipeline_of, **knobs).flags
    assert flag not in run(pipeline_of).flags


def test_a_chunk_of_another_text_than_the_stored_one_is_flagged_stale(
    pipeline_of: Callable[..., Pipeline], space_of: Callable[..., Any]
) -> None:
    space = space_of(CORPUS)
    newer = {**space.catalogue.states, "annual": "a newer state"}
    stale = replace(space, catalogue=replace(space.catalogue, states=newer), _derived={})
    assert "stale chunk" in pipeline_of(CORPUS, space=stale).run(QUERY).flags
    unread = replace(space, catalogue=replace(space.catalogue, states={**newer}), _derived={})
    only_other = Query(query_id="q", text="invoices mondays")
    knobs = {"retrieval.mode": "bm25"}
    assert "stale chunk" not in pipeline_of(CORPUS, knobs, space=unread).run(only_other).flags


def test_without_a_generator_there_is_no_answer_and_no_measure_of_it(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    trace = pipeline_of(CORPUS).run(QUERY)
    assert trace.answer is None
    assert trace.scores == ()
    assert "answer" not in trace.seconds
    assert trace.context is not None


def test_a_trace_names_everything_needed_to_run_it_again(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    pipeline = pipeline_of(CORPUS, {"retrieval.k": 3})
    one, other = pipeline.run(QUERY), pipeline.run(QUERY)
    assert one.trace_id != other.trace_id
    assert one.config_fingerprint == pipeline.config.fingerprint()
    assert (one.index_name, one.index_version, one.model_version) == ("main", "1.1", "hashing-64")
    assert one.rankings == other.rankings
    assert one.context == other.context


def test_variety_replaces_a_repeat(pipeline_of: Callable[..., Pipeline]) -> None:
    twins = [*CORPUS, Document(doc_id="annual copy", text=CORPUS[0].text, allowed=["*"])]
    knobs: dict[str, Any] = {"retrieval.k": 2, "retrieval.mode": "dense"}
    plain = pipeline_of(twins, knobs).retrieve(QUERY)[-1]
    varied = pipeline_of(twins, {**knobs, "retrieval.mmr_lambda": 0.5}).retrieve(QUERY)[-1]
    assert [h.doc_id for h in plain.hits] == ["annual", "annual copy"]
    assert varied.hits[0].doc_id == "annual"
    assert "annual copy" not in [h.doc_id for h in varied.hits]


def test_errors_of_a_stage_come_through_as_they_are(pipeline_of: Callable[..., Pipeline]) -> None:
    with pytest.raises(GenerationError, match="the endpoint is down"):
        pipeline_of(CORPUS, generator=Broken()).run(QUERY)
    pipeline = replace(pipeline_of(CORPUS), encoder=HashingEncoder(dimension=8))
    with pytest.raises(ModelMismatchError, match=r"hashing-64.*hashing-8"):
        pipeline.run(QUERY)
