"""What the SQLite files beside a store share."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from whymiss.errors import StoreError

LOCK_TIMEOUT: Final = 60.0
"""Seconds to wait for another process that writes."""


def use_wal(db: sqlite3.Connection) -> None:
    """Write ahead of the file: readers never wait, and a commit needs no wait for the disk.

    A killed process loses nothing; a power cut may cost the last commits, never the file.
    """
    # SQLite does not wait for the lock here, whatever the timeout: processes that start at the
    # same time would fail.
    give_up = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
    db.execute("PRAGMA synchronous=NORMAL")


def rewrite(db: sqlite3.Connection, who: str) -> None:
    """Write the file anew and empty its log, so that no byte of what was deleted is left in either.

    Raises
    ------
    StoreError : another process has been reading for so long that the log cannot be emptied.
    """
    # Deleting leaves bytes in pages that are used again or not at all.
    db.execute("VACUUM")
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreError(
            f"{who} still holds what was erased in its log: another process has been reading it "
            f"for more than {LOCK_TIMEOUT:.0f} s. Purge again when that has ended."
        )


@contextmanager
def as_store_error(
    who: str, advice: str, *, also: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn what SQLite raises, and what is named beside it, into one error that says what to do.

    >>> with as_store_error("the log", "Delete it."):
    ...     raise sqlite3.OperationalError("disk I/O error")
    Traceback (most recent call last):
    ...
    whymiss.errors.StoreError: the log cannot be used: disk I/O error. Delete it.
    """
    kinds: tuple[type[Exception], ...] = (sqlite3.Error, *also)
    try:
        yield
    except kinds as error:
        raise StoreError(f"{who} cannot be used: {error}. {advice}") from error
