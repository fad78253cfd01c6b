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
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

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
    canonical_json,
)

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
        path = folder / "traces.sqlite"
        try:
            self._db = sqlite3.connect(path, timeout=60, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_TABLE)
            self._db.execute("CREATE INDEX IF NOT EXISTS by_time ON traces (asked_at)")
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"the trace log {path} cannot be opened: {error}. Move it away to start a new one."
            ) from error

    def query_hash(self, text: str) -> str:
        """Keyed hash (HMAC-SHA256) of a question: equal questions of this workspace are equal."""
        return hmac.new(self._key, text.encode("utf-8"), hashlib.sha256).hexdigest()

    def keep(self, trace: Trace, *, raw_text: bool) -> None:
        """Store a trace; without `raw_text` all ids, scores and times but no words."""
        body = trace_to_json(trace if raw_text else without_text(trace))
        with self._lock, self._db:
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
        with self._lock:
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
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM traces ORDER BY asked_at, trace_id"
            ).fetchall()
        return (trace_from_json(body) for (body,) in rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def without_text(trace: Trace) -> Trace:
    """A trace with every id, span, score and time, but no words of question, passages or answer."""
    context = trace.context
    if context is not None:
        bare = tuple(replace(p, text="", title="", headings=()) for p in context.passages)
        context = replace(context, passages=bare, text="")
    answer = trace.answer
    if answer is not None:
        answer = replace(answer, text="", prompt="")
    # The values of a filter can name a person or a customer as a question can.
    where = tuple(replace(c, value=("…",) if c.op == "in" else "…") for c in trace.where)
    return replace(trace, query_text=None, context=context, answer=answer, where=where)


def trace_to_json(trace: Trace) -> str:
    """A trace as one JSON object."""
    raw = asdict(trace)
    for score in raw["scores"]:
        # JSON has no NaN; an undefined score is written as null, beside its reason.
        score["value"] = None if math.isnan(score["value"]) else score["value"]
    return canonical_json(raw)


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
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(32)
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.touch(mode=0o600)
    scratch.write_bytes(key)
    try:
        # A link fails when another process was first; its key then counts.
        os.link(scratch, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        scratch.unlink()
    return key

