"""The log of requests: what every stage did, kept in the store, without the words unless asked."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from whymiss.errors import StoreError, TraceError
from whymiss.records import (
    Answer,
    Citation,
    Clause,
    Context,
    Hit,
    Passage,
    Ranking,
    Score,
    Trace,
)
from whymiss.sqlite import LOCK_TIMEOUT, as_store_error, rewrite, use_wal

_KEY_BYTES: Final = 32

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS traces (
    trace_id TEXT PRIMARY KEY, asked_at TEXT NOT NULL, query_hash TEXT NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID
"""


class TraceLog:
    """Traces in a SQLite file, and the workspace's key for hashing questions.

    A plain hash of a question can be guessed by trying likely questions; the key makes that
    useless to whoever holds the log without it.

    Raises
    ------
    StoreError : the file cannot be opened as a trace log.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._key = _workspace_key(folder / "trace.key")
        self._lock = threading.Lock()
        self._path = folder / "traces.sqlite"
        # SQLite does not wait for others when it first switches to write-ahead; so we do.
        with FileLock(folder / "traces.lock"), self._file() as path:
            self._db = sqlite3.connect(path, timeout=LOCK_TIMEOUT, check_same_thread=False)
            use_wal(self._db)
            self._db.execute(_TABLE)
            self._db.execute("CREATE INDEX IF NOT EXISTS by_time ON traces (asked_at)")

    def query_hash(self, text: str) -> str:
        """Keyed hash (HMAC-SHA256) of a question: equal questions of this workspace are equal."""
        raw = text.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, raw, hashlib.sha256).hexdigest()

    def keep(self, trace: Trace, *, raw_text: bool) -> None:
        """Store a trace; without `raw_text` all ids, scores and times but no words."""
        body = trace_to_json(trace if raw_text else without_text(trace))
        with self._file(), self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO traces VALUES (?, ?, ?, ?)",
                (trace.trace_id, trace.asked_at, trace.query_hash, body),
            )

    def read(self, trace_id: str) -> Trace:
        """One trace by its id, or by the beginning of it when that is unique.

        Raises
        ------
        TraceError : there is none, or several.
        """
        with self._file():
            rows = self._db.execute(
                "SELECT body FROM traces WHERE substr(trace_id, 1, ?) = ? LIMIT 2",
                (len(trace_id), trace_id),
            ).fetchall()
        if len(rows) != 1 or not trace_id:
            found = "several traces begin so" if rows else "there is none"
            raise TraceError(f"trace {trace_id!r}: {found}. The frame `trace` lists all ids.")
        return trace_from_json(rows[0][0])

    def all(self) -> Iterator[Trace]:
        """Every trace, oldest first."""
        with self._file():
            rows = self._db.execute(
                "SELECT body FROM traces ORDER BY asked_at, trace_id"
            ).fetchall()
        return (trace_from_json(body) for (body,) in rows)

    def erase_quotes(self, stands: Callable[[Trace], bool]) -> int:
        """Take the words of passages and answers out of traces, for good; says out of how many.

        Parameters
        ----------
        stands : whether what a trace quotes is still stored, and may be kept.
        """
        bare = [
            without_quotes(trace) for trace in self.all() if quotes(trace) and not stands(trace)
        ]
        with self._file():
            with self._db:
                self._db.executemany(
                    "UPDATE traces SET body = ? WHERE trace_id = ?",
                    [(trace_to_json(trace), trace.trace_id) for trace in bare],
                )
            rewrite(self._db, f"the trace log {self._path}")
        return len(bare)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _file(self) -> Iterator[Path]:
        named = f"the trace log {self._path}"
        with as_store_error(named, "Move it away to start a new one."), self._lock:
            yield self._path


def without_text(trace: Trace) -> Trace:
    """A trace with every id, span, score and time, but no words of question, passages or answer.

    Kept are names: documents, fields of filters, principals, the generator and, where it abstained,
    its reason, which must therefore quote nothing.
    """
    # The values of a filter can name a person or a customer as a question can.
    where = tuple(replace(c, value=("…",) if c.op == "in" else "…") for c in trace.where)
    return replace(without_quotes(trace), query_text=None, where=where)


def without_quotes(trace: Trace) -> Trace:
    """A trace without the words of passages and answer; the question stays as it is."""
    context = trace.context
    if context is not None:
        bare = tuple(replace(p, text="", title="", headings=()) for p in context.passages)
        context = replace(context, passages=bare, text="")
    answer = trace.answer
    if answer is not None:
        answer = replace(answer, text="", prompt="")
    return replace(trace, context=context, answer=answer)


def quotes(trace: Trace) -> bool:
    """Whether a trace holds words of passages or of an answer."""
    return trace != without_quotes(trace)


def trace_to_json(trace: Trace) -> str:
    """A trace as one JSON object."""
    # ASCII alone: what a model wrote may hold half characters, which a file cannot.
    return json.dumps(trace, default=_fields, sort_keys=True, separators=(",", ":"))


def _fields(value: Any) -> dict[str, Any]:
    # Level by level, without the deep copy that dataclasses.asdict makes of hundreds of hits.
    if isinstance(value, Mapping):
        return dict(value)
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Score) and math.isnan(value.value):
        # JSON has no NaN; an undefined score is written as null, beside its reason.
        found["value"] = None
    return found


def trace_from_json(text: str) -> Trace:
    """The trace of a JSON object made by `trace_to_json`.

    Raises
    ------
    TraceError : it is not one.
    """
    try:
        raw: dict[str, Any] = json.loads(text)
        raw["principals"] = tuple(raw["principals"])
        raw["where"] = tuple(Clause(**clause) for clause in raw["where"])
        raw["rankings"] = tuple(_ranking(ranking) for ranking in raw["rankings"])
        raw["context"] = _context(raw["context"])
        raw["answer"] = _answer(raw["answer"])
        raw["scores"] = tuple(_score(score) for score in raw["scores"])
        raw["flags"] = tuple(raw["flags"])
        return Trace(**raw)
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(f"this is not a trace that whymiss wrote: {error}") from error


def _ranking(raw: dict[str, Any]) -> Ranking:
    return Ranking(**{**raw, "hits": tuple(Hit(**hit) for hit in raw["hits"])})


def _context(raw: dict[str, Any] | None) -> Context | None:
    if raw is None:
        return None
    passages = tuple(
        Passage(**{**p, "chunk_ids": tuple(p["chunk_ids"]), "headings": tuple(p["headings"])})
        for p in raw["passages"]
    )
    dropped = tuple((chunk_id, reason) for chunk_id, reason in raw["dropped"])
    return Context(**{**raw, "passages": passages, "dropped": dropped})


def _answer(raw: dict[str, Any] | None) -> Answer | None:
    if raw is None:
        return None
    return Answer(**{**raw, "citations": tuple(Citation(**c) for c in raw["citations"])})


def _score(raw: dict[str, Any]) -> Score:
    value = float("nan") if raw["value"] is None else raw["value"]
    return Score(**{**raw, "value": value})


def _workspace_key(path: Path) -> bytes:
    if not path.exists():
        _make_key(path)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise StoreError(
            f"the key {path} has {len(key)} bytes instead of {_KEY_BYTES}, so hashes of questions "
            "could be guessed. Restore it, or delete it to start with a new one."
        )
    return key


def _make_key(path: Path) -> None:
    # Written whole and then linked, so that nobody ever reads half a key; the link fails when
    # another thread or process was first, and its key counts.
    scratch = path.with_suffix(f".{secrets.token_hex(8)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        scratch.unlink()
