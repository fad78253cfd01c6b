"""Vectors by content and model version, on disk: nothing is ever embedded twice."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whymiss.errors import StoreError
from whymiss.records import digest

if TYPE_CHECKING:
    from whymiss.protocols import Encoder, Tokenizer, Vectors

_KEYS_PER_LOOKUP = 500
_TEXTS_PER_COMMIT = 256


class VectorCache:
    """A SQLite file of vectors keyed by (model version, text). Safe for threads and processes.

    Raises
    ------
    StoreError : the file cannot be opened as a cache.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, timeout=60, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            # A lost last commit costs one re-embedding, never a wrong vector.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS vectors (model TEXT, key BLOB, vector BLOB NOT NULL, "
                "PRIMARY KEY (model, key)) WITHOUT ROWID"
            )
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"the vector cache {path} cannot be opened: {error}. It holds only what can be "
                "computed again: delete the file to start anew."
            ) from error

    def get(self, model_version: str, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The stored vectors among `keys`, by key."""
        found: dict[bytes, Vectors] = {}
        for first in range(0, len(keys), _KEYS_PER_LOOKUP):
            some = list(keys[first : first + _KEYS_PER_LOOKUP])
            marks = ",".join("?" * len(some))
            with self._lock:
                rows = self._db.execute(
                    f"SELECT key, vector FROM vectors WHERE model = ? AND key IN ({marks})",
                    [model_version, *some],
                ).fetchall()
            found.update({key: np.frombuffer(blob, dtype="<f4") for key, blob in rows})
        return found

    def put(self, model_version: str, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Store one vector per key, in one commit."""
        rows = [
            (model_version, key, vector.astype("<f4").tobytes())
            for key, vector in zip(keys, vectors, strict=True)
        ]
        with self._lock, self._db:
            self._db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)

    def count(self) -> int:
        """How many vectors are stored, over all models."""
        with self._lock:
            (number,) = self._db.execute("SELECT COUNT(*) FROM vectors").fetchone()
        return int(number)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


class CachedEncoder:
    """An `Encoder` that asks the cache first and remembers what it computes.

    What is computed is stored in steps, so that an interruption loses seconds, not hours.
    `n_encoded` counts the passages that really went through the model.
    """

    def __init__(self, encoder: Encoder, cache: VectorCache) -> None:
        self._encoder = encoder
        self._cache = cache
        self.n_encoded = 0

    @property
    def model_version(self) -> str:
        """The wrapped encoder's version."""
        return self._encoder.model_version

    @property
    def dimension(self) -> int:
        """The wrapped encoder's dimension."""
        return self._encoder.dimension

    @property
    def max_tokens(self) -> int:
        """The wrapped encoder's limit."""
        return self._encoder.max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """The wrapped encoder's tokenizer."""
        return self._encoder.tokenizer

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors of passages; each distinct text is computed at most once, ever."""
        keys = [bytes.fromhex(digest(text)) for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        vectors = self._cache.get(self.model_version, list(text_of))
        if progress is not None:
            progress(sum(key in vectors for key in keys))
        missing = [key for key in text_of if key not in vectors]
        # Like lengths together, or each step would pad anew.
        missing.sort(key=lambda key: -len(text_of[key]))
        for first in range(0, len(missing), _TEXTS_PER_COMMIT):
            step = missing[first : first + _TEXTS_PER_COMMIT]
            fresh = self._encoder.encode_documents(
                [text_of[key] for key in step], progress=progress
            )
            self._cache.put(self.model_version, step, fresh)
            self.n_encoded += len(step)
            vectors.update(zip(step, fresh, strict=True))
        if not keys:
            return np.empty((0, self.dimension), dtype=np.float32)
        return np.stack([vectors[key] for key in keys]).astype(np.float32, copy=False)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries; not remembered, because questions are private."""
        return self._encoder.encode_queries(texts)
