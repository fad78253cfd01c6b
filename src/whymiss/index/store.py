"""The folder or URI where everything is kept: LanceDB tables, and beside them the local state."""

from __future__ import annotations

import re
import shutil
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import lancedb
import pyarrow as pa
from filelock import FileLock, Timeout
from lancedb.expr import col, lit
from platformdirs import user_data_path

from whymiss.errors import IndexNotFoundError, StoreError
from whymiss.index.durable import (
    force_to_disk,
    is_empty_shell,
    synced_version,
    take_back_torn_commits,
    unsynced_versions,
)
from whymiss.index.schema import FORMAT_VERSION, Manifest
from whymiss.index.sound import LANCE_ERRORS, opens, reads
from whymiss.records import digest

_INDEX_PREFIX: Final = "index_"
_SMALL_FILES_BEFORE_COMPACTION: Final = 20
_VERSIONS_KEPT_FOR: Final = timedelta(days=7)
_FOR_EVER: Final = timedelta(days=36500)


class Store:
    """LanceDB tables at `uri`, with one writer at a time and durable commits.

    `state` is a local folder for what is not shared: vector cache, traces, lock. It is the store's
    own folder when the store is local.

    Raises
    ------
    StoreError : the place cannot be opened, or holds a table that cannot be read.
    """

    def __init__(self, uri: str | Path, *, lock_timeout: float = 3600.0) -> None:
        self.uri = str(uri)
        self.local = None if re.match(r"^[a-z0-9+]{2,}://", self.uri) else Path(self.uri).resolve()
        self.state = self.local or user_data_path("whymiss") / digest(self.uri)[:16]
        self.state.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.state / "write.lock", timeout=lock_timeout)
        try:
            # Without this, a second connection serves what it saw when it opened.
            self._db = lancedb.connect(
                str(self.local or uri), read_consistency_interval=timedelta(0)
            )
            names = self.table_names()
        except LANCE_ERRORS as error:
            raise StoreError(f"the store {self.uri} cannot be opened: {error}") from error
        self._heal(names)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store's write lock: one writer at a time, over threads and processes.

        Raises
        ------
        StoreError : another writer held it for longer than the timeout.
        """
        try:
            with self._lock:
                yield
        except Timeout as error:
            raise StoreError(
                f"another process is writing to {self.uri}; waited {self._lock.timeout:.0f} s. "
                "Try again when it has finished."
            ) from error

    def table_names(self) -> list[str]:
        """All tables, sorted."""
        names: list[str] = []
        token: str | None = None
        while True:
            page = self._db.list_tables(page_token=token)
            names.extend(page.tables)
            token = page.page_token
            if not token:
                break
        if self.local is not None:
            names = [name for name in names if not is_empty_shell(self._folder(name))]
        return sorted(names)

    def index_names(self) -> list[str]:
        """Names of the indexes, sorted."""
        return [
            name.removeprefix(_INDEX_PREFIX)
            for name in self.table_names()
            if name.startswith(_INDEX_PREFIX)
        ]

    def has_index(self, name: str) -> bool:
        """Whether an index of this name exists."""
        return _INDEX_PREFIX + name in self.table_names()

    def open_table(self, name: str, schema: pa.Schema) -> Any:
        """A table, made empty with its key if it is not there. Call under `writing` to create."""
        with self._told(name):
            if name not in self.table_names():
                table = self._db.create_table(name, schema=schema, exist_ok=True)
                self.committed(table)
            return self._db.open_table(name)

    def open_existing(self, table_name: str) -> Any:
        """A table by its full name, as `table_names` gives it."""
        with self._told(table_name):
            return self._db.open_table(table_name)

    def open_index(self, name: str) -> Any:
        """The table of an index.

        Raises
        ------
        IndexNotFoundError : there is none of this name.
        """
        if not self.has_index(name):
            known = ", ".join(self.index_names()) or "none yet"
            raise IndexNotFoundError(
                f"there is no index {name!r} in {self.uri}; it has: {known}. "
                "Build it with ingest() or build(config)."
            )
        return self.open_existing(_INDEX_PREFIX + name)

    def create_index(self, name: str, schema: pa.Schema) -> Any:
        """A new, empty index."""
        return self.open_table(_INDEX_PREFIX + name, schema)

    def replace_index(self, name: str, rows: pa.Table) -> Any:
        """Put other rows, of another schema if need be, in place of an index, in one commit."""
        return self.overwrite(_INDEX_PREFIX + name, rows)

    def overwrite(self, table_name: str, rows: pa.Table | pa.RecordBatchReader) -> Any:
        """Write every row of a table anew in one commit; earlier versions stay readable."""
        with self._told(table_name):
            table = self._db.create_table(table_name, data=rows, mode="overwrite")
            self.committed(table)
        return table

    def drop_index(self, name: str) -> None:
        """Remove an index and its rows. Call under `writing()`."""
        table_name = self.open_index(name).name
        if self.local is None:
            self._db.drop_table(table_name)
            return
        # One rename: stopped in the middle of removing files, half a table would stay.
        grave = self.quarantine / f"{table_name}.{uuid.uuid4().hex}"
        self.quarantine.mkdir(exist_ok=True)
        self._folder(table_name).rename(grave)
        shutil.rmtree(grave)

    def manifest(self, name: str) -> Manifest:
        """What an index was built with.

        Raises
        ------
        StoreError : the table is not an index of ours, or of a format this version cannot read.
        """
        return self.manifest_of(self.open_index(name))

    def manifest_of(self, table: Any) -> Manifest:
        """The same for an open handle, pinned or not."""
        with self._told(table.name):
            manifest = Manifest.from_schema(table.schema)
        if manifest is None or manifest.format_version != FORMAT_VERSION:
            found = "no manifest" if manifest is None else f"format {manifest.format_version}"
            raise StoreError(
                f"index {table.name.removeprefix(_INDEX_PREFIX)!r} in {self.uri} has {found}; this "
                f"version reads format {FORMAT_VERSION}. Build it again with rebuild=True."
            )
        return manifest

    def index_stamp(self, name: str) -> tuple[str, int]:
        """Which build of an index is there now, and its version; a few milliseconds."""
        table = self.open_index(name)
        manifest = Manifest.from_schema(table.schema)
        return (manifest.created if manifest else "", int(table.version))

    def pin(self, table: Any) -> int:
        """Hold a handle at the newest version, so that all it reads belongs together.

        Returns the version. A pinned handle cannot write.
        """
        with self._told(table.name):
            version = int(table.version)
            table.checkout(version)
        return version

    def read(self, table: Any, columns: list[str] | None = None, where: Any = None) -> pa.Table:
        """Rows of a table, all of them unless `where`, a LanceDB expression, says which.

        Raises
        ------
        StoreError : a file of the table is damaged or gone.
        """
        query = table.search()
        if columns is not None:
            query = query.select(columns)
        if where is not None:
            query = query.where(where)
        with self._told(table.name):
            return query.to_arrow()

    def upsert(self, table: Any, rows: pa.Table, *, key: str, replacing: Any = None) -> None:
        """Write rows in one commit: same key replaces, and rows of `replacing` not given go.

        `replacing` is a LanceDB expression, such as "of these documents".
        """
        merge = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
        if replacing is not None:
            merge = merge.when_not_matched_by_source_delete(replacing)
        with self._told(table.name):
            merge.execute(rows)
            self.committed(table)

    def delete(self, table: Any, column: str, values: list[str]) -> None:
        """Delete the rows whose column has one of the values, in one commit."""
        if values:
            with self._told(table.name):
                table.delete(is_one_of(column, values))
                self.committed(table)

    def committed(self, table: Any) -> None:
        """Make the last commit durable."""
        if self.local is not None:
            force_to_disk(self._folder(table.name), table.version)

    def compact(self, table: Any, *, at_least: int = _SMALL_FILES_BEFORE_COMPACTION) -> None:
        """Merge small files once there are many of them, for they slow every search."""
        # Counted on disk: many short sessions would never reach a count kept in memory.
        if table.stats()["fragment_stats"]["num_small_fragments"] >= at_least:
            self.optimize(table)

    def optimize(self, table: Any, *, keeping: timedelta = _VERSIONS_KEPT_FOR) -> None:
        """Merge files, bring vector indexes up to date, forget versions older than `keeping`."""
        with self._told(table.name):
            # Old versions go only once the new one is on disk: a power cut in between could
            # otherwise tear the new one when the last good one is gone already.
            table.optimize(cleanup_older_than=_FOR_EVER)
            self.committed(table)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="optimize.cleanup_older_than=0")
                table.optimize(cleanup_older_than=keeping)
            self.committed(table)

    def is_sound(self, table: Any) -> bool:
        """Whether every row of a table's newest version can be read."""
        return reads(self._db, table.name, int(table.version))

    def data_files(self, table_name: str) -> list[Path]:
        """The files that rows are in, those of earlier versions included; none if not local."""
        return [] if self.local is None else list((self._folder(table_name) / "data").glob("*"))

    @property
    def quarantine(self) -> Path:
        """Where torn commits are set aside."""
        return self.state / "_quarantine"

    def _folder(self, table_name: str) -> Path:
        assert self.local is not None
        return self.local / f"{table_name}.lance"

    @contextmanager
    def _told(self, table_name: str) -> Iterator[None]:
        try:
            yield
        except LANCE_ERRORS as error:
            raise StoreError(
                f"table {table_name!r} in {self.uri} cannot be used: {str(error)[:300]}. If a file "
                "is damaged, restore the table's folder from a backup, or move it away and ingest "
                "again."
            ) from error

    def _heal(self, names: list[str]) -> None:
        if self.local is None:
            return
        for name in names:
            if self._is_sound(name):
                continue
            # Perhaps another process is making this table just now: once it is done, look again.
            with self.writing():
                if self._is_sound(name):
                    continue
                moved = take_back_torn_commits(
                    self._folder(name), self.quarantine, partial(reads, self._db, name)
                )
                sound = is_empty_shell(self._folder(name)) or self._is_sound(name)
            if not sound:
                raise StoreError(
                    f"table {name!r} in {self.uri} cannot be read, and no unfinished commit "
                    f"explains it (set aside: {', '.join(moved) or 'nothing'}). Restore its folder "
                    "from a backup, or move it away and ingest again."
                )
            warnings.warn(
                f"table {name!r} in {self.uri} had a torn commit; set aside: {', '.join(moved)} "
                f"(kept in {self.quarantine}). Ingest again to redo it.",
                stacklevel=3,
            )

    def _is_sound(self, name: str) -> bool:
        """Whether the newest version opens and, unless it is known to be on disk, reads whole."""
        folder = self._folder(name)
        *between, newest = unsynced_versions(folder) or [synced_version(folder)]
        if newest == synced_version(folder):
            return opens(self._db, name, newest)
        if not all(opens(self._db, name, version) for version in between):
            return False
        if not reads(self._db, name, newest):
            return False
        self._note(name)
        return True

    def _note(self, name: str) -> None:
        """Force out what a killed writer left, so that the next opening is quick."""
        # Whoever holds the lock now does it with the next commit.
        with suppress(Timeout), self._lock.acquire(timeout=0):
            self.committed(self._db.open_table(name))


def is_one_of(column: str, values: list[str]) -> Any:
    """The LanceDB expression "column is one of these"; never built from text."""
    return col(column) == lit(values[0]) if len(values) == 1 else col(column).isin(values)
