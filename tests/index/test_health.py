"""Documents and indexes are tables apart: what differs is counted, and served to nobody."""

from __future__ import annotations

import numpy as np
from ingesting import CONFIG, Library

from whymiss.embedding import CachedEncoder
from whymiss.index import index_health, read_catalogue, read_snapshot
from whymiss.records import Document, Query
from whymiss.retrieval import SearchSpace
from whymiss.testing import HashingEncoder


def file(name: str, text: str, title: str = "") -> Document:
    return Document(doc_id=name, text=text, source=f"/library/{name}", title=title, allowed=["*"])


FIRST = [file("same", "One."), file("text", "Two."), file("title", "Three."), file("gone", "4.")]
SECOND = [
    file("same", "One."),
    file("text", "Two, changed."),
    file("title", "Three.", title="Renamed"),
    file("new", "Five."),
    file("newer", "Six."),
    file("blank", " \n"),
]


def test_documents_newer_than_an_index_are_counted_as_missing_stale_and_orphan(
    library: Library,
) -> None:
    library.sync(FIRST)
    library.build()
    # A process that was stopped before it came to the index.
    library.sync(SECOND)
    (health,) = index_health(library.store).to_dict("records")
    # new, newer and blank; text and title; gone.
    assert (health["n_missing"], health["n_stale"], health["n_orphan"]) == (3, 2, 1)
    assert (health["n_documents"], health["n_chunks"], health["n_truncated"]) == (4, 4, 0)
    library.build()
    (health,) = index_health(library.store).to_dict("records")
    # Only white space is still without a row.
    assert (health["n_missing"], health["n_stale"], health["n_orphan"]) == (1, 0, 0)


def test_orphans_are_visible_to_nobody(library: Library) -> None:
    library.sync(FIRST)
    library.build()
    library.sync(SECOND)
    space = SearchSpace(read_snapshot(library.store, "main"), read_catalogue(library.store))
    everyone = Query(query_id="q", text="?", principals=("*", "ann", "admin", "gone"))
    visible = {
        space.snapshot.doc_ids[n] for n in space.snapshot.doc_numbers[space.visible(everyone)]
    }
    assert visible == {"same", "text", "title"}
    assert "gone" in space.snapshot.doc_ids
    assert space.stale_documents() >= {"text", "title"}


def test_permissions_of_the_documents_count_not_those_of_the_time_of_indexing(
    library: Library,
) -> None:
    library.sync([file("a", "One.")])
    library.build()
    library.sync([Document(doc_id="a", text="One.", source="/library/a", allowed=["ann"])])
    space = SearchSpace(read_snapshot(library.store, "main"), read_catalogue(library.store))
    masks = [
        space.visible(Query(query_id="q", text="?", principals=(name,))) for name in ("ann", "bob")
    ]
    assert [bool(np.any(mask)) for mask in masks] == [True, False]


def test_every_index_has_its_row_of_settings_and_sizes(library: Library) -> None:
    library.sync([file("a", "word " * 60)])
    library.build()
    library.encoder = CachedEncoder(HashingEncoder(max_tokens=16), library.cache)
    library.build(config=CONFIG.replace({"index.name": "small", "chunking.size": 24}))
    health = index_health(library.store).set_index("name")
    assert list(health.index) == ["main", "small"]
    assert list(health["size"]) == [32, 24]
    assert health["n_truncated"]["main"] == 0
    assert health["n_truncated"]["small"] > 0
    assert list(health["model_version"]) == ["hashing-64"] * 2
    assert list(health["ann"]) == ["none", "none"]


def test_a_store_without_indexes_has_an_empty_table_of_health(library: Library) -> None:
    health = index_health(library.store)
    assert len(health) == 0
    assert {"n_missing", "n_stale", "n_orphan"} <= set(health.columns)
