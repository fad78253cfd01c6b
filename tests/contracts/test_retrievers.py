"""What every retriever promises, over real stores: dense exact and approximate, BM25, hybrid."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.protocols import Retriever
from whymiss.records import Clause, Document, Query, Ranking
from whymiss.retrieval import BM25Retriever, DenseRetriever
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

WORDS = ["refund", "annual", "monthly", "plan", "phone", "support", "FW-1042", "seat", "invoice"]
QUESTIONS = ["annual phone support", "FW-1042", "monthly refund refund", "seat invoice plan"]
DEPTHS = (1, 5, 50)


def corpus() -> list[Document]:
    """Ninety documents of few words, so that scores tie; some hidden, some twice the same."""
    rng = random.Random(7)
    return [
        Document(
            doc_id=f"d{i:02d}",
            text=" ".join(rng.choices(WORDS, k=2 + i % 3)),
            allowed=["*"] if i % 3 else ["staff"],
            metadata={"plan_type": "annual" if i % 2 else "monthly", "n": i},
        )
        for i in range(90)
    ]


@dataclass
class Hybrid:
    """`Pipeline.retrieve` as a retriever: what is handed on after fusion."""

    wb: Workbench
    config: PipelineConfig
    stage: str = "fuse"

    def search(self, queries: Sequence[Query], *, depth: int) -> list[Ranking]:
        """The fused ranking of each query, cut at the depth."""
        pipeline = self.wb.pipeline(self.config, answer=False)
        found = [pipeline.retrieve(query) for query in queries]
        return [next(r for r in stages if r.stage == "fuse").top(depth) for stages in found]


def make(name: str, wb: Workbench, **knobs: Any) -> Retriever:
    engines = {"bm25 sparse": "sparse", "bm25 reference": "rank_bm25"}
    config = wb.config.replace(
        {"index.ann": "ivf_hnsw_sq" if name == "dense ann" else "none",
         "retrieval.bm25_engine": engines.get(name, "sparse"),
         "retrieval.candidate_depth": 100, **knobs}
    )  # fmt: skip
    if name == "hybrid":
        return Hybrid(wb, config)
    space = wb.space(config)
    if name in engines:
        return BM25Retriever(space, retrieval=config.retrieval)
    return DenseRetriever(space, HashingEncoder(), retrieval=config.retrieval, index=config.index)


NAMES = ("dense exact", "dense ann", "bm25 sparse", "bm25 reference", "hybrid")


def stored(folder: Path, batches: Sequence[Sequence[Document]]) -> Workbench:
    wb = whymiss.open(folder, encoder=HashingEncoder())
    for batch in batches:
        wb.ingest(batch)
    return wb


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with stored(tmp_path_factory.mktemp("once"), [corpus()]) as wb:
        yield wb


@pytest.fixture(scope="module")
def other_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """The same documents, written backwards in three commits, some of them changed and put back."""
    documents = corpus()[::-1]
    changed = [Document(doc_id=d.doc_id, text="other words") for d in documents[10:20]]
    batches = [changed, documents[:50], documents[50:]]
    with stored(tmp_path_factory.mktemp("backwards"), batches) as wb:
        yield wb


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with stored(tmp_path_factory.mktemp("empty"), [[]]) as wb:
        yield wb


def ask(text: str, **fields: Any) -> Query:
    return Query(query_id=text, text=text, **fields)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_is_a_retriever_and_names_its_stage(name: str, store: Workbench) -> None:
    retriever = make(name, store)
    assert isinstance(retriever, Retriever)
    for question, ranking in zip(QUESTIONS, search(retriever, QUESTIONS), strict=True):
        assert ranking.stage == retriever.stage
        assert ranking.query_id == question


def search(
    retriever: Retriever, questions: Sequence[str], depth: int = 50, **f: Any
) -> list[Ranking]:
    return retriever.search([ask(q, **f) for q in questions], depth=depth)


def test_ranks_count_from_one_and_scores_never_rise(name: str, store: Workbench) -> None:
    for ranking in search(make(name, store), QUESTIONS):
        assert [hit.rank for hit in ranking.hits] == list(range(1, len(ranking.hits) + 1))
        keys = [(-hit.score, hit.doc_id, hit.start) for hit in ranking.hits]
        assert keys == sorted(keys)
        assert len(set(ranking.chunk_ids)) == len(ranking.hits) > 0


@pytest.mark.parametrize("depth", DEPTHS)
def test_it_gives_at_most_as_many_hits_as_asked(name: str, store: Workbench, depth: int) -> None:
    assert all(1 <= len(r.hits) <= depth for r in search(make(name, store), QUESTIONS, depth))


def test_the_first_hits_do_not_depend_on_the_depth(name: str, store: Workbench) -> None:
    retriever = make(name, store)
    deep = search(retriever, QUESTIONS, 50)
    if name == "dense ann":
        # Which of equal rows LanceDB cuts off is its own affair; their scores are not.
        for few, many in zip(search(retriever, QUESTIONS, 5), deep, strict=True):
            assert [h.score for h in few.hits] == [h.score for h in many.hits[:5]]
    else:
        assert search(retriever, QUESTIONS, 5) == [ranking.top(5) for ranking in deep]


@pytest.mark.parametrize("mode", ["pre", "post"])
@pytest.mark.parametrize("principals", [(), ("staff",)])
def test_only_chunks_that_the_asker_may_see_are_found(
    name: str, store: Workbench, principals: tuple[str, ...], mode: str
) -> None:
    where = (Clause(field="plan_type", op="eq", value="annual"),)
    allowed = {
        d.doc_id
        for d in corpus()
        if d.readable_by(principals) and d.metadata["plan_type"] == "annual"
    }
    retriever = make(name, store, **{"retrieval.filter_mode": mode})
    for ranking in search(retriever, QUESTIONS, 100, principals=principals, where=where):
        assert ranking.hits
        assert {hit.doc_id for hit in ranking.hits} <= allowed
    if name.startswith("dense"):
        (everything,) = search(retriever, QUESTIONS[:1], 100, principals=principals, where=where)
        assert {hit.doc_id for hit in everything.hits} == allowed


def test_the_same_question_gets_the_same_ranking_again(name: str, store: Workbench) -> None:
    first = search(make(name, store), QUESTIONS)
    assert search(make(name, store), QUESTIONS) == first
    assert search(make(name, store), QUESTIONS[::-1])[::-1] == first


def test_rows_in_another_physical_order_change_nothing(
    name: str, store: Workbench, other_order: Workbench
) -> None:
    # At a depth that holds all visible rows, so that approximate search cuts no tie.
    rows = [
        wb.store.open_index("main").search().to_arrow().column("doc_id").to_pylist()
        for wb in (store, other_order)
    ]
    assert rows[0] != rows[1]
    assert sorted(rows[0]) == sorted(rows[1])
    here, there = (search(make(name, wb), QUESTIONS, 100) for wb in (store, other_order))
    assert here == there


def test_many_questions_are_answered_like_one_by_one(name: str, store: Workbench) -> None:
    retriever = make(name, store)
    one_by_one = [search(retriever, [question])[0] for question in QUESTIONS]
    assert search(retriever, QUESTIONS) == one_by_one
    assert retriever.search([], depth=5) == []


def test_an_empty_index_gives_an_empty_ranking(name: str, empty: Workbench) -> None:
    assert [r.hits for r in search(make(name, empty), QUESTIONS)] == [()] * 4


@pytest.mark.parametrize("mode", ["pre", "post"])
def test_a_filter_that_nothing_fulfils_gives_an_empty_ranking(
    name: str, store: Workbench, mode: str
) -> None:
    where = (Clause(field="plan_type", op="eq", value="weekly"),)
    retriever = make(name, store, **{"retrieval.filter_mode": mode})
    assert [r.hits for r in search(retriever, QUESTIONS, where=where)] == [()] * 4


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_an_empty_retrieval_is_flagged(store: Workbench, empty: Workbench, mode: str) -> None:
    for wb, where in ((store, {"plan_type": "weekly"}), (empty, None)):
        config = wb.config.replace({"retrieval.mode": mode})
        trace = wb.ask("annual support", where=where, config=config)
        assert "empty retrieval" in trace.flags
        assert "abstained" in trace.flags
        assert trace.rankings[-1].hits == ()
    assert "empty retrieval" not in store.ask("annual support").flags


def test_parts_say_what_a_score_is_made_of(name: str, store: Workbench) -> None:
    expected = {"dense exact": {"dense"}, "dense ann": {"dense"}}.get(name, {"bm25"})
    for ranking in search(make(name, store), QUESTIONS):
        for hit in ranking.hits:
            if name == "hybrid":
                added = [v for k, v in hit.parts.items() if k.startswith("weighted:")]
                assert hit.score == pytest.approx(sum(added))
            else:
                assert hit.parts == dict.fromkeys(expected, hit.score)
