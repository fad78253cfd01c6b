"""Several writers at once: no row twice, nobody fails, and readers see whole versions."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ingesting import Library, documents

from whymiss.errors import StoreError
from whymiss.index import Store, build, ingest, read_snapshot
from whymiss.index.documents import write_documents
from whymiss.index.schema import DOCUMENTS

SCRIPT = Path(__file__).with_name("upserting.py")
N_PROCESSES = 3
N_THREADS = 4


def run_at_once(how: str, folder: Path) -> list[str]:
    """What each process said; they start writing together."""
    children = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), how, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(N_PROCESSES)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = []
    for child in children:
        out, err = child.communicate(timeout=120)
        said.append(out or err[-2000:])
    return said


def assert_every_row_once(library: Library, reference: Library) -> None:
    for table, key in (("documents", "doc_id"), ("sources", "source"), ("index_main", "chunk_id")):
        rows = library.rows(table)
        assert len({row[key] for row in rows}) == len(rows)
        assert rows == reference.rows(table)


@pytest.fixture
def reference(tmp_path: Path) -> Library:
    """What one writer alone makes of the same documents."""
    alone = Library(tmp_path / "alone")
    alone.sync(documents(0)[:90])
    alone.build()
    return alone


def test_three_processes_ingesting_the_same_documents_write_each_row_once(
    tmp_path: Path, reference: Library
) -> None:
    assert run_at_once("locked", tmp_path / "store") == ["done\n"] * N_PROCESSES
    assert_every_row_once(Library(tmp_path / "store"), reference)


def test_four_threads_ingesting_the_same_documents_write_each_row_once(
    library: Library, reference: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_DOCUMENTS_PER_COMMIT", 12)
    monkeypatch.setattr(build, "_CHUNKS_PER_COMMIT", 48)
    together = threading.Barrier(N_THREADS)

    def work(_: int) -> int:
        together.wait()
        library.sync(documents(0)[:90])
        return library.build().n_chunks_written

    with ThreadPoolExecutor(N_THREADS) as pool:
        written = list(pool.map(work, range(N_THREADS)))
    assert_every_row_once(library, reference)
    # The lock lets one thread do the work; the others find it done.
    assert sorted(written) == [0, 0, 0, len(reference.rows("index_main"))]


def test_without_the_lock_the_primary_key_alone_keeps_rows_from_doubling(tmp_path: Path) -> None:
    library = Library(tmp_path / "store")
    library.store.open_table("documents", DOCUMENTS)
    said = run_at_once("unlocked", tmp_path / "store")
    # A writer may be turned away when the others keep getting in first, but only in so many words.
    assert said.count("done\n") >= 1
    assert all(word == "done\n" or "StoreError" in word for word in said)
    rows = library.rows("documents")
    assert len({row["doc_id"] for row in rows}) == len(rows) == 90


def test_without_the_lock_threads_double_nothing_either(library: Library) -> None:
    library.store.open_table("documents", DOCUMENTS)
    together = threading.Barrier(N_THREADS)

    def work(_: int) -> None:
        own = Store(library.folder)
        together.wait()
        for first in range(0, 90, 30):
            write_documents(own, documents(0)[first : first + 30])

    with ThreadPoolExecutor(N_THREADS) as pool:
        list(pool.map(work, range(N_THREADS)))
    rows = library.rows("documents")
    assert len({row["doc_id"] for row in rows}) == len(rows) == 90


def test_a_writer_that_waits_too_long_says_who_is_in_the_way(library: Library) -> None:
    impatient = Store(library.folder, lock_timeout=0.05)
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with impatient.writing():
                pass
        except StoreError as error:
            failures.append(error)

    with library.store.writing():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    with pytest.raises(StoreError, match=r"another process is writing .* waited 0 s"):
        raise failures[0]


def test_a_snapshot_is_of_one_version_while_a_writer_goes_on(library: Library) -> None:
    library.sync(documents(0)[:60])
    library.build()
    done = threading.Event()

    def write() -> None:
        own = Library(library.folder)
        for number in range(1, 6):
            own.sync(documents(number)[:60])
            own.build()
        done.set()

    def assert_whole() -> None:
        snapshot = read_snapshot(library.store, "main")
        table = library.store.open_index("main")
        table.checkout(snapshot.version)
        assert len(snapshot) == table.count_rows()
        # The handle it keeps stays at its version, whatever is committed since.
        assert int(snapshot.table.version) == snapshot.version

    thread = threading.Thread(target=write)
    thread.start()
    n_reads = 0
    while not done.is_set():
        assert_whole()
        n_reads += 1
    thread.join()
    assert n_reads > 3


def test_another_process_sees_a_rebuild_at_once(library: Library) -> None:
    library.sync(documents(0)[:20])
    library.build()
    other = Store(library.folder)
    before = other.index_stamp("main")
    library.build(rebuild=True)
    created, version = other.index_stamp("main")
    assert created != before[0]
    assert version > before[1]
    with library.store.writing():
        library.store.drop_index("main")
    assert other.index_names() == []
    library.build()
    assert other.index_stamp("main") == library.store.index_stamp("main")
    assert other.index_stamp("main")[0] not in (before[0], created)
