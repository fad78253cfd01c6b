"""Choosing the best rows, and exact dense search, against brute force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.candidates import best_first
from whymiss.config import IndexConfig, RetrievalConfig
from whymiss.errors import ModelMismatchError
from whymiss.records import Clause, Document, Query
from whymiss.retrieval import DenseRetriever, SearchSpace
from whymiss.retrieval.dense import cosines
from whymiss.retrieval.space import rows_within
from whymiss.testing import HashingEncoder

WORDS = ["refund", "annual", "monthly", "plan", "phone", "support"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
# Few different values, so that there are ties, also at the cut.
levels = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0])


@given(rows=st.lists(st.tuples(levels, st.booleans()), max_size=90), depth=st.integers(-1, 95))
def test_the_best_rows_are_a_full_sort_cut_short(
    rows: list[tuple[float, bool]], depth: int
) -> None:
    scores = np.array([s for s, _ in rows])
    mask = np.array([m for _, m in rows], bool)
    full = sorted((i for i, m in enumerate(mask) if m), key=lambda i: (-scores[i], i))
    rows = rows_within(scores, mask, depth, slack=0.0)
    assert best_first(rows, scores[rows], max(depth, 0)).rows.tolist() == full[: max(depth, 0)]
    assert mask[rows].all()


@given(
    scores=st.lists(st.floats(-1, 1), min_size=1, max_size=60),
    errors=st.lists(st.floats(-0.01, 0.01), min_size=60, max_size=60),
    depth=st.integers(1, 30),
)
def test_rows_within_holds_every_row_that_an_error_could_hide(
    scores: list[float], errors: list[float], depth: int
) -> None:
    true = np.array(scores)
    rough = true + np.array(errors[: len(scores)])
    everything = np.ones(len(scores), bool)
    near = set(rows_within(rough, everything, depth, slack=0.01000001).tolist())
    best = best_first(np.arange(len(true)), true, depth)
    assert set(best.rows.tolist()) <= near


def dense(space: SearchSpace, **knobs: Any) -> DenseRetriever:
    return DenseRetriever(
        space, HashingEncoder(), retrieval=RetrievalConfig(**knobs), index=IndexConfig()
    )


def ask(text: str, **fields: Any) -> Query:
    return Query(query_id=text, text=text, **fields)


def documents(texts: list[str]) -> list[Document]:
    return [Document(doc_id=f"d{i:02d}", text=t, allowed=["*"]) for i, t in enumerate(texts)]


@given(corpus=st.lists(texts, min_size=1, max_size=20), question=texts, depth=st.integers(1, 25))
def test_exact_dense_search_is_brute_force(
    space_of: Callable[..., SearchSpace], corpus: list[str], question: str, depth: int
) -> None:
    encoder = HashingEncoder()
    asked = encoder.encode_queries([question])[0].astype(float)
    cosine = [float(np.dot(v.astype(float), asked)) for v in encoder.encode_documents(corpus)]
    expected = sorted(range(len(corpus)), key=lambda i: (-round(cosine[i], 6), i))[:depth]
    (ranking,) = dense(space_of(documents(corpus))).search([ask(question)], depth=depth)
    assert [hit.doc_id for hit in ranking.hits] == [f"d{i:02d}" for i in expected]
    assert [hit.score for hit in ranking.hits] == pytest.approx(
        [cosine[i] for i in expected], abs=6e-7
    )


@given(corpus=st.lists(texts, min_size=1, max_size=20), questions=st.lists(texts, max_size=8))
def test_many_questions_at_once_are_answered_like_each_alone(
    space_of: Callable[..., SearchSpace], corpus: list[str], questions: list[str]
) -> None:
    retriever = dense(space_of(documents(corpus)))
    queries = [ask(q) for q in questions]
    assert retriever.search(queries, depth=5) == [
        retriever.search([q], depth=5)[0] for q in queries
    ]


def test_a_score_depends_on_question_and_chunk_alone() -> None:
    # A float32 matrix product gives a row other last digits beside other rows; ours must not.
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(3001, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = vectors[0]
    alone = [cosines(vectors[i : i + 1], query)[0] for i in range(300)]
    assert np.array_equal(cosines(vectors, query)[:300], alone)
    assert np.array_equal(cosines(vectors[:7], query), alone[:7])


def test_equal_texts_tie_and_stand_in_order_of_their_documents(
    space_of: Callable[..., SearchSpace],
) -> None:
    retriever = dense(space_of(documents(["annual plan"] * 40)))
    (ranking,) = retriever.search([ask("annual plan")], depth=30)
    assert [hit.doc_id for hit in ranking.hits] == [f"d{i:02d}" for i in range(30)]
    assert len({hit.score for hit in ranking.hits}) == 1


def test_candidates_below_min_score_are_dropped(space_of: Callable[..., SearchSpace]) -> None:
    space = space_of(documents(["annual plan", "annual", "phone"]))
    (all_of_them,) = dense(space).search([ask("annual plan")], depth=9)
    (good,) = dense(space, min_score=0.5).search([ask("annual plan")], depth=9)
    assert len(all_of_them.hits) == 3
    assert [hit.doc_id for hit in good.hits] == ["d00", "d01"]


def test_a_filter_applied_afterwards_may_starve(space_of: Callable[..., SearchSpace]) -> None:
    corpus = [
        Document(doc_id=f"d{i}", text="annual plan", allowed=["*"], metadata={"n": i})
        for i in range(5)
    ]
    query = ask("annual", where=(Clause(field="n", op="eq", value=4),))
    space = space_of(corpus)
    (pre,) = dense(space, k=1).search([query], depth=2)
    (post,) = dense(space, k=1, filter_mode="post").search([query], depth=2)
    assert [hit.doc_id for hit in pre.hits] == ["d4"]
    assert post.hits == ()


def test_vectors_of_another_model_are_refused(space_of: Callable[..., SearchSpace]) -> None:
    space = space_of(documents(["annual"]))
    with pytest.raises(ModelMismatchError, match=r"vectors of hashing-64.*hashing-32"):
        DenseRetriever(
            space, HashingEncoder(dimension=32), retrieval=RetrievalConfig(), index=IndexConfig()
        )


def test_no_questions_get_no_rankings(space_of: Callable[..., SearchSpace]) -> None:
    assert dense(space_of(documents(["annual"]))).search([], depth=5) == []


def test_only_the_last_masks_are_kept(space_of: Callable[..., SearchSpace]) -> None:
    space = space_of(documents(["annual"]))
    for i in range(200):
        space.visible(ask("t", principals=(f"p{i}",)))
    assert len(space._masks) <= 64
    assert not space.visible(ask("t")).flags.writeable
