"""A snapshot is the index, exactly: LanceDB's own scores, ties in order, nothing unusable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from ingesting import CONFIG, Library, documents

from whymiss.config import IndexConfig, RetrievalConfig
from whymiss.errors import StoreError
from whymiss.index import read_catalogue, read_snapshot
from whymiss.index.build import manifest_for
from whymiss.index.schema import Manifest, chunk_rows, chunks_schema
from whymiss.records import Chunk, Document, Query
from whymiss.retrieval import DenseRetriever, SearchSpace
from whymiss.testing import HashingEncoder

PRINCIPALS = ("staff", "group0", "group1")


def dense(library: Library) -> DenseRetriever:
    space = SearchSpace(read_snapshot(library.store, "main"), read_catalogue(library.store))
    return DenseRetriever(space, HashingEncoder(), retrieval=RetrievalConfig(), index=IndexConfig())


def question(text: str) -> Query:
    return Query(query_id=text, text=text, principals=PRINCIPALS)


def chunk(number: int, *, doc_id: str = "d") -> Chunk:
    return Chunk(
        chunk_id=f"c{number:04}",
        doc_id=doc_id,
        start=number,
        end=number + 1,
        text="x",
        n_tokens=3,
        parent_start=number,
        parent_end=number + 1,
    )


def write_vectors(
    library: Library, vectors: Any, *, model_version: str = "", on_bad_vectors: str = "fill"
) -> Manifest:
    """An index of these vectors as they are, past every check."""
    manifest = manifest_for(CONFIG, library.encoder)
    table = library.store.create_index("main", chunks_schema(64, manifest))
    chunks = [chunk(number) for number in range(len(vectors))]
    rows = chunk_rows(chunks, {"d": "s"}, np.asarray(vectors, dtype=np.float32), manifest)
    if model_version:
        changed = pa.array(["hashing-64"] * (len(rows) - 1) + [model_version])
        rows = rows.set_column(
            rows.schema.get_field_index("model_version"), "model_version", changed
        )
    merge = table.merge_insert("chunk_id").when_not_matched_insert_all()
    # LanceDB refuses NaN unless told otherwise; infinity and zeros it takes as they are.
    merge.execute(rows, on_bad_vectors=on_bad_vectors, fill_value=np.nan)
    return manifest


def units(n: int, seed: int = 0) -> Any:
    found = np.random.default_rng(seed).normal(size=(n, 64)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("text", ["plan 21 lasts 3 months", "Article 17", "edition 0 paragraph"])
def test_exact_search_gives_the_scores_of_lancedbs_own(library: Library, text: str) -> None:
    library.sync(documents(0))
    library.build()
    (ranking,) = dense(library).search([question(text)], depth=40)
    (vector,) = HashingEncoder().encode_queries([text])
    search = library.store.open_index("main").search(vector).distance_type("cosine")
    oracle = search.bypass_vector_index().limit(10_000).to_list()
    cosine = {row["chunk_id"]: 1.0 - row["_distance"] for row in oracle}
    assert len(cosine) == len(library.rows("index_main"))
    best = sorted(cosine.values(), reverse=True)[:40]
    assert [hit.score for hit in ranking.hits] == pytest.approx(best, abs=2e-6)
    for hit in ranking.hits:
        assert hit.score == pytest.approx(cosine[hit.chunk_id], abs=2e-6)


def test_equal_scores_come_by_document_and_position_however_the_rows_lie(library: Library) -> None:
    same = "Refunds take ten days."
    for name in ("c", "a", "b"):
        # Each in its own commit, so that row order is c, a, b; then c moves to the end.
        library.give([Document(doc_id=name, text=same, allowed=["*"])])
        library.build()
    library.give([Document(doc_id="c", text=f"{same}\n", allowed=["*"])])
    library.build()
    (ranking,) = dense(library).search([question("refunds")], depth=2)
    assert [hit.doc_id for hit in ranking.hits] == ["a", "b"]
    assert [c.doc_id for c in read_snapshot(library.store, "main").chunks] == ["a", "b", "c"]


def test_rows_vectors_and_numbers_stand_side_by_side(library: Library) -> None:
    library.sync(documents(0)[:30])
    library.build()
    snapshot = read_snapshot(library.store, "main")
    keys = [(c.doc_id, c.start, c.chunk_id) for c in snapshot.chunks]
    assert keys == sorted(keys)
    expected = HashingEncoder().encode_documents([c.indexed_text for c in snapshot.chunks])
    assert np.array_equal(snapshot.vectors, expected)
    assert [snapshot.doc_ids[n] for n in snapshot.doc_numbers] == [k[0] for k in keys]
    assert [snapshot.row_of[k[2]] for k in keys] == list(range(len(keys)))
    assert dict(snapshot.states) == {
        d: s for d, s in read_catalogue(library.store).states.items() if d in snapshot.states
    }


def test_an_empty_index_is_a_snapshot_without_rows(library: Library) -> None:
    library.build()
    snapshot = read_snapshot(library.store, "main")
    assert (len(snapshot), snapshot.vectors.shape, snapshot.doc_ids) == (0, (0, 64), ())


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_vector_that_can_never_be_found_is_named(library: Library, value: float) -> None:
    vectors = units(5)
    vectors[3] = value
    write_vectors(library, vectors)
    with pytest.raises(StoreError, match=r"can never be found .* chunk c0003"):
        read_snapshot(library.store, "main")


def test_a_missing_vector_is_named(library: Library) -> None:
    vectors = units(3)
    vectors[1] = np.nan
    write_vectors(library, vectors, on_bad_vectors="null")
    assert library.rows("index_main")[1]["vector"] is None
    with pytest.raises(StoreError, match=r"can never be found .* chunk c0001"):
        read_snapshot(library.store, "main")


def test_rows_of_two_models_are_refused(library: Library) -> None:
    write_vectors(library, units(4), model_version="other-model@1")
    with pytest.raises(StoreError, match=r"mixes vectors of hashing-64, other-model@1"):
        read_snapshot(library.store, "main")
