"""Erase for good what was deleted: rewrite every table and forget its earlier versions."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from whymiss.errors import StoreError
from whymiss.index.ann import LEAST_ROWS, create_ann, vector_index_types
from whymiss.index.store import Store

_NOW: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReport:
    """What a purge did. `bytes_freed` is of the store's tables, and 0 for a remote store."""

    tables: tuple[str, ...]
    bytes_freed: int


def purge(store: Store, *, older_than: timedelta = _NOW) -> PurgeReport:
    """Erase deleted and replaced text from the store's files.

    Deleting a document hides it at once, but its text stays in LanceDB's files: in earlier versions
    and, since files are never changed, beside the rows that stay. Here every table is written anew
    and versions older than `older_than` are forgotten. With the default nothing of what was deleted
    is left below the store's folder; version history is gone with it, and readers in other
    processes that search an earlier version must ask again.

    The vector cache stays: it holds vectors by hash, no text.

    Parameters
    ----------
    older_than : versions younger than this stay readable, with what was deleted since.

    Raises
    ------
    StoreError : another writer holds the store, or a table cannot be read.
    """
    with store.writing():
        before = _size(store)
        names = tuple(store.table_names())
        for name in names:
            _rewrite(store, name, older_than)
        _empty(store.quarantine, older_than)
        return PurgeReport(tables=names, bytes_freed=before - _size(store))


def _rewrite(store: Store, name: str, older_than: timedelta) -> None:
    source = store.open_existing(name)
    files = store.data_files(name)
    kinds = vector_index_types(source)
    store.pin(source)
    # Compaction alone keeps a file in which less than a tenth of the rows were deleted.
    table = store.overwrite(name, source.search().to_batches())
    for kind in kinds if table.count_rows() >= LEAST_ROWS else ():
        create_ann(table, kind)
    store.optimize(table, keeping=older_than)
    if older_than <= _NOW:
        _erase_leftovers(store, table, [file for file in files if file.exists()])


def _erase_leftovers(store: Store, table: Any, files: list[Path]) -> None:
    """Delete data files of writers that were killed, which LanceDB keeps for another seven days.

    After the rewrite nothing refers to an earlier file. That is proved, not believed: the table is
    read to its end with them out of the way, and they come back if it cannot be.
    """
    if not files:
        return
    aside = store.quarantine / f"{table.name}.leftovers"
    aside.mkdir(parents=True, exist_ok=True)
    moved = [(file, file.rename(aside / file.name)) for file in files]
    if not store.is_sound(table):
        for original, kept in moved:
            kept.rename(original)
        raise StoreError(
            f"table {table.name!r} in {store.uri} still needs files that should be left over; they "
            "were put back and not erased."
        )
    shutil.rmtree(aside)


def _empty(quarantine: Path, older_than: timedelta) -> None:
    newest = time.time() - older_than.total_seconds()
    for path in quarantine.glob("*"):
        if path.lstat().st_ctime <= newest:
            shutil.rmtree(path)


def _size(store: Store) -> int:
    if store.local is None:
        return 0
    return sum(p.lstat().st_size for p in store.local.glob("*.lance/**/*") if p.is_file())
