"""Vectors by content and model version, on disk: nothing is ever embedded twice."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from whymiss.errors import ModelError
from whymiss.records import digest
from whymiss.sqlite import LOCK_TIMEOUT, as_store_error, rewrite, use_wal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Encoder, PoolingEncoder, TokenEncoder, Tokenizer, Vectors

_KEYS_PER_LOOKUP: Final = 500
_TEXTS_PER_COMMIT: Final = 256
_BYTES_PER_NUMBER: Final = 4
_TOLERANCE: Final = 1e-3
_TOKEN_METHODS: Final = ("no_token_vectors_because", "document_tokens", "query_tokens")
_POOLING_METHODS: Final = ("no_token_vectors_because", "pooled_documents", "pooled_queries")


class VectorCache:
    """A SQLite file of vectors keyed by (model version, text). Safe for threads and processes.

    It holds only what can be computed again, and no text; but a vector tells much of its text.

    Raises
    ------
    StoreError : the file cannot be opened, read or written as a cache.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        with self._as_store_error():
            self._db = sqlite3.connect(path, timeout=LOCK_TIMEOUT, check_same_thread=False)
            use_wal(self._db)
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS vectors (model TEXT, key BLOB, vector BLOB NOT NULL, "
                "PRIMARY KEY (model, key)) WITHOUT ROWID"
            )

    def get(
        self, model_version: str, keys: Sequence[bytes], *, dimension: int
    ) -> dict[bytes, Vectors]:
        """The stored vectors among `keys`, by key; a damaged one counts as not stored."""
        found: dict[bytes, Vectors] = {}
        for first in range(0, len(keys), _KEYS_PER_LOOKUP):
            some = list(keys[first : first + _KEYS_PER_LOOKUP])
            marks = ",".join("?" * len(some))
            with self._as_store_error(), self._lock:
                rows = self._db.execute(
                    f"SELECT key, vector FROM vectors WHERE model = ? AND key IN ({marks}) "
                    "AND length(vector) = ?",
                    [model_version, *some, dimension * _BYTES_PER_NUMBER],
                ).fetchall()
            if rows:
                vectors = np.frombuffer(b"".join(blob for _, blob in rows), dtype="<f4")
                vectors = vectors.reshape(len(rows), dimension)
                good = is_unit(vectors)
                found.update({key: vectors[i] for i, (key, _) in enumerate(rows) if good[i]})
        return found

    def put(self, model_version: str, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Store one vector per key, in one commit."""
        rows = [
            (model_version, key, vector.astype("<f4").tobytes())
            for key, vector in zip(keys, vectors, strict=True)
        ]
        with self._as_store_error(), self._lock, self._db:
            self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def count(self) -> int:
        """How many vectors are stored, over all models."""
        with self._as_store_error(), self._lock:
            (number,) = self._db.execute("SELECT COUNT(*) FROM vectors").fetchone()
        return int(number)

    def keep_only(self, kept: Iterable[tuple[str, bytes]]) -> int:
        """Erase every vector but those of some (model version, `key_of` text); says how many went.

        The file is written anew and its log emptied, so that no byte of them is left in either.

        Raises
        ------
        StoreError : another process has been reading for so long that the log cannot be emptied.
        """
        with self._as_store_error(), self._lock:
            erased = self._delete_all_but(kept)
            rewrite(self._db, f"the vector cache {self._path}")
        return erased

    def _delete_all_but(self, kept: Iterable[tuple[str, bytes]]) -> int:
        self._db.execute(
            "CREATE TEMP TABLE kept (model TEXT, key BLOB, PRIMARY KEY (model, key)) WITHOUT ROWID"
        )
        try:
            with self._db:
                self._db.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?)", kept)
                gone = self._db.execute(
                    "DELETE FROM vectors WHERE (model, key) NOT IN (SELECT model, key FROM kept)"
                )
            return gone.rowcount
        finally:
            self._db.execute("DROP TABLE kept")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _as_store_error(self) -> AbstractContextManager[None]:
        return as_store_error(
            f"the vector cache {self._path}",
            "It holds only what can be computed again: if it is damaged, delete it (with its -wal "
            "and -shm files).",
        )


def key_of(text: str) -> bytes:
    """What a text's vectors are kept under: its hash."""
    return bytes.fromhex(digest(text))


def is_unit(vectors: Vectors) -> NDArray[np.bool_]:
    """Which rows are of length 1; one that is not finite is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        unit: NDArray[np.bool_] = np.abs(np.linalg.norm(vectors, axis=1) - 1.0) < _TOLERANCE
    return unit


class CachedEncoder:
    """An `Encoder` that asks the cache first and remembers what it computes.

    What is computed is stored in steps, so that an interruption loses seconds, not hours.
    `n_encoded` counts the passages that really went through the model.

    Raises
    ------
    ModelError : the encoder gives vectors of another shape than it says, or not of length 1.
    """

    def __init__(self, encoder: Encoder, cache: VectorCache) -> None:
        self._encoder = encoder
        self._cache = cache
        self._at_hand: dict[str, Vectors] = {}
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

    @property
    def token_encoder(self) -> TokenEncoder | None:
        """The wrapped encoder where it has the methods of a `TokenEncoder`; None where not.

        Token vectors are kept in a token store, not here. That it has the methods does not say that
        it can: see `no_token_vectors_because`.
        """
        if _has(self._encoder, _TOKEN_METHODS):
            return cast("TokenEncoder", self._encoder)
        return None

    @property
    def pooling_encoder(self) -> PoolingEncoder | None:
        """The wrapped encoder where it has the methods of a `PoolingEncoder`; None where not."""
        return pooling_encoder(self._encoder)

    def encode_once(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of passages that are made up to be tried: they are not remembered."""
        vectors = self._encoder.encode_documents(texts)
        self._check(vectors, len(texts))
        return vectors

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors of passages; each distinct text is computed at most once, ever."""
        keys = [key_of(text) for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        vectors = self._cache.get(self.model_version, list(text_of), dimension=self.dimension)
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
            self._check(fresh, len(step))
            self._cache.put(self.model_version, step, fresh)
            self.n_encoded += len(step)
            vectors.update(zip(step, fresh, strict=True))
        if not keys:
            return np.empty((0, self.dimension), dtype=np.float32)
        return np.stack([vectors[key] for key in keys]).astype(np.float32, copy=False)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries; not remembered, because questions are private."""
        if texts and all(text in self._at_hand for text in texts):
            return np.stack([self._at_hand[text] for text in texts])
        vectors = self._encoder.encode_queries(texts)
        self._check(vectors, len(texts))
        return vectors

    @contextmanager
    def at_hand(self, texts: Sequence[str]) -> Iterator[Callable[[], Vectors]]:
        """Keep the vectors of queries that are no secret, labelled questions say, for a while.

        Gives a function that encodes all of them in one batch when it is first called. From then
        on, until the block ends, `encode_queries` finds each of them at hand. An encoder that
        names its `query_version` has them kept in the cache, for the next time. A block inside
        another gives back what the outer one had at hand.
        """
        before = self._at_hand
        made: list[Vectors] = []

        def vectors() -> Vectors:
            if not made:
                made.append(self._questions(texts))
                self._at_hand = self._at_hand | dict(zip(texts, made[0], strict=True))
            return made[0]

        try:
            yield vectors
        finally:
            self._at_hand = before

    def _questions(self, texts: Sequence[str]) -> Vectors:
        version = getattr(self._encoder, "query_version", "")
        keys = [key_of(text) for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        known = self._cache.get(version, list(text_of), dimension=self.dimension) if version else {}
        missing = [key for key in text_of if key not in known]
        if missing:
            fresh = self._encoder.encode_queries([text_of[key] for key in missing])
            self._check(fresh, len(missing))
            if version:
                self._cache.put(version, missing, fresh)
            known.update(zip(missing, fresh, strict=True))
        if not keys:
            return np.empty((0, self.dimension), dtype=np.float32)
        return np.stack([known[key] for key in keys]).astype(np.float32, copy=False)

    def _check(self, vectors: Vectors, n_texts: int) -> None:
        wanted = (n_texts, self.dimension)
        if vectors.shape != wanted or not is_unit(vectors).all():
            found = f"shape {vectors.shape}" if vectors.shape != wanted else "other vectors"
            raise ModelError(
                f"encoder {self.model_version} must give vectors of length 1 in shape {wanted}; "
                f"got {found}. Such vectors cannot be compared or found again; nothing was stored."
            )


def pooling_encoder(encoder: Encoder) -> PoolingEncoder | None:
    """The encoder itself, or the one it wraps, where it gives the tokens it averages.

    That it has the methods does not say that it can: see `no_token_vectors_because`.

    >>> from whymiss.testing import HashingEncoder
    >>> pooling_encoder(HashingEncoder()).model_version
    'hashing-64'
    """
    if isinstance(encoder, CachedEncoder):
        return encoder.pooling_encoder
    return cast("PoolingEncoder", encoder) if _has(encoder, _POOLING_METHODS) else None


def _has(encoder: Encoder, methods: Sequence[str]) -> bool:
    # Not isinstance, which would read every property and so load the model.
    return all(hasattr(type(encoder), name) for name in methods)
