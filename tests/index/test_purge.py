"""What was deleted can be erased: no file of the store has its text or its vectors any more."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ingesting import CONFIG, Library, documents

from whymiss.chunking import make_chunker
from whymiss.embedding import CachedEncoder
from whymiss.errors import StoreError
from whymiss.index import (
    Store,
    index_health,
    index_in_memory,
    purge,
    read_catalogue,
    read_snapshot,
)
from whymiss.index.purge import PurgeReport
from whymiss.records import Document
from whymiss.testing import HashingEncoder

SECRET = "heliotrope-7731"


def secret(text: str = f"The code word is {SECRET}.") -> Document:
    return Document(
        doc_id="secret", text=text, source="/library/secret", allowed=["*"], title=SECRET
    )


def holding(folder: Path, content: str | bytes = SECRET) -> list[str]:
    """Files below a folder that have some words or bytes in them."""
    wanted = content.encode() if isinstance(content, str) else content
    found = [p for p in folder.rglob("*") if p.is_file() and wanted in p.read_bytes()]
    return [str(p.relative_to(folder)) for p in found]


@pytest.fixture
def deleted(library: Library) -> Library:
    """A library of 200 documents from which the secret one was deleted."""
    library.sync([*documents(0)[:200], secret()])
    library.build()
    library.sync(documents(0)[:200])
    library.build()
    return library


def test_deleted_text_stays_in_files_until_a_purge(deleted: Library) -> None:
    assert "secret" not in {row["doc_id"] for row in deleted.rows("documents")}
    assert {Path(name).parts[0] for name in holding(deleted.folder)} == {
        "documents.lance",
        "index_main.lance",
    }
    for name in deleted.store.table_names():
        # One row of hundreds: compaction by itself would keep it.
        deleted.store.optimize(deleted.store.open_existing(name), keeping=timedelta(0))
    assert holding(deleted.folder) != []
    before = {name: deleted.rows(name) for name in deleted.store.table_names()}
    report = purge(deleted.store, deleted.cache)
    assert report.tables == ("documents", "index_main", "sources")
    assert report.n_rows == 0
    assert holding(deleted.folder) == []
    assert {name: deleted.rows(name) for name in deleted.store.table_names()} == before
    assert len(read_snapshot(deleted.store, "main")) == len(before["index_main"])


def test_a_purge_frees_the_room_of_old_versions(deleted: Library) -> None:
    report = purge(deleted.store, deleted.cache)
    assert isinstance(report, PurgeReport)
    assert report.bytes_freed > 50_000


def test_replaced_text_is_erased_too(library: Library) -> None:
    library.sync([*documents(0)[:20], secret()])
    library.build()
    library.sync([*documents(0)[:20], secret("Nothing to see.")])
    library.build()
    library.sync(documents(0)[:20])
    library.build()
    purge(library.store, library.cache)
    assert holding(library.folder) == []


def test_an_ingest_after_a_purge_has_nothing_to_do(deleted: Library) -> None:
    purge(deleted.store, deleted.cache)
    versions = deleted.versions()
    deleted.sync(documents(0)[:200])
    assert deleted.build().n_embedded == 0
    assert deleted.versions() == versions
    # And the store opens with nothing to say.
    assert Library(deleted.folder).versions() == versions


def test_young_versions_stay_when_they_are_asked_for(deleted: Library) -> None:
    purge(deleted.store, deleted.cache, older_than=timedelta(hours=1))
    assert holding(deleted.folder) != []
    table = deleted.store.open_existing("documents")
    assert len(table.list_versions()) > 2


def test_text_in_files_of_a_writer_that_was_killed_is_erased(deleted: Library) -> None:
    leftovers = ["documents.lance/data/0101.lance", "index_main.lance/_indices/one/index.idx",
                 "index_main.lance/_indices/two/index.idx"]  # fmt: skip
    for name in leftovers:
        leftover = deleted.folder / name
        leftover.parent.mkdir(parents=True, exist_ok=True)
        leftover.write_bytes(SECRET.encode())
    kept = deleted.folder / "_quarantine/documents.lance"
    kept.mkdir(parents=True)
    (kept / "1.manifest").write_bytes(SECRET.encode())
    purge(deleted.store, deleted.cache)
    assert holding(deleted.folder) == []
    assert list((deleted.folder / "_quarantine").glob("*")) == []


def test_files_that_are_still_needed_are_put_back(
    deleted: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["data/0101.lance", "_indices/one/index.idx", "_indices/two/index.idx"]
    leftovers = [deleted.folder / "documents.lance" / name for name in names]
    for leftover in leftovers:
        leftover.parent.mkdir(parents=True, exist_ok=True)
        leftover.write_text(f"{SECRET} {leftover}")
    monkeypatch.setattr(
        Store, "is_sound", lambda self, table: any(leftover.exists() for leftover in leftovers)
    )
    with pytest.raises(StoreError, match=r"'documents' .* still needs files .* put back"):
        purge(deleted.store, deleted.cache)
    for leftover in leftovers:
        assert leftover.read_text() == f"{SECRET} {leftover}"
    assert len(deleted.rows("documents")) == 200


def test_a_purge_waits_for_the_writer(deleted: Library) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from whymiss.embedding import VectorCache\n"
        "from whymiss.index import Store, purge\n"
        "store = Store(sys.argv[1], lock_timeout=60)\n"
        "print('ready', flush=True)\n"
        "purge(store, VectorCache(Path(sys.argv[1]) / 'vectors.sqlite'))\n"
        "print('purged', flush=True)\n"
    )
    with deleted.store.writing():
        process: Any = subprocess.Popen(
            [sys.executable, "-c", script, str(deleted.folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        assert holding(deleted.folder) != []
    out, _ = process.communicate(timeout=60)
    assert out == "purged\n"
    assert holding(deleted.folder) == []


# Vectors


def vector_bytes(library: Library, text: str) -> bytes:
    (vector,) = library.encoder.encode_once([text])
    return vector.astype("<f4").tobytes()


def cached(library: Library) -> bytes:
    """All bytes of the vector cache, its log included."""
    return b"".join(path.read_bytes() for path in library.folder.glob("vectors.sqlite*"))


def secret_texts(library: Library) -> list[str]:
    """What of the secret document was given to the encoder."""
    library.sync([secret()])
    library.build()
    return [c.indexed_text for c in read_snapshot(library.store, "main").chunks]


def test_vectors_of_deleted_chunks_are_erased_and_all_others_stay(
    deleted: Library, tmp_path: Path
) -> None:
    gone = [vector_bytes(deleted, t) for t in secret_texts(Library(tmp_path / "other"))]
    assert len(gone) == 1
    assert all(holding(deleted.folder, vector) for vector in gone)
    assert all(vector in cached(deleted) for vector in gone)
    count = deleted.cache.count()
    assert purge(deleted.store, deleted.cache).n_vectors == 1
    assert [holding(deleted.folder, vector) for vector in gone] == [[]]
    assert deleted.cache.count() == count - 1
    kept = cached(deleted)
    for chunk in read_snapshot(deleted.store, "main").chunks:
        assert vector_bytes(deleted, chunk.indexed_text) in kept
    # What stays is what is needed: all of it made anew, nothing is embedded.
    assert deleted.build(rebuild=True).n_embedded == 0
    assert purge(deleted.store, deleted.cache).n_vectors == 0


def test_a_vector_stays_for_every_index_that_holds_its_chunk_and_for_its_model_alone(
    library: Library,
) -> None:
    small = CONFIG.replace({"chunking.size": 16, "index.name": "small"})
    library.sync(documents(0)[:20])
    n_main, n_small = (library.build(config=c).n_chunks_written for c in (CONFIG, small))
    chunks = [c for name in ("main", "small") for c in read_snapshot(library.store, name).chunks]
    texts = list(dict.fromkeys(chunk.indexed_text for chunk in chunks))
    assert n_small > n_main
    other = CachedEncoder(OtherModel(), library.cache)
    other.encode_documents(texts)
    assert purge(library.store, library.cache).n_vectors == len(texts)
    assert library.cache.count() == len(texts)
    for config in (CONFIG, small):
        assert library.build(config=config, rebuild=True).n_embedded == 0
    assert other.encode_documents(texts).shape == (len(texts), 64)
    assert other.n_encoded == 2 * len(texts)


class OtherModel(HashingEncoder):
    """Another version, which also says what its questions are kept under."""

    model_version = "other-64"
    query_version = "query other-64"


def test_vectors_of_what_no_index_holds_go_too(library: Library) -> None:
    library.sync(documents(0)[:20])
    library.build()
    count = library.cache.count()
    tried = CONFIG.replace({"chunking.size": 16})
    index_in_memory(
        library.store, tried, read_catalogue(library.store),
        chunker=make_chunker(tried.chunking, library.encoder.tokenizer), encoder=library.encoder,
    )  # fmt: skip
    library.encoder.encode_documents(["A sentence by itself."])
    with CachedEncoder(OtherModel(), library.cache).at_hand(["A labelled question?"]) as vectors:
        vectors()
    n_more = library.cache.count() - count
    assert n_more > 2
    assert purge(library.store, library.cache).n_vectors == n_more
    assert vector_bytes(library, "A sentence by itself.") not in cached(library)
    assert library.cache.count() == count


def test_a_store_without_an_index_keeps_no_vector(library: Library) -> None:
    library.encoder.encode_documents([SECRET])
    report = purge(library.store, library.cache)
    assert (report.tables, report.n_rows, report.n_vectors) == ((), 0, 1)
    assert library.cache.count() == 0


# An index that stayed behind


def test_an_index_that_stayed_behind_loses_what_it_holds_of_deleted_and_changed_documents(
    library: Library,
) -> None:
    behind = CONFIG.replace({"index.name": "behind"})
    changed = Document(
        doc_id="changed", text="It was 7731 then.", source="/library/changed", allowed=["*"]
    )
    library.sync([*documents(0)[:20], secret(), changed])
    library.build()
    n_chunks = library.build(config=behind).n_chunks_written
    library.sync([*documents(0)[:20], replace(changed, text="It is 4009 now.")])
    library.build()
    others = [row for row in library.rows("index_behind")
              if row["doc_id"] not in ("secret", "changed")]  # fmt: skip
    report = purge(library.store, library.cache)
    assert report.n_rows == n_chunks - len(others) == 2
    assert library.rows("index_behind") == others
    for told in (SECRET, "7731 then"):
        assert holding(library.folder, told) == []
    health = index_health(library.store).set_index("name").loc["behind"]
    assert (health["n_missing"], health["n_stale"], health["n_orphan"]) == (1, 0, 0)
    # Brought up to date it has the new text, which was embedded for the other index.
    made = library.build(config=behind)
    assert (made.n_chunks_written, made.n_embedded) == (1, 0)
    assert len(read_snapshot(library.store, "behind")) == n_chunks - 1
