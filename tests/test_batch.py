"""A batch gives what the pipeline gives, query by query, and computes nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.batch import Batch
from whymiss.pipeline import Pipeline
from whymiss.records import Answer, Chunk, Clause, Context, Document, Query

WORDS = ["refund", "annual", "monthly", "plan", "phone", "support", "FW-1042", "seat"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)
documents = st.lists(
    st.tuples(texts, st.sampled_from([("*",), ("staff",), ()]), st.sampled_from(["a", "b"])),
    min_size=1,
    max_size=12,
).map(
    lambda made: [
        Document(doc_id=f"d{i:02d}", text=text, allowed=allowed, metadata={"plan": plan})
        for i, (text, allowed, plan) in enumerate(made)
    ]
)
queries = st.lists(
    st.tuples(texts, st.sampled_from([(), ("staff",)]), st.sampled_from([None, "a"])),
    min_size=1,
    max_size=5,
).map(
    lambda made: [
        Query(
            query_id=f"q{i}",
            text=text,
            principals=names,
            where=(Clause(field="plan", op="eq", value=plan),) if plan else (),
        )
        for i, (text, names, plan) in enumerate(made)
    ]
)
knobs = st.fixed_dictionaries(
    {
        "retrieval.mode": st.sampled_from(["dense", "bm25", "hybrid"]),
        "retrieval.k": st.integers(1, 4),
        "retrieval.candidate_depth": st.integers(4, 8),
        "retrieval.fusion": st.sampled_from(["rrf", "weighted"]),
        "retrieval.dense_weight": st.sampled_from([0.0, 0.3, 0.5, 1.0]),
        "retrieval.filter_mode": st.sampled_from(["pre", "post"]),
        "retrieval.mmr_lambda": st.sampled_from([0.5, 1.0]),
        "retrieval.min_score": st.sampled_from([-1.0, 0.2]),
        "context.token_budget": st.sampled_from([5, 60, 1500]),
        "rerank.depth": st.integers(1, 6),
        "rerank.blend": st.sampled_from(["replace", "rrf", "weighted"]),
    }
)


class ByLength:
    """A reranker that prefers long chunks, and counts the pairs it is asked for."""

    model_version = "by length"

    def __init__(self) -> None:
        self.n_pairs = 0

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        self.n_pairs += len(chunks)
        return [len(chunk.text) + len(query.text) / 100 for chunk in chunks]


class Echo:
    """A generator that repeats the first passage, and counts its answers."""

    name = "echo"

    def __init__(self) -> None:
        self.n_answers = 0

    def generate(self, query: Query, context: Context) -> Answer:
        self.n_answers += 1
        return Answer(text=query.text, abstained=not context.passages, generator=self.name)


def batch_of(pipeline: Pipeline, asked: Sequence[Query]) -> Batch:
    return Batch(
        asked,
        space=pipeline.space,
        encoder=pipeline.encoder,
        vectors=lambda: pipeline.encoder.encode_queries([query.text for query in asked]),
        read_documents=pipeline.read_documents,
    )


@given(corpus=documents, asked=queries, changes=knobs, reranked=st.booleans())
def test_every_stage_is_the_pipelines(
    pipeline_of: Callable[..., Pipeline],
    corpus: list[Document],
    asked: list[Query],
    changes: dict[str, Any],
    reranked: bool,
) -> None:
    pipeline = pipeline_of(
        corpus, changes, size=4, reranker=ByLength() if reranked else None, generator=Echo()
    )
    batch = batch_of(pipeline, asked)
    stages = batch.rankings(pipeline.config, pipeline.reranker)
    contexts = batch.contexts(pipeline.config, pipeline.reranker)
    flags = batch.flags(pipeline.config, pipeline.reranker)
    assert pipeline.generator is not None
    answers = batch.answers(pipeline.config, pipeline.generator, pipeline.reranker)
    for i, query in enumerate(asked):
        trace = pipeline.run(query)
        assert [r.stage for r in trace.rankings] == list(stages)
        for ranking in trace.rankings:
            found = stages[ranking.stage][i]
            assert tuple(c.chunk_id for c in batch.chunks(found)) == ranking.chunk_ids
            assert found.scores.tolist() == [hit.score for hit in ranking.hits]
        assert contexts[i] == trace.context
        assert answers[i] == trace.answer
        assert [*flags[i], *(["abstained"] if answers[i].abstained else [])] == list(trace.flags)


CORPUS = [
    Document(doc_id=f"d{i}", text=f"{word} plan {i}", allowed=["*"]) for i, word in enumerate(WORDS)
]
ASKED = [Query(query_id=word, text=f"{word} plan") for word in WORDS[:3]]


def test_configurations_that_differ_behind_a_stage_share_it(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    pipeline = pipeline_of(CORPUS)
    batch = batch_of(pipeline, ASKED)
    base = pipeline.config
    first = batch.rankings(base)
    for changes in (
        {"retrieval.k": 2},
        {"retrieval.dense_weight": 0.9},
        {"context.order": "edges"},
    ):
        other = batch.rankings(base.replace(changes))
        assert other["dense"] is first["dense"]
        assert other["bm25"] is first["bm25"]
    assert batch.rankings(base.replace({"retrieval.k": 2}))["fuse"] is first["fuse"]
    assert batch.rankings(base.replace({"retrieval.bm25_b": 0.1}))["bm25"] is not first["bm25"]
    by_rank = batch.rankings(base.replace({"retrieval.fusion": "rrf"}))
    assert by_rank["fuse"] is not first["fuse"]


def test_no_pair_is_reranked_twice(pipeline_of: Callable[..., Pipeline]) -> None:
    reranker = ByLength()
    pipeline = pipeline_of(CORPUS, reranker=reranker)
    batch = batch_of(pipeline, ASKED)
    for weight in (0.1, 0.5, 0.9):
        batch.rankings(pipeline.config.replace({"retrieval.dense_weight": weight}), reranker)
    assert reranker.n_pairs == len(ASKED) * len(CORPUS)


def test_another_blend_is_another_order(pipeline_of: Callable[..., Pipeline]) -> None:
    reranker = ByLength()
    pipeline = pipeline_of(CORPUS, reranker=reranker)
    batch = batch_of(pipeline, ASKED)
    for blend in ("replace", "rrf", "weighted"):
        config = pipeline.config.replace({"rerank.blend": blend})
        scores = [c.scores.tolist() for c in batch.rankings(config, reranker)["rerank"]]
        alone = [replace(pipeline, config=config).retrieve(query)[-2] for query in ASKED]
        assert scores == [[hit.score for hit in ranking.hits] for ranking in alone]
    assert reranker.n_pairs == 4 * len(ASKED) * len(CORPUS)


def test_an_answer_is_written_once_however_often_it_is_asked_for(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    generator = Echo()
    pipeline = pipeline_of(CORPUS)
    batch = batch_of(pipeline, ASKED)
    assert batch.answers(pipeline.config, generator) is batch.answers(pipeline.config, generator)
    assert generator.n_answers == len(ASKED)


def test_time_is_told_by_stage_and_only_for_stages_that_ran(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    pipeline = pipeline_of(CORPUS)
    batch = batch_of(pipeline, ASKED)
    assert batch.seconds(pipeline.config) == {}
    batch.contexts(pipeline.config)
    seconds = batch.seconds(pipeline.config)
    assert list(seconds) == ["embed", "dense", "bm25", "fuse", "select", "pack"]
    assert all(spent >= 0 for spent in seconds.values())
    lexical = pipeline.config.replace({"retrieval.mode": "bm25"})
    batch.rankings(lexical)
    assert list(batch.seconds(lexical)) == ["bm25", "select"]


def test_queries_come_back_in_their_order(pipeline_of: Callable[..., Pipeline]) -> None:
    pipeline = pipeline_of(CORPUS)
    forward = batch_of(pipeline, ASKED).rankings(pipeline.config)["select"]
    backward = batch_of(pipeline, ASKED[::-1]).rankings(pipeline.config)["select"]
    assert [c.rows.tolist() for c in forward] == [c.rows.tolist() for c in backward[::-1]]
    assert [c.rows[0] for c in forward] == [0, 1, 2]


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_an_empty_index_gives_empty_candidates(
    pipeline_of: Callable[..., Pipeline], mode: str
) -> None:
    pipeline = pipeline_of([], {"retrieval.mode": mode})
    batch = batch_of(pipeline, ASKED)
    assert [len(c.rows) for c in batch.rankings(pipeline.config)["select"]] == [0, 0, 0]
    assert batch.flags(pipeline.config) == [("empty retrieval",)] * 3
