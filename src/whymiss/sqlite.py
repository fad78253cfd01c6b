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
