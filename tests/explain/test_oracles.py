"""Parts and effects against independent computations: rank-bm25, brute force, real deletion."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.explain import Explanation, Part, explain
from whymiss.explain.removal import culprits
from whymiss.explain.words import without, words_of
from whymiss.pipeline import Pipeline
from whymiss.records import Chunk, Document, Query
from whymiss.retrieval import BM25Retriever
from whymiss.retrieval.bm25 import ReferenceBM25
from whymiss.retrieval.editing import edited_space
from whymiss.retrieval.terms import term_splitter
from whymiss.testing import HashingEncoder

ENCODER = HashingEncoder()
WORDS = ["annual", "plan", "plans", "the", "refund", "FW-1042", "support_v3", "ten"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=10).map(" ".join)
joined = st.lists(st.sampled_from([*WORDS, "退plan"]), min_size=1, max_size=10).map(" ".join)
"""With two words in one stretch: without one of them, the other becomes a term."""
Pipe = Callable[..., Pipeline]


def explained(
    pipeline: Pipeline, question: str, chunk: Any = "d00:0", against: Any = "d01:0", **query: Any
) -> Explanation:
    asked = Query(query_id="q", text=question, **query)
    return explain(asked, chunk, against, pipeline=pipeline)


def deleted(chunk: Chunk, numbers: set[int]) -> Chunk:
    """The chunk with some of its words really gone; blanks keep its place."""
    less = without(chunk.indexed_text, words_of(chunk.indexed_text), numbers)
    return replace(chunk, prefix=less[: len(chunk.prefix)], text=less[len(chunk.prefix) :])


@settings(max_examples=60)
@given(st.lists(texts, min_size=2, max_size=6), texts, st.sampled_from([0.0, 1.5]))
def test_each_term_adds_what_rank_bm25_gives_for_it_alone(
    pipe: Pipe, given_texts: list[str], question: str, k1: float
) -> None:
    pipeline = pipe(given_texts, {"retrieval.bm25_k1": k1, "retrieval.mode": "bm25"})
    split = term_splitter("english", True)
    texts_ = [split(text) for text in given_texts]
    if not any(texts_):
        return
    reference = ReferenceBM25(texts_, k1=k1, b=0.75)
    asked = split(question)

    for row in explained(pipeline, question).contrast("bm25", "terms").rows:
        with np.errstate(invalid="ignore"):
            alone = np.nan_to_num(reference.get_scores([row.name])) * asked.count(row.name)
        assert row.chunk is not None
        assert row.against is not None
        assert [row.chunk.value, row.against.value] == pytest.approx(alone[:2].tolist(), abs=1e-9)


@settings(max_examples=30)
@given(st.lists(joined, min_size=2, max_size=5), joined, st.sampled_from(["", "Plans > ten\n"]))
def test_the_effect_of_a_word_is_what_bm25_loses_when_it_is_deleted(
    pipe: Pipe, given_texts: list[str], question: str, prefix: str
) -> None:
    pipeline = pipe(given_texts, {"retrieval.mode": "bm25"}, prefix=prefix)
    query = Query(query_id="q", text=question)

    def score(space: Any) -> float:
        retriever = BM25Retriever(space, retrieval=pipeline.config.retrieval)
        return float(retriever.scores(query, space.visible(query))[0])

    parts = explained(pipeline, question).contrast("bm25", "passage tokens").chunk.parts
    before = score(pipeline.space)
    for number, part in enumerate(parts):
        less = deleted(pipeline.space.snapshot.chunks[0], {number})
        space = edited_space(pipeline.space, drop=[0], add=[less], vectors=np.zeros((1, 64)))
        assert part.effect == pytest.approx(before - score(space), abs=2e-6)


@settings(max_examples=40)
@given(st.lists(texts, min_size=2, max_size=2), texts, st.sampled_from(["", "Plans > ten\n"]))
def test_the_effect_of_a_word_is_what_the_cosine_loses_where_words_have_no_context(
    pipe: Pipe, given_texts: list[str], question: str, prefix: str
) -> None:
    pipeline = pipe(given_texts, {"retrieval.mode": "dense"}, prefix=prefix)
    chunk = pipeline.space.snapshot.chunks[0]
    (asked,) = ENCODER.encode_queries([question])
    parts = explained(pipeline, question).contrast("dense", "passage tokens").chunk.parts
    placed = [part for part in parts if part.passage or part.prefix]

    for number, part in enumerate(placed):
        counts = ENCODER._counts(deleted(chunk, {number}).indexed_text)
        if not counts.any():
            # What is left has no direction: the encoder makes one up, the ledger does not.
            continue
        both = ENCODER.encode_documents([chunk.indexed_text, deleted(chunk, {number}).indexed_text])
        before, after = both.astype(float) @ asked.astype(float)
        if not ENCODER._counts(chunk.indexed_text).any():
            continue
        assert part.effect == pytest.approx(before - after, abs=1e-5)


@settings(max_examples=30)
@given(st.lists(texts, min_size=2, max_size=2), texts)
def test_each_token_of_the_question_adds_its_best_cosine_and_effects_fall_to_the_next(
    pipe: Pipe, given_texts: list[str], question: str
) -> None:
    pipeline = pipe(given_texts, reranker="maxsim")
    found = explained(pipeline, question)
    asked, read = ENCODER.document_tokens([question, given_texts[0]])

    def cosine(a: Any, b: Any) -> float:
        a, b = a.astype(float), b.astype(float)
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    table = [[cosine(a, b) for b in read.vectors] for a in asked.vectors]
    parts = found.contrast("reranker", "question tokens").chunk.parts
    for part, row in zip(parts, table, strict=True):
        assert part.value == pytest.approx(max(row) / len(table), abs=1e-5)

    words = words_of(given_texts[0])
    starts = read.offsets.starts.tolist()
    for word, part in zip(
        words, found.contrast("reranker", "passage tokens").chunk.parts, strict=True
    ):
        left = [t for t, start in enumerate(starts) if not word.start <= start < word.end]
        rest = np.mean([max((row[t] for t in left), default=-1.0) for row in table])
        whole = np.mean([max(row) for row in table])
        assert part.effect == pytest.approx(whole - rest, abs=1e-5)


@settings(max_examples=30)
@given(st.lists(texts, min_size=3, max_size=8, unique=True), texts, st.data())
def test_a_chunk_that_is_not_retrieved_has_the_rank_of_a_list_that_is_not_cut(
    pipe: Pipe, given_texts: list[str], question: str, data: st.DataObject
) -> None:
    knobs = {"retrieval.candidate_depth": 1, "retrieval.k": 1}
    fusion = data.draw(st.sampled_from(["rrf", "weighted"]))
    cut = pipe(given_texts, {**knobs, "retrieval.fusion": fusion})
    whole = pipe(given_texts, {"retrieval.fusion": fusion})
    found = explained(cut, question)

    for ranking in whole.retrieve(Query(query_id="q", text=question))[:-1]:
        ranks = {hit.chunk_id: (hit.rank, hit.score) for hit in ranking.hits}
        (pair,) = (pair for pair in found.standings if pair[0].stage == ranking.stage)
        for standing in pair:
            if standing.retrieved:
                continue
            rank, score = ranks.get(standing.chunk_id, (None, 0.0))
            assert standing.would_be == rank
            assert standing.note.startswith("not among the first" if rank else "shares no term")
            if ranking.stage != "fuse":
                assert standing.score == pytest.approx(score, abs=2e-6)


def test_statistics_are_those_of_what_the_asker_sees(pipe: Pipe) -> None:
    documents = [
        Document(doc_id="a", text="annual plan", allowed=["*"]),
        Document(doc_id="b", text="annual refund", allowed=["*"]),
        Document(doc_id="c", text="annual annual plan plan ten", allowed=["ann"]),
    ]
    pipeline = pipe(documents, {"retrieval.mode": "bm25"})

    def numbers(*principals: str) -> Any:
        found = explained(pipeline, "plan", "a:0", "b:0", principals=principals)
        part = found.contrast("bm25", "terms").rows[0].chunk
        assert part is not None
        return part.numbers

    nobody, ann = numbers(), numbers("ann")
    assert (nobody["n_texts"], nobody["n_with"], nobody["mean_length"]) == (2, 1, 2.0)
    assert (ann["n_texts"], ann["n_with"], ann["mean_length"]) == (3, 2, 3.0)


def test_a_leaving_out_is_the_score_that_the_reranker_gives_without_the_word(pipe: Pipe) -> None:
    pipeline = pipe(["annual plan ends", "refund"], reranker="other")
    found = explained(pipeline, "annual plan", "d00:0", "d01:0")
    contrast = found.contrast("reranker", "passage tokens")

    # 2 of 2 words over 2, and 3 words: 0.503; without "annual" 1 of 2, and 2 words: 0.252.
    assert not contrast.exact
    assert contrast.chunk.note.startswith("approximate: each word left out by itself")
    assert contrast.chunk.score == pytest.approx(1 / 2 + 0.003)
    assert [part.value for part in contrast.chunk.parts] == pytest.approx([0.251, 0.251, 0.001])
    assert contrast.chunk.residual == pytest.approx(0.503 - 0.503)
    asked = found.contrast("reranker", "question tokens").chunk
    # Of one word left in the question, all are found: 1/2 as before.
    assert [part.value for part in asked.parts] == pytest.approx([0.0, 0.0])
    assert asked.residual == pytest.approx(0.503)


def test_an_encoder_that_gives_no_tokens_is_explained_by_leaving_words_out(pipe: Pipe) -> None:
    class Closed:
        """Only vectors; no tokens."""

        model_version, dimension, max_tokens = "hashing-64", 64, 256
        tokenizer = ENCODER.tokenizer
        encode_documents = staticmethod(ENCODER.encode_documents)
        encode_queries = staticmethod(ENCODER.encode_queries)

    pipeline = replace(
        pipe(["annual plan", "refund ten"], {"retrieval.mode": "dense"}),
        encoder=Closed(),  # type: ignore[arg-type]
    )
    found = explained(pipeline, "annual refund")
    contrast = found.contrast("dense", "passage tokens")

    assert not contrast.exact
    assert "does not give the token vectors" in contrast.chunk.note
    after = ENCODER.encode_documents(["plan"]) @ ENCODER.encode_queries(["annual refund"])[0]
    assert contrast.chunk.parts[0].value == pytest.approx(contrast.chunk.score - float(after[0]))
    assert [part.name for part in found.culprits(1)] == ["annual"]


def names(parts: tuple[Part, ...]) -> list[str]:
    return [part.name for part in parts]


def test_parts_by_hand(pipe: Pipe) -> None:
    """Two texts of two words; idf = ln(1 + 1.5 / 1.5) = ln 2, and every text is of mean length.

    Norm is then k1 = 1.5: a term that stands once adds ln 2 x 2.5 / 2.5 = ln 2.
    """
    pipeline = pipe(["annual plan", "annual refund"], {"retrieval.fusion": "rrf"})
    found = explained(pipeline, "plan refund refund")
    rows = {row.name: row for row in found.contrast("bm25", "terms").rows}

    assert rows["plan"].difference == pytest.approx(math.log(2))
    assert rows["refund"].difference == pytest.approx(-2 * math.log(2))
    # Second in both lists against first in both: 2 x (1/62 - 1/61).
    assert found.contrast("fuse").margin == pytest.approx(2 / 62 - 2 / 61)
    # q = (plan + 2 refund) / sqrt 5, c = (annual + plan) / sqrt 2: plan adds 1 / sqrt 10.
    parts = {p.name: p.value for p in found.contrast("dense", "passage tokens").chunk.parts}
    assert parts == pytest.approx({"annual": 0.0, "plan": 1 / math.sqrt(10)}, abs=1e-6)
    assert found.decided_at == "dense, bm25"


def test_culprits_are_the_words_that_hold_a_passage_up_and_not_the_average_ones(pipe: Pipe) -> None:
    pipeline = pipe(["annual plan plan of ten", "annual refund"])
    found = explained(pipeline, "plan")

    assert names(found.culprits(2, stage="bm25")) == ["plan", "plan"]
    # A cosine: without one of two, plan weighs 1/2 instead of 2/sqrt 7; the rest lowers it.
    assert names(found.culprits(2, stage="dense")) == ["plan", "plan"]
    assert names(found.culprits(5, stage="bm25")) == ["plan", "plan"]
    (before, of) = (found.contrast("bm25", "passage tokens").chunk.parts[i] for i in (0, 3))
    assert before.effect is not None
    # A word of no weight makes the passage longer: without it the score rises.
    assert before.effect < 0
    # A stop word is no term, and makes nothing longer.
    assert of.effect == 0.0


class Counted:
    """A score of points for words, the square root of how often each stands there."""

    def __init__(self, text: str, **points: float) -> None:
        self.words = words_of(text)
        self._points = points

    def score(self, gone: Any) -> float:
        left = [word.name for n, word in enumerate(self.words) if n not in gone]
        return sum(points * left.count(name) ** 0.5 for name, points in self._points.items())


def test_words_that_are_written_alike_fall_together() -> None:
    removal = Counted("plan a plan b plan year", plan=3.0, year=1.1)

    # One plan of three weighs 3 (sqrt 3 - sqrt 2) = 0.95, less than the year; all three 1.73 each.
    assert culprits(removal, 3) == [0, 2, 4]
    assert culprits(removal, 4) == [0, 2, 4, 5]
    assert culprits(removal, 2)[0] == 5


def test_marks_and_words_that_hold_nothing_up_are_no_culprits() -> None:
    removal = Counted("year ! plan", year=1.0, plan=-1.0)
    removal._points["!"] = 5.0

    assert culprits(removal, 3) == [0]


def test_what_a_reranker_did_not_read_is_behind_all_it_read(pipe: Pipe) -> None:
    knobs = {"rerank.blend": "replace", "rerank.depth": 1, "retrieval.mode": "dense"}
    pipeline = pipe(["annual plan", "annual plan of ten years"], knobs, reranker="maxsim")
    contrast = explained(pipeline, "annual plan", "d00:0", "d01:0").contrast("rerank")

    assert [(row.name, row.difference > 0) for row in contrast.rows] == [
        ("reranker", True), ("dense", False),
    ]  # fmt: skip
    # A step of 1e-6 below the last that was read, whatever its own score.
    assert contrast.margin == pytest.approx(1e-6, abs=1e-9)
    assert contrast.against.residual == 0.0
    assert "behind all that was read" in contrast.against.parts[0].note
