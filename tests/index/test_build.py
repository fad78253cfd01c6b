"""Building, rebuilding and compacting an index."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from ingesting import CONFIG, Library, documents

from whymiss.embedding import CachedEncoder
from whymiss.errors import IndexMismatchError, IndexNotFoundError, ModelError, StoreError
from whymiss.index import build, read_snapshot
from whymiss.records import Document
from whymiss.testing import HashingEncoder


def filled(library: Library) -> Library:
    library.sync(documents(0)[:40])
    library.build()
    return library


def test_other_settings_are_refused_and_named(library: Library) -> None:
    filled(library)
    with pytest.raises(IndexMismatchError, match=r"chunking\.size is 32 there, 48 here"):
        library.build(config=CONFIG.replace({"chunking.size": 48}))


def test_another_model_is_refused_and_named(library: Library) -> None:
    filled(library)
    library.encoder = CachedEncoder(HashingEncoder(dimension=32), library.cache)
    with pytest.raises(IndexMismatchError, match="its model is hashing-64, yours hashing-32"):
        library.build()


def test_a_missing_index_names_those_there_are(library: Library) -> None:
    filled(library)
    with pytest.raises(IndexNotFoundError, match=r"no index 'other' .* it has: main"):
        read_snapshot(library.store, "other")


def test_a_rebuild_with_other_settings_takes_the_place_of_the_old_index(library: Library) -> None:
    filled(library)
    before = library.versions()["index_main"]
    library.encoder = CachedEncoder(HashingEncoder(dimension=32), library.cache)
    other = CONFIG.replace({"chunking.size": 48})
    report = library.build(rebuild=True, config=other)
    snapshot = read_snapshot(library.store, "main")
    assert (snapshot.manifest.dimension, snapshot.vectors.shape[1]) == (32, 32)
    assert snapshot.manifest.knobs == other.index_knobs()
    assert report.n_chunks_written == len(snapshot)
    # In one commit.
    assert library.versions()["index_main"] == before + 1
    # And it goes on from there.
    library.sync(documents(1)[:40])
    assert library.build(config=other).n_changed > 0
    rows = library.rows("index_main")
    assert len({row["chunk_id"] for row in rows}) == len(rows)


def test_a_rebuild_that_stops_leaves_the_old_index_as_it_was_and_its_vectors_for_the_next(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(library)
    rows, versions = library.rows("index_main"), library.versions()
    monkeypatch.setattr(build, "_CHUNKS_PER_COMMIT", 20)
    calls = 0
    whole = HashingEncoder.encode_documents

    def breaking(self: HashingEncoder, texts: Any, **rest: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ModelError("out of memory")
        return whole(self, texts, **rest)

    monkeypatch.setattr(HashingEncoder, "encode_documents", breaking)
    other = CONFIG.replace({"chunking.size": 48})
    with pytest.raises(ModelError, match="out of memory"):
        library.build(rebuild=True, config=other)
    assert library.rows("index_main") == rows
    assert library.versions() == versions
    kept = library.cache.count()
    report = library.build(rebuild=True, config=other)
    assert report.n_embedded == library.cache.count() - kept
    assert 0 < report.n_embedded < report.n_chunks_written


def test_a_rebuild_with_the_same_settings_embeds_nothing(library: Library) -> None:
    filled(library)
    rows = library.rows("index_main")
    report = library.build(rebuild=True)
    assert (report.n_embedded, report.n_chunks_written) == (0, len(rows))
    assert library.rows("index_main") == rows


def test_a_rebuild_without_documents_is_an_empty_index(library: Library) -> None:
    filled(library)
    library.sync([])
    assert library.build(rebuild=True).n_chunks_written == 0
    snapshot = read_snapshot(library.store, "main")
    assert (len(snapshot), snapshot.vectors.shape) == (0, (0, 64))


def test_rows_hold_what_the_chunker_and_the_encoder_made(library: Library) -> None:
    text = "# Terms {plan=annual}\n\nTen euros."
    library.sync([Document(doc_id="d", text=text, source="/library/d", title="Prices")])
    library.build()
    (row,) = library.rows("index_main")
    assert text[row["start"] : row["end"]] == row["text"]
    assert row["prefix"] == "Prices > Terms\n"
    assert (row["headings"], row["metadata"]) == (["Terms"], '{"plan":"annual"}')
    assert row["model_version"] == "hashing-64"
    (vector,) = HashingEncoder().encode_documents([row["prefix"] + row["text"]])
    assert row["vector"] == vector.tolist()


def test_what_is_cut_off_by_the_encoder_is_reported(library: Library) -> None:
    library.encoder = CachedEncoder(HashingEncoder(max_tokens=10), library.cache)
    library.sync([Document(doc_id="d", text="word " * 20, source="/library/d")])
    report = library.build()
    ((doc_id, chunk_id, n_truncated),) = report.truncated
    (chunk,) = read_snapshot(library.store, "main").chunks
    # 20 words and 2 special tokens, of which the encoder sees 10.
    assert (doc_id, chunk_id, n_truncated) == ("d", chunk.chunk_id, 12)


def test_many_small_commits_are_compacted_even_over_many_sessions(library: Library) -> None:
    for number in range(1, 25):
        session = Library(library.folder)
        session.sync(documents(0)[:number])
        session.build()
    for name in library.store.table_names():
        stats = library.store.open_existing(name).stats()["fragment_stats"]
        assert stats["num_fragments"] < 20, name


def test_compaction_keeps_every_version_of_the_last_week_readable(library: Library) -> None:
    for number in range(1, 25):
        library.sync(documents(0)[:number])
    table = library.store.open_existing("documents")
    kept = [entry["version"] for entry in table.list_versions()]
    assert kept == list(range(1, table.version + 1))
    # One row was there after the first commit, two after the second; compaction came later.
    for version in (2, 3, 20):
        table.checkout(version)
        assert table.count_rows() == version - 1


def test_a_second_compaction_makes_no_version(library: Library) -> None:
    for number in range(1, 25):
        library.sync(documents(0)[:number])
    versions = library.versions()
    table = library.store.open_existing("documents")
    library.store.optimize(table)
    library.store.optimize(table)
    after = library.versions()
    assert after["documents"] - versions["documents"] <= 2
    library.store.compact(table)
    assert library.versions() == after


def test_lancedb_is_never_told_to_delete_files_it_cannot_account_for(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(library)
    told: list[dict[str, Any]] = []
    table = library.store.open_existing("documents")
    monkeypatch.setattr(type(table), "optimize", lambda self, **rest: told.append(rest))
    library.store.optimize(table)
    assert [sorted(arguments) for arguments in told] == [["cleanup_older_than"]] * 2
    assert told[1]["cleanup_older_than"] == timedelta(days=7)


def test_an_index_of_a_later_format_is_refused_and_can_be_rebuilt(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build.manifest_for
    monkeypatch.setattr(
        build, "manifest_for", lambda *a: dataclasses.replace(made(*a), format_version=99)
    )
    filled(library)
    monkeypatch.undo()
    with pytest.raises(StoreError, match=r"index 'main' .* has format 99; this version reads"):
        library.build()
    library.build(rebuild=True)
    assert len(read_snapshot(library.store, "main")) > 40
