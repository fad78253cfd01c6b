"""Finished questions on disk, so that an interrupted evaluation goes on where it stopped."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from whymiss.sqlite import LOCK_TIMEOUT, as_store_error, rewrite, use_wal

Row = dict[str, Any]


class EvaluationLog:
    """Rows of questions by run: a SQLite file. Safe for threads and processes.

    A run is named by all that decides its rows: configuration, index, documents, questions,
    measures. A row written is kept even if the process is killed at once.

    Raises
    ------
    StoreError : the file cannot be opened, read or written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> log = EvaluationLog(Path(mkdtemp()) / "evaluations.sqlite")
    >>> log.add("run", {"q1": {"n_hits": 5}})
    >>> log.rows("run"), log.rows("another")
    ({'q1': {'n_hits': 5}}, {})
    >>> log.forget("run")
    >>> log.rows("run")
    {}
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        with self._as_store_error():
            self._db = sqlite3.connect(path, timeout=LOCK_TIMEOUT, check_same_thread=False)
            use_wal(self._db)
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS rows (run TEXT, question TEXT, row TEXT NOT NULL, "
                "PRIMARY KEY (run, question)) WITHOUT ROWID"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS finished (trial TEXT PRIMARY KEY, body TEXT NOT NULL)"
            )

    def rows(self, run: str) -> dict[str, Row]:
        """The finished rows of a run, by question."""
        with self._as_store_error(), self._lock:
            found = self._db.execute(
                "SELECT question, row FROM rows WHERE run = ?", [run]
            ).fetchall()
            return {question: json.loads(row) for question, row in found}

    def add(self, run: str, rows: Mapping[str, Row]) -> None:
        """Keep finished rows, in one commit."""
        lines = [(run, question, json.dumps(row)) for question, row in rows.items()]
        with self._as_store_error(), self._lock, self._db:
            self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", lines)

    def forget(self, run: str) -> None:
        """Drop the rows of a run."""
        with self._as_store_error(), self._lock, self._db:
            self._db.execute("DELETE FROM rows WHERE run = ?", [run])

    def finished(self, trial: str) -> Row | None:
        """What was kept of a finished trial; None when there is none."""
        with self._as_store_error(), self._lock:
            found = self._db.execute(
                "SELECT body FROM finished WHERE trial = ?", [trial]
            ).fetchone()
            return json.loads(found[0]) if found else None

    def finish(self, trial: str, body: Row) -> None:
        """Keep a finished trial."""
        with self._as_store_error(), self._lock, self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO finished VALUES (?, ?)", [trial, json.dumps(body)]
            )

    def clear(self) -> int:
        """Erase every row and trial for good: answers quote documents; says how many went."""
        with self._as_store_error(), self._lock:
            with self._db:
                gone = self._db.execute("DELETE FROM rows").rowcount
                gone += self._db.execute("DELETE FROM finished").rowcount
            rewrite(self._db, f"the evaluation log {self._path}")
        return gone

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _as_store_error(self) -> AbstractContextManager[None]:
        return as_store_error(
            f"the evaluation log {self._path}",
            "It holds only what can be computed again: if it is damaged, delete it (with its -wal "
            "and -shm files).",
            also=(json.JSONDecodeError,),
        )
