"""After a power cut all of a commit is there, or the store goes back to the last durable one.

A power cut is played by not forcing the last commits to disk and then damaging what they wrote.
"""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
import warnings
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ingesting import Library
from ingesting import documents as every_document

from whymiss.config import IndexConfig
from whymiss.errors import StoreError
from whymiss.index import Store, build_ann, read_snapshot, sound, store
from whymiss.index.durable import force_to_disk, synced_version, unsynced_versions

N_DAMAGES = 60
TABLES = ("documents", "sources", "index_main")
HARMLESS = ("latest_version_hint.json", ".txn")


@dataclass
class Pulled:
    """A store whose last commits were never forced out, and what every version of it holds."""

    folder: Path
    at_risk: list[Path]
    rows: dict[tuple[str, int], list[dict[str, Any]]]

    def newest(self, table: str) -> int:
        return max(version for name, version in self.rows if name == table)


def documents(round_number: int) -> list[Any]:
    return every_document(round_number)[:30]


def files(folder: Path) -> set[Path]:
    return {p.relative_to(folder) for p in folder.glob("*.lance/**/*") if p.is_file()}


def rows_by_version(library: Library) -> dict[tuple[str, int], list[dict[str, Any]]]:
    found = {}
    for name in TABLES:
        table = library.store.open_existing(name)
        for version in [entry["version"] for entry in table.list_versions()]:
            table.checkout(version)
            read = table.search().to_arrow().to_pylist()
            found[name, version] = sorted(read, key=lambda row: next(iter(row.values())))
    return found


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Pulled:
    made = Pulled(tmp_path_factory.mktemp("pulled") / "store", [], {})
    library = Library(made.folder)
    library.sync(documents(0))
    library.build()
    before = files(made.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "force_to_disk", lambda folder, version: None)
        # Two unforced rounds: inserts, updates and deletions, each a version of its own.
        for number in (1, 2):
            library.sync(documents(number)[:-3])
            library.build()
            library.sync(documents(number))
    made.at_risk = sorted(files(made.folder) - before)
    assert len(made.at_risk) > 30
    made.rows = rows_by_version(library)
    return made


def damage(path: Path, chance: random.Random) -> None:
    size = path.stat().st_size
    how = chance.choice(("empty", "short", "zeros", "zero tail", "gone"))
    if how == "gone":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "zeros":
        path.write_bytes(bytes(size))
    else:
        kept = path.read_bytes()[: chance.randrange(size)]
        path.write_bytes(kept if how == "short" else kept + bytes(size - len(kept)))


@pytest.mark.parametrize("seed", range(N_DAMAGES))
def test_a_power_cut_leaves_whole_commits_or_takes_them_back(
    pulled: Pulled, tmp_path: Path, seed: int
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(pulled.folder, folder)
    chance = random.Random(seed)
    damaged = chance.sample(pulled.at_risk, 1 if seed % 2 else chance.randrange(2, 5))
    for path in damaged:
        damage(folder / path, chance)
    left = files(folder)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        library = Library(folder)

    versions = library.versions()
    for table in TABLES:
        assert library.rows(table) == pulled.rows[table, versions[table]]
        hurt = [p for p in damaged if p.parts[0] == f"{table}.lance"]
        if all(p.name.endswith(HARMLESS) for p in hurt):
            assert versions[table] == pulled.newest(table)
        set_aside = list((folder / "_quarantine" / f"{table}.lance").glob("*"))
        if any(f"table {table!r}" in str(warning.message) for warning in told):
            assert set_aside
        else:
            assert not set_aside
    # Nothing was deleted: every file is where it was, or in quarantine.
    aside = {p.relative_to(folder / "_quarantine") for p in folder.glob("_quarantine/*/*")}
    moved = left - files(folder)
    assert {Path(p.parts[0], p.name) for p in moved} == aside

    # The next opening has nothing to say, and the next ingest makes again what was taken back.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        library = Library(folder)
    library.sync(documents(2))
    library.build()
    assert library.rows("documents") == pulled.rows["documents", pulled.newest("documents")]
    assert {row["doc_id"] for row in library.rows("index_main")} == {
        document.doc_id for document in documents(2)
    }
    assert len(read_snapshot(library.store, "main")) > 30


def newest_file(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)


@pytest.mark.parametrize("pattern", ["_versions/*.manifest", "data/*.lance"])
def test_damage_to_what_was_durable_is_told_and_nothing_is_touched(
    library: Library, pattern: str
) -> None:
    library.sync(documents(0))
    table = library.folder / "documents.lance"
    broken = newest_file(table, pattern)
    broken.write_bytes(broken.read_bytes()[:-20])
    before = files(library.folder)
    with pytest.raises(StoreError, match=r"table 'documents' .* cannot be (read|used)"):
        Library(library.folder).rows("documents")
    assert files(library.folder) == before
    assert not (library.folder / "_quarantine").exists()


def test_a_table_whose_durable_manifests_are_all_gone_is_an_error_not_an_empty_table(
    library: Library,
) -> None:
    library.sync(documents(0))
    for manifest in (library.folder / "documents.lance/_versions").glob("*.manifest"):
        manifest.unlink()
    with pytest.raises(StoreError, match=r"'documents' .* cannot be read, and no unfinished"):
        Store(library.folder)


def test_making_a_table_cut_off_before_its_first_commit_leaves_the_name_free(
    library: Library,
) -> None:
    shell = library.folder / "documents.lance"
    (shell / "_transactions").mkdir(parents=True)
    (shell / "_transactions" / "0-a.txn").write_bytes(b"half")
    again = Library(library.folder)
    assert again.store.table_names() == []
    again.sync(documents(0))
    assert len(again.rows("documents")) == len(documents(0))


def test_a_first_commit_that_tore_is_set_aside_and_made_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "force_to_disk", lambda folder, version: None)
    library.sync(documents(0))
    for manifest in (library.folder / "documents.lance/_versions").glob("*.manifest"):
        manifest.write_bytes(b"")
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"table 'documents' .* had a torn commit"):
        again = Library(library.folder)
    assert "documents" not in again.store.table_names()
    again.sync(documents(0))
    assert len(again.rows("documents")) == len(documents(0))


def test_a_torn_compaction_is_taken_back_because_old_versions_go_only_after_it_is_durable(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for some in (5, 10, 15):
        library.sync(documents(0)[:some])
    table = library.store.open_existing("documents")
    expected = library.rows("documents")
    noted = synced_version(library.folder / "documents.lance")
    assert noted == table.version
    monkeypatch.setattr(store, "force_to_disk", lambda folder, version: None)
    before = set((library.folder / "documents.lance/data").glob("*"))
    # Even a compaction that keeps no old version at all ...
    calls: list[str] = []
    monkeypatch.setattr(
        type(table), "optimize", _stopping_before_cleanup(type(table).optimize, calls)
    )
    with pytest.raises(StoreError, match="the power went"):
        library.store.optimize(table, keeping=timedelta(0))
    monkeypatch.undo()
    assert len(calls) == 2
    # ... has the durable version beside it until it is durable itself.
    torn = unsynced_versions(library.folder / "documents.lance")
    assert torn
    for path in set((library.folder / "documents.lance/data").glob("*")) - before:
        path.write_bytes(b"")
    with pytest.warns(UserWarning, match="had a torn commit"):
        again = Library(library.folder)
    assert again.rows("documents") == expected
    # Of its two versions the first only sets fragment numbers aside.
    assert noted <= again.versions()["documents"] < max(torn)


def _stopping_before_cleanup(optimize: Any, calls: list[str]) -> Any:
    def stopping(self: Any, **arguments: Any) -> None:
        calls.append("optimize")
        if len(calls) == 2:
            raise RuntimeError("the power went")
        optimize(self, **arguments)

    return stopping


def test_a_torn_manifest_between_good_ones_is_set_aside_too_or_no_compaction_would_ever_work(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "force_to_disk", lambda folder, version: None)
    for some in (5, 10, 15):
        library.sync(documents(0)[:some])
    monkeypatch.undo()
    rows, versions = library.rows("documents"), library.versions()
    # Newer Lance numbers manifests downwards: sorted by name, the newest is first.
    torn = sorted((library.folder / "documents.lance/_versions").glob("*.manifest"))[1]
    torn.write_bytes(b"")
    with pytest.warns(UserWarning, match=r"table 'documents' .* set aside: " + torn.name):
        again = Library(library.folder)
    assert again.rows("documents") == rows
    assert again.versions() == versions
    again.store.optimize(again.store.open_existing("documents"))
    assert again.rows("documents") == rows


def test_a_torn_vector_index_is_taken_back(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.sync(every_document(0))
    library.build()
    noted = library.versions()["index_main"]
    monkeypatch.setattr(store, "force_to_disk", lambda folder, version: None)
    assert "ivf_pq index over" in build_ann(library.store, IndexConfig(ann="ivf_pq"))
    monkeypatch.undo()
    for path in (library.folder / "index_main.lance/_indices").rglob("*.idx"):
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.warns(UserWarning, match=r"table 'index_main' .* had a torn commit"):
        again = Library(library.folder)
    assert again.versions()["index_main"] == noted


def test_what_a_kill_left_unforced_is_forced_at_the_next_opening(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "force_to_disk", lambda folder, version: None)
    library.sync(documents(0))
    monkeypatch.undo()
    folder = library.folder / "documents.lance"
    assert (synced_version(folder), unsynced_versions(folder)) == (0, [1, 2])
    Store(library.folder)
    assert (synced_version(folder), unsynced_versions(folder)) == (2, [])


def test_opening_reads_no_rows_of_what_is_known_to_be_durable(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        library.sync(documents(number))
        library.build()
    scans: list[str] = []

    def counting(db: Any, name: str, version: int) -> bool:
        scans.append(name)
        return True

    monkeypatch.setattr(store, "reads", counting)
    Store(library.folder)
    assert scans == []
    monkeypatch.setattr(store, "force_to_disk", lambda folder, version: None)
    library.sync(documents(6))
    Store(library.folder)
    assert set(scans) == {"documents", "sources"}


def test_opening_does_not_wait_for_a_writer_at_work(library: Library) -> None:
    library.sync(documents(0))
    other = Store(library.folder)
    folder = library.folder / "documents.lance"
    note = json.loads((folder / "_synced.json").read_text())
    # As another process sees it between a commit and its note.
    (folder / "_synced.json").write_text(json.dumps({**note, "version": note["version"] - 1}))
    opened: list[Store] = []
    with other.writing():
        thread = threading.Thread(target=lambda: opened.append(Store(library.folder)))
        thread.start()
        thread.join(timeout=20)
    assert len(opened) == 1


def test_a_half_written_file_that_no_version_has_does_not_matter(library: Library) -> None:
    library.sync(documents(0))
    (library.folder / "documents.lance/data/0101.lance").write_bytes(b"half")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(Library(library.folder).rows("documents")) == len(documents(0))


def test_a_broken_note_means_only_that_everything_is_looked_at(library: Library) -> None:
    library.sync(documents(0))
    note = library.folder / "documents.lance/_synced.json"
    for content in ("", "{", "[]", '{"version": null}'):
        note.write_text(content)
        assert len(Library(library.folder).rows("documents")) == len(documents(0))
        assert json.loads(note.read_text())["version"] == 2


def test_every_new_file_and_folder_is_forced_out_once(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[Path] = []
    monkeypatch.setattr("whymiss.index.durable._fsync", forced.append)
    library.sync(documents(0))
    lance = [p for p in forced if p.is_file() and p.suffix in (".lance", ".manifest", ".txn")]
    on_disk = [
        p for p in library.folder.glob("*.lance/**/*") if p.suffix in (".lance", ".manifest")
    ]
    assert set(on_disk) <= set(lance)
    for folder in ("", "documents.lance", "documents.lance/data", "documents.lance/_versions"):
        assert library.folder / folder in forced
    forced.clear()
    time.sleep(0.05)
    library.sync(documents(1))
    again = {p for p in forced if p.suffix == ".lance" and p.is_file()}
    assert again
    assert not again & set(on_disk)


def test_a_clock_set_back_makes_it_force_everything(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.sync(documents(0))
    folder = library.folder / "documents.lance"
    note = folder / "_synced.json"
    ahead = time.time_ns() + 10**12
    note.write_text(json.dumps({"version": 2, "mtime_ns": ahead}))
    forced: list[Path] = []
    monkeypatch.setattr("whymiss.index.durable._fsync", forced.append)
    force_to_disk(folder, 2)
    assert set(folder.glob("data/*.lance")) <= set(forced)
    assert json.loads(note.read_text())["mtime_ns"] < ahead


def test_a_manifest_of_zeros_is_not_taken_for_an_empty_table(
    library: Library,
) -> None:
    library.sync(documents(0))
    db = library.store._db
    assert sound.opens(db, "documents", 2)
    manifest = newest_file(library.folder / "documents.lance", "_versions/*.manifest")
    manifest.write_bytes(bytes(manifest.stat().st_size))
    with pytest.raises(StoreError, match=r"'documents' .* cannot be read"):
        Store(library.folder)
