"""The parts of every ledger sum to the score, and their differences to the margin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.explain import Explanation, explain
from whymiss.explain.words import words_of
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query
from whymiss.reranking import EncodedTokens, LateInteractionReranker
from whymiss.retrieval import parse_where
from whymiss.testing import HashingEncoder, RegexTokenizer

ALIKE = 1e-5
"""Scores are rounded at 1e-6; what differs less than this differs by rounding."""
WORDS = ["annual", "plan", "plans", "the", "refund", "FW-1042", "café", "support_v3", "Q.", "退款"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)
documents = st.lists(
    st.builds(
        lambda text, allowed, kind: (text, allowed, kind),
        texts, st.sampled_from([("*",), ("ann",), ()]), st.sampled_from(["annual", "monthly"]),
    ),
    min_size=2, max_size=8,
)  # fmt: skip
knobs = st.fixed_dictionaries(
    {
        "retrieval.mode": st.sampled_from(["dense", "bm25", "hybrid"]),
        "retrieval.fusion": st.sampled_from(["rrf", "weighted"]),
        "retrieval.dense_weight": st.sampled_from([0.0, 0.3, 0.5, 1.0]),
        "retrieval.rank_constant": st.sampled_from([1, 60]),
        "retrieval.filter_mode": st.sampled_from(["pre", "post"]),
        "retrieval.bm25_engine": st.sampled_from(["sparse", "rank_bm25"]),
        "retrieval.bm25_k1": st.sampled_from([0.0, 1.5]),
        "retrieval.bm25_b": st.sampled_from([0.0, 0.75, 1.0]),
        "retrieval.mmr_lambda": st.sampled_from([0.6, 1.0]),
        "retrieval.k": st.just(1),
        "retrieval.candidate_depth": st.sampled_from([1, 3, 50]),
        "rerank.blend": st.sampled_from(["replace", "rrf", "weighted"]),
        "rerank.depth": st.sampled_from([1, 2, 50]),
    }
)


def check_sums(found: Explanation) -> None:
    """Every exact ledger and every contrast, by its parts and by the frame."""
    frame = found.frame
    for contrast in found.contrasts:
        for ledger in (contrast.chunk, contrast.against):
            total = math.fsum(part.value for part in ledger.parts)
            assert total + ledger.residual == pytest.approx(ledger.score, abs=1e-9)
            if ledger.exact:
                assert abs(ledger.score - total) < ALIKE, (ledger.stage, ledger.view)
        differences = math.fsum(row.difference for row in contrast.rows)
        assert contrast.margin == pytest.approx(contrast.chunk.score - contrast.against.score)
        if contrast.exact:
            assert abs(contrast.margin - differences) < ALIKE
        rows = frame[(frame["stage"] == contrast.stage) & (frame["view"] == contrast.view)]
        assert rows["difference"].sum() == pytest.approx(contrast.margin, abs=1e-9)
        assert rows["chunk"].sum() == pytest.approx(contrast.chunk.score, abs=1e-9)
        assert rows["against"].sum() == pytest.approx(contrast.against.score, abs=1e-9)


@settings(max_examples=120)
@given(documents, texts, knobs, st.sampled_from(["", "maxsim", "other"]), st.data())
def test_parts_sum_to_the_score_and_differences_to_the_margin(
    pipe: Callable[..., Pipeline],
    given_documents: list[tuple[str, tuple[str, ...], str]],
    question: str,
    knobs: dict[str, Any],
    reranker: str,
    data: st.DataObject,
) -> None:
    made = [
        Document(doc_id=f"d{i}", text=text, allowed=allowed, metadata={"plan_type": kind})
        for i, (text, allowed, kind) in enumerate(given_documents)
    ]
    prefix = data.draw(st.sampled_from(["", "Plans > FW-1042\n\n"]))
    pipeline = pipe(made, knobs, prefix=prefix, reranker=reranker)
    chunks = pipeline.space.snapshot.chunks
    one, other = data.draw(st.permutations(range(len(chunks))))[:2]
    where = data.draw(st.sampled_from([[], ["plan_type=annual"]]))
    query = Query(
        query_id="q", text=question, where=parse_where(where),
        principals=data.draw(st.sampled_from([(), ("ann",)])),
    )  # fmt: skip

    check_sums(explain(query, chunks[one], chunks[other], pipeline=pipeline))


@settings(max_examples=40)
@given(st.lists(texts, min_size=2, max_size=5), texts, st.data())
def test_scores_and_ranks_are_those_of_the_pipeline(
    pipe: Callable[..., Pipeline], given_texts: list[str], question: str, data: st.DataObject
) -> None:
    blend = data.draw(st.sampled_from(["replace", "rrf", "weighted"]))
    depth = data.draw(st.sampled_from([1, 50]))
    pipeline = pipe(given_texts, {"rerank.blend": blend, "rerank.depth": depth}, reranker="maxsim")
    query = Query(query_id="q", text=question)
    chunks = pipeline.space.snapshot.chunks
    found = explain(query, chunks[0], chunks[1], pipeline=pipeline)

    for ranking in pipeline.retrieve(query):
        hits = {hit.chunk_id: (hit.score, hit.rank) for hit in ranking.hits}
        (pair,) = (pair for pair in found.standings if pair[0].stage == ranking.stage)
        for standing in pair:
            assert standing.retrieved == (standing.chunk_id in hits)
            if standing.retrieved:
                assert (standing.score, standing.rank) == hits[standing.chunk_id]


@settings(max_examples=40)
@given(st.lists(texts, min_size=2, max_size=6), texts)
def test_the_words_of_a_passage_are_its_own_characters(
    pipe: Callable[..., Pipeline], given_texts: list[str], question: str
) -> None:
    pipeline = pipe(given_texts, prefix="Plans > ", reranker="maxsim")
    chunks = pipeline.space.snapshot.chunks
    found = explain(Query(query_id="q", text=question), chunks[0], chunks[1], pipeline=pipeline)

    for contrast in found.contrasts:
        if contrast.view != "passage tokens":
            continue
        for chunk, ledger in ((chunks[0], contrast.chunk), (chunks[1], contrast.against)):
            placed = [part for part in ledger.parts if part.passage or part.prefix]
            assert [part.name for part in placed] == [w.name for w in words_of(chunk.indexed_text)]
            for part in placed:
                written = [chunk.text[a - chunk.start : b - chunk.start] for a, b in part.passage]
                written += [chunk.prefix[a:b] for a, b in part.prefix]
                assert written == [part.name]


def test_a_question_without_tokens_scores_every_passage_alike(
    pipe: Callable[..., Pipeline],
) -> None:
    class Blind(HashingEncoder):
        """Reads no token in any question."""

        def query_tokens(self, texts: Any) -> Any:
            return self.document_tokens(["" for _ in texts])

    encoder = Blind(tokenizer=RegexTokenizer())
    late = LateInteractionReranker(encoder, EncodedTokens(encoder))
    pipeline = replace(pipe(["annual plan", "refund"]), reranker=late)
    found = explain(Query(query_id="q", text="annual"), 1, pipeline=pipeline)

    contrast = found.contrast("reranker", "question tokens")
    assert (contrast.chunk.score, contrast.rows, contrast.residual) == (0.0, (), 0.0)
    assert "no tokens" in contrast.chunk.note
    check_sums(found)


def test_a_chunk_of_marks_alone_is_taken_apart_too(pipe: Callable[..., Pipeline]) -> None:
    pipeline = pipe(["...", "annual plan"], reranker="maxsim")
    check_sums(explain(Query(query_id="q", text="annual"), "d00:0", "d01:0", pipeline=pipeline))
