"""What was deleted can be erased: no file of the store has its text any more."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ingesting import Library, documents

from whymiss.errors import StoreError
from whymiss.index import Store, purge, read_snapshot
from whymiss.index.purge import PurgeReport
from whymiss.records import Document

SECRET = "heliotrope-7731"


def secret(text: str = f"The code word is {SECRET}.") -> Document:
    return Document(
        doc_id="secret", text=text, source="/library/secret", allowed=["*"], title=SECRET
    )


def holding(folder: Path, word: str = SECRET) -> list[str]:
    """Files below a folder that have a word in them."""
    found = [p for p in folder.rglob("*") if p.is_file() and word.encode() in p.read_bytes()]
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
    report = purge(deleted.store)
    assert report.tables == ("documents", "index_main", "sources")
    assert holding(deleted.folder) == []
    assert {name: deleted.rows(name) for name in deleted.store.table_names()} == before
    assert len(read_snapshot(deleted.store, "main")) == len(before["index_main"])


def test_a_purge_frees_the_room_of_old_versions(deleted: Library) -> None:
    report = purge(deleted.store)
    assert isinstance(report, PurgeReport)
    assert report.bytes_freed > 50_000


def test_replaced_text_is_erased_too(library: Library) -> None:
    library.sync([*documents(0)[:20], secret()])
    library.build()
    library.sync([*documents(0)[:20], secret("Nothing to see.")])
    library.build()
    library.sync(documents(0)[:20])
    library.build()
    purge(library.store)
    assert holding(library.folder) == []


def test_an_ingest_after_a_purge_has_nothing_to_do(deleted: Library) -> None:
    purge(deleted.store)
    versions = deleted.versions()
    deleted.sync(documents(0)[:200])
    assert deleted.build().n_embedded == 0
    assert deleted.versions() == versions
    # And the store opens with nothing to say.
    assert Library(deleted.folder).versions() == versions


def test_young_versions_stay_when_they_are_asked_for(deleted: Library) -> None:
    purge(deleted.store, older_than=timedelta(hours=1))
    assert holding(deleted.folder) != []
    table = deleted.store.open_existing("documents")
    assert len(table.list_versions()) > 2


def test_text_in_files_of_a_writer_that_was_killed_is_erased(deleted: Library) -> None:
    leftover = deleted.folder / "documents.lance/data/0101.lance"
    leftover.write_bytes(SECRET.encode())
    kept = deleted.folder / "_quarantine/documents.lance"
    kept.mkdir(parents=True)
    (kept / "1.manifest").write_bytes(SECRET.encode())
    purge(deleted.store)
    assert holding(deleted.folder) == []
    assert list((deleted.folder / "_quarantine").glob("*")) == []


def test_a_file_that_is_still_needed_is_put_back(
    deleted: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = deleted.folder / "documents.lance/data/0101.lance"
    leftover.write_bytes(SECRET.encode())
    monkeypatch.setattr(Store, "is_sound", lambda self, table: not leftover_is_gone(leftover))
    with pytest.raises(StoreError, match=r"'documents' .* still needs files .* put back"):
        purge(deleted.store)
    assert leftover.read_bytes() == SECRET.encode()
    assert len(deleted.rows("documents")) == 200


def leftover_is_gone(path: Path) -> bool:
    return not path.exists()


def test_a_purge_waits_for_the_writer(deleted: Library) -> None:
    script = (
        "import sys\n"
        "from whymiss.index import Store, purge\n"
        "store = Store(sys.argv[1], lock_timeout=60)\n"
        "print('ready', flush=True)\n"
        "purge(store)\n"
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
