"""Approximate search: close to exact, within what may be seen, honest about what it lacks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from ingesting import CONFIG, Library, documents

from whymiss.config import IndexConfig
from whymiss.errors import StoreError
from whymiss.index import build_ann, index_health, purge, read_snapshot, search_ann
from whymiss.index.ann import unindexed_rows
from whymiss.index.build import manifest_for
from whymiss.index.schema import chunk_rows, chunks_schema
from whymiss.records import Chunk

N_ROWS = 5_000
N_TENANTS = 50
K = 10


def units(n: int, seed: int) -> Any:
    found = np.random.default_rng(seed).normal(size=(n, 64)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def write_vectors(library: Library, first: int, vectors: Any) -> None:
    manifest = manifest_for(CONFIG, library.encoder)
    table = library.store.create_index("main", chunks_schema(64, manifest))
    chunks = [
        Chunk(
            chunk_id=f"c{i:05}",
            doc_id=f"tenant{i % N_TENANTS:02}",
            start=i,
            end=i + 1,
            text="x",
            n_tokens=3,
            parent_start=i,
            parent_end=i + 1,
        )
        for i in range(first, first + len(vectors))
    ]
    states = {chunk.doc_id: "s" for chunk in chunks}
    library.store.upsert(table, chunk_rows(chunks, states, vectors, manifest), key="chunk_id")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Five thousand random vectors of fifty tenants, with a graph index."""
    library = Library(tmp_path_factory.mktemp("large") / "store")
    write_vectors(library, 0, units(N_ROWS, seed=1))
    with library.store.writing():
        assert build_ann(library.store, IndexConfig(ann="ivf_hnsw_sq")) == (
            "ivf_hnsw_sq index over 5000 rows"
        )
    return library


def exact(snapshot: Any, query: Any, permitted: Any) -> list[int]:
    scores = np.where(permitted, snapshot.vectors @ query, -np.inf)
    return [int(row) for row in np.argsort(-scores)[:K]]


def recall(library: Library, config: IndexConfig, permitted: Any = None) -> float:
    snapshot = read_snapshot(library.store, "main")
    mask = np.ones(len(snapshot), bool) if permitted is None else permitted(snapshot)
    found = 0
    for query in units(50, seed=2):
        hits = search_ann(snapshot, query, mask, depth=K, config=config)
        assert len(hits) == K
        assert all(mask[row] for row, _ in hits)
        found += len({row for row, _ in hits} & set(exact(snapshot, query, mask)))
    return found / (50 * K)


def test_a_graph_index_with_refinement_finds_what_exact_search_finds(large: Library) -> None:
    config = IndexConfig(ann="ivf_hnsw_sq", refine_factor=10, ef=200)
    assert recall(large, config) >= 0.97


def test_its_scores_are_cosines(large: Library) -> None:
    snapshot = read_snapshot(large.store, "main")
    query = units(1, seed=3)[0]
    config = IndexConfig(ann="ivf_hnsw_sq", refine_factor=10)
    everything = np.ones(len(snapshot), bool)
    for row, score in search_ann(snapshot, query, everything, depth=K, config=config):
        assert score == pytest.approx(float(snapshot.vectors[row] @ query), abs=1e-5)


def test_a_tenant_with_one_row_in_fifty_gets_its_full_k(large: Library) -> None:
    def seventh(snapshot: Any) -> Any:
        return snapshot.doc_numbers == snapshot.doc_ids.index("tenant07")

    config = IndexConfig(ann="ivf_hnsw_sq", refine_factor=10, ef=200, nprobes=20)
    assert recall(large, config, seventh) >= 0.97


def test_a_part_of_a_document_may_be_permitted(large: Library) -> None:
    def every_third(snapshot: Any) -> Any:
        return np.arange(len(snapshot)) % 3 == 0

    config = IndexConfig(ann="ivf_hnsw_sq", refine_factor=10, ef=200, nprobes=20)
    assert recall(large, config, every_third) >= 0.97


def test_whoever_may_see_nothing_gets_nothing(large: Library) -> None:
    snapshot = read_snapshot(large.store, "main")
    nobody = np.zeros(len(snapshot), bool)
    config = IndexConfig(ann="ivf_hnsw_sq")
    assert search_ann(snapshot, units(1, seed=4)[0], nobody, depth=K, config=config) == []


def test_rows_that_are_not_indexed_yet_are_counted_and_found(library: Library) -> None:
    write_vectors(library, 0, units(400, seed=5))
    config = IndexConfig(ann="ivf_hnsw_sq", refine_factor=10, nprobes=20)
    with library.store.writing():
        build_ann(library.store, config)
        late = units(7, seed=6)
        write_vectors(library, 400, late)
    table = library.store.open_index("main")
    assert unindexed_rows(table) == 7
    assert list(index_health(library.store)["n_unindexed"]) == [7]
    snapshot = read_snapshot(library.store, "main")
    everything = np.ones(len(snapshot), bool)
    ((row, _),) = search_ann(snapshot, late[3], everything, depth=1, config=config)
    assert snapshot.chunks[row].chunk_id == "c00403"
    with library.store.writing():
        assert build_ann(library.store, config) == "ivf_hnsw_sq index over 407 rows"
        version = library.versions()
        # Up to date, so nothing more is done.
        assert build_ann(library.store, config) == ""
    assert unindexed_rows(library.store.open_index("main")) == 0
    assert library.versions() == version


def test_another_kind_of_index_takes_the_place_of_the_first(library: Library) -> None:
    write_vectors(library, 0, units(400, seed=7))
    with library.store.writing():
        build_ann(library.store, IndexConfig(ann="ivf_hnsw_sq"))
        build_ann(library.store, IndexConfig(ann="ivf_pq"))
    assert list(index_health(library.store)["ann"]) == ["IvfPq"]


def test_a_small_index_is_searched_exactly_and_says_so(library: Library) -> None:
    library.sync(documents(0)[:20])
    library.build()
    config = IndexConfig(ann="ivf_pq")
    with library.store.writing():
        note = build_ann(library.store, config)
    assert "at least 256 to be trained, so all rows are searched exactly" in note
    snapshot = read_snapshot(library.store, "main")
    query = snapshot.vectors[5]
    everything = np.ones(len(snapshot), bool)
    hits = search_ann(snapshot, query, everything, depth=3, config=config)
    scores = sorted(snapshot.vectors @ query, reverse=True)[:3]
    assert [score for _, score in hits] == pytest.approx(scores, abs=1e-5)
    assert list(index_health(library.store)["n_unindexed"].isna()) == [True]


def test_no_approximate_index_is_made_unasked(library: Library) -> None:
    write_vectors(library, 0, units(300, seed=8))
    assert build_ann(library.store, IndexConfig()) == ""
    assert list(index_health(library.store)["ann"]) == ["none"]


def test_a_snapshot_goes_on_being_searched_while_the_index_is_written(library: Library) -> None:
    write_vectors(library, 0, units(300, seed=9))
    config = IndexConfig(ann="ivf_hnsw_sq", refine_factor=10, nprobes=20)
    with library.store.writing():
        build_ann(library.store, config)
    snapshot = read_snapshot(library.store, "main")
    write_vectors(library, 300, units(300, seed=10))
    everything = np.ones(len(snapshot), bool)
    for query in units(20, seed=11):
        assert len(search_ann(snapshot, query, everything, depth=K, config=config)) == K


def test_a_snapshot_of_a_version_that_was_purged_says_so(library: Library) -> None:
    write_vectors(library, 0, units(300, seed=12))
    snapshot = read_snapshot(library.store, "main")
    purge(library.store, library.cache)
    everything = np.ones(len(snapshot), bool)
    with pytest.raises(StoreError, match=r"index 'main' cannot be searched .* ask again"):
        search_ann(
            dataclasses.replace(snapshot), units(1, seed=1)[0], everything, depth=1,
            config=IndexConfig(ann="ivf_pq"),
        )  # fmt: skip


def test_a_purge_makes_the_approximate_index_again(library: Library) -> None:
    library.sync(documents(0))
    n_chunks = library.build().n_chunks_written
    with library.store.writing():
        build_ann(library.store, IndexConfig(ann="ivf_hnsw_sq"))
    purge(library.store, library.cache)
    (health,) = index_health(library.store).to_dict("records")
    assert (health["ann"], health["n_unindexed"], health["n_chunks"]) == ("IvfHnswSq", 0, n_chunks)
