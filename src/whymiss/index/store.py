"""The folder or URI where everything is kept: LanceDB tables, and beside them the local state."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import lancedb
import pyarrow as pa
from filelock import FileLock, Timeout
from lancedb.expr import col, lit
from platformdirs import user_data_path

from whymiss.errors import IndexNotFoundError, StoreError
from whymiss.index.durable import force_to_disk, take_back_torn_commit
from whymiss.index.schema import FORMAT_VERSION, Manifest
from whymiss.records import digest

_INDEX_PREFIX: Final = "index_"
_COMMITS_BEFORE_COMPACTION: Final = 20


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
        self._commits: dict[str, int] = {}
        self._handles: dict[str, Any] = {}
        try:
            # Without this, a second connection serves what it saw when it opened.
            self._db = lancedb.connect(str(self.local or uri), read_consistency_interval=timedelta(0))
            names = self.table_names()
        except (OSError, RuntimeError, ValueError) as error:
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
        if name not in self.table_names():
            table = self._db.create_table(name, schema=schema, exist_ok=True)
            self.committed(table)
        return self._db.open_table(name)

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
        return self._db.open_table(_INDEX_PREFIX + name)

    def create_index(self, name: str, schema: pa.Schema) -> Any:
        """A new, empty index."""
        return self.open_table(_INDEX_PREFIX + name, schema)

    def drop_index(self, name: str) -> None:
        """Remove an index and its rows."""
        self.open_index(name)
        self._handles.pop(name, None)
        self._db.drop_table(_INDEX_PREFIX + name)

    def manifest(self, name: str) -> Manifest:
        """What an index was built with.

        Raises
        ------
        StoreError : the table is not an index of ours, or of a format this version cannot read.
        """
        manifest = Manifest.from_schema(self.open_index(name).schema)
        if manifest is None or manifest.format_version != FORMAT_VERSION:
            found = "no manifest" if manifest is None else f"format {manifest.format_version}"
            raise StoreError(
                f"index {name!r} in {self.uri} has {found}; this version reads format "
                f"{FORMAT_VERSION}. Drop it and build it again."
            )
        return manifest

    def index_stamp(self, name: str) -> tuple[str, int]:
        """Which build of an index is there now, and its version; cheap enough for every question."""
        table = self._handles.get(name)
        if table is None:
            table = self._handles[name] = self.open_index(name)
        manifest = Manifest.from_schema(table.schema)
        return (manifest.created if manifest else "", int(table.version))

    def upsert(self, table: Any, rows: pa.Table, *, key: str, replacing: Any = None) -> None:
        """Write rows in one commit: same key replaces, and rows of `replacing` not given go.

        `replacing` is a LanceDB expression, such as "of these documents".
        """
        merge = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
        if replacing is not None:
            merge = merge.when_not_matched_by_source_delete(replacing)
        merge.execute(rows)
        self.committed(table)

    def delete(self, table: Any, column: str, values: list[str]) -> None:
        """Delete the rows whose column has one of the values, in one commit."""
        if values:
            table.delete(is_one_of(column, values))
            self.committed(table)

    def committed(self, table: Any) -> None:
        """Make the last commit durable."""
        if self.local is not None:
            force_to_disk(self._folder(table.name), table.version)
        self._commits[table.name] = self._commits.get(table.name, 0) + 1

    def compact(self, table: Any, *, at_least: int = _COMMITS_BEFORE_COMPACTION) -> None:
        """Merge small files once enough commits were made; many small files slow every search."""
        if self._commits.get(table.name, 0) >= at_least:
            table.optimize()
            self.committed(table)
            self._commits[table.name] = 0

    def _folder(self, table_name: str) -> Path:
        assert self.local is not None
        return self.local / f"{table_name}.lance"

    def _heal(self, names: list[str]) -> None:
        if self.local is None:
            return
        for name in names:
            if self._reads(name):
                continue
            with self.writing():
                moved = take_back_torn_commit(self._folder(name), lambda name=name: self._reads(name))
            if not self._reads(name):
                raise StoreError(
                    f"table {name!r} in {self.uri} cannot be read, and no unfinished commit "
                    f"explains it (set aside: {moved or 'nothing'}). Restore it from a backup, or "
                    "move its folder away and ingest again."
                )
            warnings.warn(
                f"table {name!r} in {self.uri} had a torn commit; set aside: {', '.join(moved)} "
                f"(kept in {self._folder(name) / '_quarantine'}). Ingest again to redo it.",
                stacklevel=3,
            )

    def _reads(self, name: str) -> bool:
        # A scan of one row of every column opens the manifest and the footer of a data file; the
        # size check finds files cut short behind it.
        try:
            table = self._db.open_table(name)
            table.head(1)
            table.count_rows()
        except (OSError, RuntimeError, ValueError):
            return False
        return self.local is None or not _cut_short(self._folder(name))


def _cut_short(folder: Path) -> bool:
    """Whether a data file lacks Lance's closing magic bytes."""
    for path in (folder / "data").glob("*.lance"):
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) < 4:
                return True
            file.seek(-4, os.SEEK_END)
            if file.read(4) != b"LANC":
                return True
    return False


def is_one_of(column: str, values: list[str]) -> Any:
    """The LanceDB expression "column is one of these"; never built from text."""
    return col(column).isin(values) if len(values) > 1 else col(column) == lit(values[0])
