"""An index in memory is the index that building it would store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whymiss.chunking import make_chunker
from whymiss.config import PipelineConfig
from whymiss.embedding import CachedEncoder, VectorCache
from whymiss.index import (
    Snapshot,
    Store,
    build_index,
    index_in_memory,
    read_catalogue,
    read_snapshot,
)
from whymiss.index.documents import write_documents
from whymiss.records import Document, Query, Span
from whymiss.retrieval import BM25Retriever, DenseRetriever, SearchSpace
from whymiss.testing import HashingEncoder

DOCUMENTS = [
    Document(
        doc_id=name,
        title=name.upper(),
        text=f"# {name}\n\n" + "\n\n".join(f"The {name} plan {i} has {i} seats." for i in range(n)),
        allowed=["*"],
        syntax="markdown",
    )
    for name, n in (("b", 5), ("ä", 3), ("a", 9), ("Z", 1), ("\U0001f600", 2))
]
BLANK = Document(doc_id="blank", text=" \n ", allowed=["*"])


class Stored:
    """A store with documents, and its index built or tried out."""

    def __init__(self, place: Path) -> None:
        self.store = Store(place)
        cache = VectorCache(place / "vectors.sqlite")
        self.encoder = CachedEncoder(HashingEncoder(), cache)
        with self.store.writing():
            write_documents(self.store, [*DOCUMENTS, BLANK])

    def chunker(self, config: PipelineConfig, **custom: Any) -> Any:
        return make_chunker(
            config.chunking, self.encoder.tokenizer, encoder=self.encoder, custom=custom
        )

    def tried(self, config: PipelineConfig, progress: Any = None, **custom: Any) -> Snapshot:
        return index_in_memory(
            self.store,
            config,
            read_catalogue(self.store),
            chunker=self.chunker(config, **custom),
            encoder=self.encoder,
            progress=progress,
        )

    def built(self, config: PipelineConfig) -> Snapshot:
        with self.store.writing():
            build_index(
                self.store,
                config,
                read_catalogue(self.store),
                chunker=self.chunker(config),
                encoder=self.encoder,
            )
        return read_snapshot(self.store, config.index.name)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path / "store")


STRATEGIES = ["fixed", "recursive", "sentence", "heading", "semantic", "parent_child", "document"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_chunks_vectors_states_and_rankings_are_those_of_the_stored_index(
    stored: Stored, strategy: str
) -> None:
    config = PipelineConfig().replace({"chunking.strategy": strategy, "chunking.size": 12})
    tried, built = stored.tried(config), stored.built(config)
    assert len(tried) > 4
    assert tried.chunks == built.chunks
    assert np.array_equal(tried.vectors, built.vectors)
    assert tried.vectors.dtype == built.vectors.dtype
    assert dict(tried.states) == dict(built.states)
    assert "blank" not in tried.states
    assert tried.manifest.knobs == built.manifest.knobs
    assert tried.manifest.model_version == built.manifest.model_version
    catalogue = read_catalogue(stored.store)
    query = Query(query_id="q", text="how many seats has the a plan")
    for find in (dense, bm25):
        one, other = (
            find(SearchSpace(s, catalogue), stored.encoder, query) for s in (tried, built)
        )
        assert one == other
        assert one


def dense(space: SearchSpace, encoder: CachedEncoder, query: Query) -> list[Any]:
    config = PipelineConfig()
    retriever = DenseRetriever(space, encoder, retrieval=config.retrieval, index=config.index)
    return [hit for ranking in retriever.search([query], depth=9) for hit in ranking.hits]


def bm25(space: SearchSpace, _: CachedEncoder, query: Query) -> list[Any]:
    retriever = BM25Retriever(space, retrieval=PipelineConfig().retrieval)
    return [hit for ranking in retriever.search([query], depth=9) for hit in ranking.hits]


def test_nothing_is_written_but_vectors(stored: Stored) -> None:
    tables = stored.store.table_names()
    stored.tried(PipelineConfig())
    n_encoded = stored.encoder.n_encoded
    assert n_encoded > 0
    assert stored.store.table_names() == tables
    stored.tried(PipelineConfig().replace({"index.name": "another"}))
    stored.built(PipelineConfig())
    assert stored.encoder.n_encoded == n_encoded


def test_equal_indexes_have_equal_stamps_and_others_do_not(stored: Stored) -> None:
    config = PipelineConfig()
    stamp = stored.tried(config).stamp
    assert stored.tried(config).stamp == stamp
    assert stored.tried(config.replace({"chunking.size": 12})).stamp != stamp
    with stored.store.writing():
        write_documents(stored.store, [replace(DOCUMENTS[0], text="Another.", content_hash="")])
    assert stored.tried(config).stamp != stamp


def spans(parent_end: Callable[[str], int]) -> Callable[[str], list[Span]]:
    def chunk(text: str) -> list[Span]:
        middle = text.find(" ", len(text) // 2)
        if middle < 0:
            return [Span(start=0, end=len(text))]
        return [
            Span(start=0, end=middle, parent_start=0, parent_end=max(middle, parent_end(text))),
            Span(start=middle, end=len(text)),
        ]

    return chunk


def test_a_custom_chunker_that_changes_parents_alone_makes_another_index(stored: Stored) -> None:
    config = PipelineConfig().replace({"chunking.strategy": "custom:mine"})
    narrow = stored.tried(config, mine=spans(lambda _: 0))
    wide = stored.tried(config, mine=spans(len))
    assert [c.chunk_id for c in narrow.chunks] == [c.chunk_id for c in wide.chunks]
    assert narrow.stamp != wide.stamp


def test_progress_is_told_in_documents(stored: Stored) -> None:
    told: list[tuple[str, int, int]] = []
    stored.tried(PipelineConfig(), lambda *step: told.append(step))
    assert told == [("index main", 6, 6)]


def test_without_documents_the_index_is_empty(tmp_path: Path) -> None:
    store = Store(tmp_path / "empty")
    encoder = CachedEncoder(HashingEncoder(), VectorCache(tmp_path / "vectors.sqlite"))
    config = PipelineConfig()
    snapshot = index_in_memory(
        store,
        config,
        read_catalogue(store),
        chunker=make_chunker(config.chunking, encoder.tokenizer, encoder=encoder),
        encoder=encoder,
    )
    assert (len(snapshot), snapshot.vectors.shape) == (0, (0, 64))
