"""Which document's token vectors stand where: one SQLite file, committed as a whole."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from whymiss.embedding.token_shards import Place
from whymiss.errors import StoreError
from whymiss.sqlite import LOCK_TIMEOUT, as_store_error

_FORMAT: Final = 2
_KEYS_PER_LOOKUP: Final = 500
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS documents (
    content_hash TEXT NOT NULL, model TEXT NOT NULL, shard TEXT NOT NULL,
    position INTEGER NOT NULL, n_tokens INTEGER NOT NULL, dimension INTEGER NOT NULL,
    PRIMARY KEY (content_hash, model)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The token vectors of one text by one model, and where they stand."""

    content_hash: str
    model: str
    place: Place


class TokenIndex:
    """The records of a token store. Safe for threads and processes; one process writes at a time.

    Raises
    ------
    StoreError : the file is damaged, unreadable, or of another format.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._as_store_error():
            self._db = sqlite3.connect(path, timeout=LOCK_TIMEOUT, check_same_thread=False)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in (0, _FORMAT):
                raise StoreError(
                    f"the token store {path.parent} has format {version}; this version reads "
                    f"format {_FORMAT}. Delete the folder; it is built again from the documents."
                )
            if not version:
                with self._db:
                    self._db.execute(_TABLE)
                    self._db.execute(f"PRAGMA user_version = {_FORMAT}")

    def known(self, model: str, hashes: Sequence[str]) -> set[str]:
        """Those of the hashes that have a record of this model."""
        found: set[str] = set()
        for first in range(0, len(hashes), _KEYS_PER_LOOKUP):
            some = hashes[first : first + _KEYS_PER_LOOKUP]
            marks = ",".join("?" * len(some))
            rows = self._rows(
                f"SELECT content_hash FROM documents WHERE model = ? AND content_hash IN ({marks})",
                [model, *some],
            )
            found.update(content_hash for (content_hash,) in rows)
        return found

    def find(self, model: str, content_hash: str) -> Place | None:
        """Where the record stands; None when there is none."""
        rows = self._rows(
            "SELECT shard, position, n_tokens, dimension FROM documents "
            "WHERE content_hash = ? AND model = ?",
            [content_hash, model],
        )
        return _place(rows[0]) if rows else None

    def records(self) -> list[Record]:
        """Every record of every model, by shard and position."""
        rows = self._rows(
            "SELECT content_hash, model, shard, position, n_tokens, dimension FROM documents "
            "ORDER BY shard, position"
        )
        return [Record(content_hash=row[0], model=row[1], place=_place(row[2:])) for row in rows]

    def change(self, *, add: Iterable[Record] = (), without_shards: Collection[str] = ()) -> None:
        """Forget all records in some shards and add others, in one commit."""
        rows = [
            (r.content_hash, r.model, r.place.shard, r.place.position, r.place.n_tokens,
             r.place.dimension)
            for r in add
        ]  # fmt: skip
        with self._as_store_error(), self._lock, self._db:
            self._db.executemany(
                "DELETE FROM documents WHERE shard = ?", [(shard,) for shard in without_shards]
            )
            self._db.executemany("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)", rows)

    def forget(self, records: Iterable[Record]) -> None:
        """Remove records, in one commit."""
        rows = [(record.content_hash, record.model) for record in records]
        with self._as_store_error(), self._lock, self._db:
            self._db.executemany("DELETE FROM documents WHERE content_hash = ? AND model = ?", rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with self._as_store_error(), self._lock:
            return self._db.execute(sql, values).fetchall()

    def _as_store_error(self) -> AbstractContextManager[None]:
        return as_store_error(
            f"the token store's index {self._path}",
            "The store holds only what can be computed again: if it is damaged, delete its folder.",
        )


def _place(row: Sequence[Any]) -> Place:
    return Place(shard=row[0], position=row[1], n_tokens=row[2], dimension=row[3])
