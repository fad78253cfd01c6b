"""The contract: a live search shows what the pipeline gives over the index of its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from desks import ContextEncoder, corpus

import whymiss
from whymiss import PipelineConfig, Workbench
from whymiss.evaluation.flow import flow_frame
from whymiss.frames import stages_frame, summary_frame
from whymiss.live import LiveResult
from whymiss.records import Chunk, Clause, Document, Query, Trace

ASKED = (
    Query(query_id="live", text="annual invoice of a team"),
    Query(
        query_id="live",
        text="billing tax receipt",
        principals=("boss",),
        where=(Clause(field="kind", op="eq", value="a"),),
    ),
    Query(query_id="live", text="export", where=(Clause(field="plan", op="ne", value="annual"),)),
    Query(query_id="live", text="zzz"),
)
"""Plain; with a principal and a filter on documents; a filter on sections; no word of it known."""

KNOBS: dict[str, dict[str, Any]] = {
    "default": {},
    "dense": {"retrieval.mode": "dense"},
    "dense alone": {"retrieval.mode": "dense", "rerank.model": ""},
    "bm25": {"retrieval.mode": "bm25"},
    "bm25 alone": {"retrieval.mode": "bm25", "rerank.model": ""},
    "bm25 by its reference": {"retrieval.mode": "bm25", "retrieval.bm25_engine": "rank_bm25"},
    "no reranking": {"rerank.model": ""},
    "by ranks": {"retrieval.fusion": "rrf", "rerank.blend": "rrf"},
    "order replaced": {"rerank.blend": "replace"},
    "one reads few": {"rerank.depth": 3},
    "variety": {"retrieval.mmr_lambda": 0.5},
    "variety, dense": {"retrieval.mode": "dense", "retrieval.mmr_lambda": 0.5},
    "variety, bm25": {"retrieval.mode": "bm25", "retrieval.mmr_lambda": 0.5},
    "filter after the search": {"retrieval.filter_mode": "post"},
    "least score": {"retrieval.min_score": 0.35},
    "small budget": {"context.token_budget": 90, "context.order": "edges"},
    "all repeats kept": {"context.deduplicate": False, "retrieval.k": 12},
    "sentences": {"chunking.strategy": "sentence", "chunking.overlap": 8},
    "parents": {"chunking.strategy": "parent_child", "chunking.parent_size": 80},
    "no prefix": {"chunking.heading_prefix": False, "chunking.strategy": "fixed"},
}


def documents() -> list[Document]:
    """Sections with attributes, some documents for the boss alone, one twice, one empty."""
    made = []
    for n, plain in enumerate(corpus(9)):
        text = f"# Plans\n\n{plain.text[:900]}\n\n## Annual {{plan=annual}}\n\n{plain.text[900:]}"
        allowed = ("*",) if n % 3 else ("boss",)
        kind = "a" if n % 2 else "b"
        made.append(replace(plain, text=text, metadata={"kind": kind}, allowed=allowed, title="T"))
    silent = Document(doc_id="none", text="", allowed=["*"])
    return [*made, replace(made[1], doc_id="again"), silent]


def config_of(knobs: dict[str, Any]) -> PipelineConfig:
    small = {"chunking.size": 24, "retrieval.candidate_depth": 20}
    return PipelineConfig().replace({**small, **knobs})


def opened(folder: Path, config: PipelineConfig, encoder: Any) -> Workbench:
    return whymiss.open(folder, config=config, encoder=encoder)


def assert_same_trace(live: Trace, built: Trace) -> None:
    """Stage by stage: chunks, ranks, scores to 1e-6 and their parts; and the same context."""
    assert [ranking.stage for ranking in live.rankings] == [r.stage for r in built.rankings]
    for one, other in zip(live.rankings, built.rankings, strict=True):
        assert one.chunk_ids == other.chunk_ids, one.stage
        for hit, twin in zip(one.hits, other.hits, strict=True):
            assert hit.score == pytest.approx(twin.score, abs=1.1e-6)
            assert dict(hit.parts) == pytest.approx(dict(twin.parts), abs=1.1e-6)
    assert live.context == built.context
    assert live.flags == built.flags
    for name in ("query_hash", "query_text", "principals", "where", "config_fingerprint"):
        assert getattr(live, name) == getattr(built, name)
    assert live.model_version == built.model_version
    assert (live.answer, live.index_name) == (None, "live")


@pytest.mark.parametrize("knobs", KNOBS.values(), ids=KNOBS.keys())
@pytest.mark.parametrize("n_cached", [0, 1], ids=["nothing embedded", "index built before"])
def test_the_last_trace_is_that_of_the_built_index(
    tmp_path: Path, knobs: dict[str, Any], n_cached: int
) -> None:
    config = config_of(knobs)
    first = config if n_cached else config.replace({"index.name": "other", "chunking.size": 40})
    with opened(tmp_path / "store", config, ContextEncoder()) as workbench:
        workbench.ingest(documents(), config=first)
        assert workbench.live.prepare(config) == ""
        found = [list(workbench.live.search(query, config)) for query in ASKED]
        workbench.build(config)
        for query, results in zip(ASKED, found, strict=True):
            assert_same_trace(results[-1].trace, workbench.run(query, answer=False))
            # Settled here with everything that could change it embedded, or at a stated risk.
            exact = next(result for result in results if result.kind == "exact")
            if exact.risk.value == 0:
                assert exact.ranking.chunk_ids == results[-1].ranking.chunk_ids
                assert exact.trace.context == results[-1].trace.context


@pytest.mark.model
def test_with_the_packaged_model_the_last_trace_is_that_of_the_built_index(tmp_path: Path) -> None:
    texts = {
        "plans": "# Plans\n\n## Annual\n\nAnnual plans renew in March. Phone support is included."
        "\n\n## Monthly\n\nMonthly plans renew on the first. Support is by mail.",
        "refunds": "# Refunds\n\nMoney is paid back within ten days, less what was used of the "
        "plan.",
        "codes": "# Error codes\n\nFW-4009: the seat limit is reached.\n\nFW-1042: the key "
        "expired.",
    }
    made = [Document(doc_id=name, text=text, allowed=["*"]) for name, text in texts.items()]
    config = PipelineConfig().replace({"chunking.size": 16, "retrieval.k": 3})
    with opened(tmp_path / "store", config, None) as workbench:
        workbench.ingest(made, config=config.replace({"chunking.size": 64, "index.name": "other"}))
        assert workbench.live.prepare(config) == ""
        for text in ("Do annual plans include phone support?", "What does FW-4009 mean?"):
            results = list(workbench.live.search(text, config))
            assert [result.kind for result in results][-2:] == ["exact", "filled"]
            workbench.build(config)
            query = Query(query_id="live", text=text)
            assert_same_trace(results[-1].trace, workbench.run(query, answer=False))


@pytest.fixture
def workbench(tmp_path: Path) -> Any:
    with opened(tmp_path / "store", config_of({}), ContextEncoder()) as made:
        made.ingest(documents(), config=config_of({"index.name": "other", "chunking.size": 40}))
        assert made.live.prepare(made.config) == ""
        yield made


@pytest.fixture
def results(workbench: Workbench) -> list[LiveResult]:
    return list(workbench.live.search(ASKED[0], workbench.config))


def test_every_result_has_a_trace_of_every_stage_and_its_context(
    results: list[LiveResult],
) -> None:
    assert {result.kind for result in results} == {"preview", "exact", "filled"}
    for result in results:
        trace = result.trace
        stages = [ranking.stage for ranking in trace.rankings]
        assert stages == ["dense", "bm25", "fuse", "rerank", "select"]
        assert result.ranking == trace.rankings[-1]
        assert result.ranking.chunk_ids == tuple(chunk.chunk_id for chunk in result.chunks)
        assert trace.context is not None
        told = {*trace.context.chunk_ids, *dict(trace.context.dropped)}
        assert told == set(result.ranking.chunk_ids)
        assert result.fingerprint == trace.config_fingerprint == result.config.fingerprint()
        assert (result.query.text, trace.query_text) == (ASKED[0].text, ASKED[0].text)


def test_scores_of_one_trace_are_all_of_one_kind(results: list[LiveResult]) -> None:
    """Dense scores are cosines with the vectors of the result's own space, and nothing else."""
    encoder = ContextEncoder()
    (asked,) = encoder.encode_queries([ASKED[0].text])
    for result in results:
        snapshot = result.space.snapshot
        for hit in result.trace.rankings[0].hits:
            vector = snapshot.vectors[snapshot.row_of[hit.chunk_id]]
            assert hit.score == pytest.approx(float(vector @ asked), abs=2e-6)
            text = snapshot.chunks[snapshot.row_of[hit.chunk_id]].indexed_text
            if result.kind != "preview":
                assert vector == pytest.approx(encoder.encode_documents([text])[0], abs=1e-6)


def test_frames_are_made_of_every_result(workbench: Workbench, results: list[LiveResult]) -> None:
    every = workbench.live.chunks(workbench.config)
    for result in results:
        flow = flow_frame(result.trace, result.space.snapshot.chunks, config=result.config)
        assert list(flow["stage"].unique()) == [r.stage for r in result.trace.rankings]
        assert len(stages_frame(result.trace)) == sum(len(r.hits) for r in result.trace.rankings)
        assert "select" in summary_frame(result.trace)["stage"].tolist()
        assert tuple(result.space.snapshot.chunks) == every


def test_the_time_of_each_stage_is_told_and_of_cutting_where_it_was_cut(
    workbench: Workbench,
) -> None:
    asked = workbench.config.replace({"chunking.size": 20})
    new = workbench.live.search(ASKED[0], asked).latest
    again = workbench.live.search(ASKED[0], asked.replace({"retrieval.k": 2})).latest
    assert new is not None
    assert again is not None
    stages = {"dense", "bm25", "fuse", "rerank", "select", "pack", "embed", "filter"}
    assert stages | {"chunk", "index"} <= set(new.trace.seconds)
    assert stages <= set(again.trace.seconds)
    assert "chunk" not in again.trace.seconds
    assert sum(new.trace.seconds.values()) <= new.seconds


# Rerankers that are slow


class Lengths:
    """A reranker of one's own: the longer the better. Counts what it reads, and may wait."""

    model_version = "lengths"

    def __init__(self) -> None:
        self.read: list[str] = []
        self.at_once = 0

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        self.read += [chunk.chunk_id for chunk in chunks]
        self.at_once = max(self.at_once, len(chunks))
        return [float(len(chunk.text)) for chunk in chunks]


@pytest.mark.parametrize("blend", ["replace", "weighted", "rrf"])
def test_a_slow_reranker_reads_no_chunk_twice_and_a_few_at_a_time(
    tmp_path: Path, blend: str
) -> None:
    reranker = Lengths()
    config = config_of({"rerank.blend": blend, "rerank.depth": 10})
    with whymiss.open(
        tmp_path / "store", config=config, encoder=ContextEncoder(), reranker=reranker
    ) as workbench:
        workbench.ingest(documents(), config=config.replace({"chunking.size": 40}))
        assert workbench.live.prepare(config) == ""
        run = workbench.live.search(ASKED[0], config)
        results = list(run)
        assert results[0].kind == "preview"
        assert results[-1].confirmed
        assert len(reranker.read) == len(set(reranker.read))
        assert reranker.at_once <= 8
        n_read = len(reranker.read)
        deeper = config.replace({"retrieval.k": 2, "rerank.depth": 12})
        list(workbench.live.search(ASKED[0], deeper))
        assert len(reranker.read) <= n_read + 8
        workbench.build(config, rebuild=True)
        built = workbench.run(ASKED[0], answer=False)
        assert_same_trace(results[-1].trace, built)


# Documents and chunks


def test_chunks_of_a_document_are_those_of_the_built_index(workbench: Workbench) -> None:
    live = workbench.live
    for knobs in ({}, {"chunking.size": 31}, {"chunking.strategy": "sentence"}):
        asked = workbench.config.replace({**knobs, "index.name": "x"})
        workbench.build(asked, rebuild=True)
        built = workbench.space(asked).snapshot.chunks
        assert live.chunks(asked) == built
        for document in live.documents():
            own = tuple(chunk for chunk in built if chunk.doc_id == document.doc_id)
            assert live.chunks_of(document.doc_id, asked) == own
            assert live.document(document.doc_id) == workbench.document(document.doc_id)


def test_one_document_is_cut_alone_and_only_once(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whymiss.live import cuts

    cut: list[str] = []
    original = cuts._cut

    def counted(document: Document, *others: Any) -> Any:
        cut.append(document.doc_id)
        return original(document, *others)

    monkeypatch.setattr(cuts, "_cut", counted)
    asked = workbench.config.replace({"chunking.size": 33})
    one = workbench.live.chunks_of("d1", asked)
    assert workbench.live.chunks_of("d1", asked) == one
    assert cut == ["d1"]
    workbench.live.search(ASKED[0], asked)
    assert sorted(cut) == sorted(document.doc_id for document in workbench.live.documents())


def test_an_unknown_document_is_named(workbench: Workbench) -> None:
    with pytest.raises(whymiss.errors.DocumentError, match="there is no document 'nowhere'"):
        workbench.live.chunks_of("nowhere", workbench.config)


def test_a_document_without_visible_text_has_no_chunks(workbench: Workbench) -> None:
    assert workbench.live.chunks_of("none", workbench.config) == ()


# What is not computed again


def test_a_knob_behind_the_search_reads_and_embeds_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whymiss.live import kept_scores, search

    read: list[str] = []
    original = kept_scores.checked_scores

    def counted(reranker: Any, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        read.extend(chunk.chunk_id for chunk in chunks)
        return original(reranker, query, chunks)

    class Once(ContextEncoder):
        asked: ClassVar[list[str]] = []

        def encode_queries(self, texts: Sequence[str]) -> Any:
            self.asked.extend(texts)
            return super().encode_queries(texts)

    class CountedBM25(search.BM25Retriever):  # type: ignore[misc,name-defined]
        n = 0

        def find(self, *args: Any, **knobs: Any) -> Any:
            CountedBM25.n += 1
            return super().find(*args, **knobs)

    monkeypatch.setattr(kept_scores, "checked_scores", counted)
    monkeypatch.setattr(search, "BM25Retriever", CountedBM25)
    config = config_of({"rerank.depth": 40})
    with opened(tmp_path / "store", config, Once()) as workbench:
        workbench.ingest(documents(), config=config.replace({"chunking.size": 40}))
        workbench.live.prepare(config)
        list(workbench.live.search(ASKED[0], config))
        n_read, n_bm25 = len(read), CountedBM25.n
        encoded = workbench.encoder().n_encoded
        for knobs in (
            {"retrieval.k": 3},
            {"context.token_budget": 100},
            {"context.order": "reverse"},
            {"rerank.depth": 4},
            {"retrieval.dense_weight": 0.8},
            {"rerank.blend": "replace"},
        ):
            workbench.live.search(ASKED[0], config.replace(knobs)).wait("filled", 20)
        assert len(read) == n_read
        assert CountedBM25.n == n_bm25
        assert workbench.encoder().n_encoded == encoded
        assert Once.asked == [ASKED[0].text]
        boss = replace(ASKED[0], principals=("boss",))
        workbench.live.search(boss, config).wait("filled", 20)
        assert CountedBM25.n == n_bm25 + 1
        assert set(read[n_read:]).isdisjoint(read[:n_read])
        assert Once.asked == [ASKED[0].text]


def test_forty_quick_searches_end_in_one_final_result(workbench: Workbench) -> None:
    heard: list[LiveResult] = []
    end = workbench.live.subscribe(heard.append)
    asked = [workbench.config.replace({"retrieval.k": 1 + n % 7}) for n in range(40)]
    runs = [workbench.live.search(ASKED[0], config) for config in asked]
    assert workbench.live.flush(30)
    end()
    finals = [result for result in heard if result.kind == "filled"]
    assert finals[-1].config == asked[-1]
    assert heard[-1] is finals[-1]
    assert all(run.superseded for run in runs[:-1] if run.latest and run.latest.kind != "filled")
    last = [n for n, result in enumerate(heard) if result.config == asked[-1]]
    assert last == list(range(last[0], len(heard))) or len(set(asked)) < 40
    assert np.isfinite(finals[-1].seconds)
