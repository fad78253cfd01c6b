"""BM25: the sparse engine, rank-bm25 and the formula by hand give the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import RetrievalConfig
from whymiss.errors import ConfigError
from whymiss.records import Document, Query
from whymiss.retrieval import BM25Retriever, SearchSpace
from whymiss.retrieval.bm25 import inverse_document_frequency
from whymiss.retrieval.terms import STOP_WORDS, term_splitter

ENGINES = ("sparse", "rank_bm25")
WORDS = [
    "refund",
    "refunds",
    "annual",
    "plan",
    "the",
    "of",
    "FW-1042",
    "1042",
    "café",
    "support_v3",
]
texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


def retriever(space: SearchSpace, **knobs: object) -> BM25Retriever:
    return BM25Retriever(space, retrieval=RetrievalConfig(**knobs))  # type: ignore[arg-type]


def space_with(space_of: Callable[..., SearchSpace], texts: list[str]) -> SearchSpace:
    # A text without a word has no chunk in the fixture; "." is one without a term.
    return space_of(
        [Document(doc_id=f"d{i:03d}", text=t or ".", allowed=["*"]) for i, t in enumerate(texts)]
    )


def scores(space: SearchSpace, question: str, **knobs: object) -> list[float]:
    query = Query(query_id="q", text=question)
    return [float(s) for s in retriever(space, **knobs).scores(query, space.visible(query))]


def by_formula(texts: list[str], question: str, k1: float, b: float) -> list[float]:
    """Robertson and Zaragoza, term by term, with ln(1 + (N - n + 0.5) / (n + 0.5))."""
    split = term_splitter("english", True)
    bags = [split(text) for text in texts]
    mean = sum(map(len, bags)) / len(bags) if bags else 0
    result = []
    for bag in bags:
        total = 0.0
        for term in split(question):
            n = sum(term in other for other in bags)
            tf = bag.count(term)
            if tf:
                idf = math.log(1 + (len(bags) - n + 0.5) / (n + 0.5))
                total += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(bag) / mean))
        result.append(total)
    return result


@pytest.mark.parametrize("engine", ENGINES)
def test_a_small_corpus_has_the_scores_worked_by_hand(
    space_of: Callable[..., SearchSpace], engine: str
) -> None:
    # N = 3, lengths 2, 3, 1, mean 2; k1 = 1.5, b = 0.75.
    # "refund" stands in 2 of 3: idf = ln(1 + 1.5/2.5) = 0.470004
    # d0: tf 1, length 2: 0.470004 x 2.5 / (1 + 1.5)                        = 0.470004
    # d1: tf 2, length 3: 0.470004 x 2 x 2.5 / (2 + 1.5 x (0.25 + 1.125))   = 0.578466
    space = space_with(space_of, ["refund plan", "refund refund seat", "seat"])
    assert scores(space, "refund", bm25_engine=engine) == pytest.approx(
        [0.470004, 0.578466, 0.0], abs=1e-6
    )


@given(
    corpus=st.lists(texts, max_size=15),
    question=texts.filter(str.strip),
    k1=st.floats(0, 3),
    b=st.floats(0, 1),
)
def test_both_engines_follow_the_formula(
    space_of: Callable[..., SearchSpace], corpus: list[str], question: str, k1: float, b: float
) -> None:
    space = space_with(space_of, corpus)
    expected = by_formula(corpus, question, k1, b)
    for engine in ENGINES:
        found = scores(space, question, bm25_engine=engine, bm25_k1=k1, bm25_b=b)
        assert found == pytest.approx(expected, abs=1.1e-6)


@given(corpus=st.lists(texts, min_size=2, max_size=12), hidden=st.sets(st.integers(0, 11)))
def test_both_engines_agree_on_any_part_that_may_be_seen(
    space_of: Callable[..., SearchSpace], corpus: list[str], hidden: set[int]
) -> None:
    space = space_of(
        [
            Document(doc_id=f"d{i:03d}", text=t or ".", allowed=[] if i in hidden else ["*"])
            for i, t in enumerate(corpus)
        ]
    )
    seen = [t for i, t in enumerate(corpus) if i not in hidden]
    for engine in ENGINES:
        found = scores(space, "refund plan FW-1042", bm25_engine=engine)
        assert [s for i, s in enumerate(found) if i not in hidden] == pytest.approx(
            by_formula(seen, "refund plan FW-1042", 1.5, 0.75), abs=1.1e-6
        )
        assert all(found[i] == 0 for i in hidden if i < len(corpus))


@given(n=st.integers(1, 10**9), share=st.floats(0, 1))
def test_the_weight_of_a_term_is_always_positive(n: int, share: float) -> None:
    assert inverse_document_frequency(n, round(n * share)) > 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("corpus", "question", "expected"),
    [
        ([], "refund", []),
        (["refund"], "refund", ["d000"]),
        (["refund", "refund"], "refund", ["d000", "d001"]),
        (["refund plan"], "seat", []),
        (["the plan of it"], "the of it", []),
        (["", "."], "refund", []),
        (["refund"], "?!", []),
    ],
    ids=[
        "empty corpus",
        "one document",
        "term in all",
        "no match",
        "stop words",
        "no terms",
        "signs",
    ],
)
def test_corner_cases_rank_what_matches_and_nothing_else(
    space_of: Callable[..., SearchSpace],
    engine: str,
    corpus: list[str],
    question: str,
    expected: list[str],
) -> None:
    space = space_with(space_of, corpus)
    (ranking,) = retriever(space, bm25_engine=engine).search(
        [Query(query_id="q", text=question)], depth=10
    )
    assert [hit.doc_id for hit in ranking.hits] == expected
    assert all(hit.score > 0 and hit.parts == {"bm25": hit.score} for hit in ranking.hits)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_term_asked_twice_counts_twice(space_of: Callable[..., SearchSpace], engine: str) -> None:
    space = space_with(space_of, ["refund plan", "seat"])
    once, twice = (scores(space, q, bm25_engine=engine)[0] for q in ("refund", "refund refund"))
    assert twice == pytest.approx(2 * once, abs=2e-6)


@pytest.mark.parametrize("question", ["FW-1042", "fw-1042", "1042", "error FW-1042?"])
def test_an_identifier_is_found_as_a_whole_and_by_its_parts(
    space_of: Callable[..., SearchSpace], question: str
) -> None:
    space = space_with(
        space_of, ["Error FW-1042: paper jam", "Error FW-1043: no paper", "Ten days"]
    )
    (ranking,) = retriever(space).search([Query(query_id="q", text=question)], depth=10)
    assert ranking.hits[0].doc_id == "d000"
    whole = retriever(space).search([Query(query_id="q", text="FW-1042")], depth=10)[0].hits
    assert whole[0].score > 2 * whole[1].score


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Invoices for the FW-1042 error", ["invoic", "fw-1042", "fw", "1042", "error"]),
        ("support_tiers_v3.md", ["support_tiers_v3.md", "support", "tier", "v3", "md"]),
        ("a/b o'clock", ["a/b", "b", "o'clock", "o", "clock"]),
        ("Größe ΑΒΓ 数据", ["größe", "αβγ", "数据"]),
        ("the of and", []),
        ("--- ___ ...", []),
        ("", []),
    ],
)
def test_terms_are_words_identifiers_and_their_parts(text: str, terms: list[str]) -> None:
    assert term_splitter("english", True)(text) == terms


def test_stemming_and_stop_words_can_be_switched_off() -> None:
    assert term_splitter("", False)("The invoices of it") == ["the", "invoices", "of", "it"]
    assert len(STOP_WORDS) == 33


def test_an_unknown_stemmer_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"retrieval\.stemmer does not know 'klingon'.*english"):
        term_splitter("klingon", True)


def test_terms_are_counted_once_for_all_questions(space_of: Callable[..., SearchSpace]) -> None:
    space = space_with(space_of, ["refund plan", "seat"])
    assert retriever(space).terms is retriever(space, bm25_k1=0.5).terms
    assert retriever(space).terms is not retriever(space, stemmer="german").terms


def test_scores_fit_the_mask_they_were_asked_for(space_of: Callable[..., SearchSpace]) -> None:
    space = space_with(space_of, ["refund", "refund"])
    query = Query(query_id="q", text="refund")
    assert np.array_equal(
        retriever(space).scores(query, np.array([True, False])) > 0, [True, False]
    )
