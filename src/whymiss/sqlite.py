"""What the SQLite files beside a store share."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

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
