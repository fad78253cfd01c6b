"""Upserts the documents and chunks of a round, with the store's lock or without it.

Run as a script it waits for a line on stdin and says "done".
"""

from __future__ import annotations

import sys
from pathlib import Path

from ingesting import Library, documents, small_batches

from whymiss.index.documents import write_documents


def locked(folder: Path, found: list) -> None:  # type: ignore[type-arg]
    """A whole ingest."""
    library = Library(folder)
    library.sync(found)
    library.build()


def unlocked(folder: Path, found: list) -> None:  # type: ignore[type-arg]
    """Writes of documents that do not ask for the lock."""
    store = Library(folder).store
    for first in range(0, len(found), 10):
        write_documents(store, found[first : first + 10])


def main(how: str, folder: str) -> None:
    small_batches()
    found = documents(0)[:90]
    print("ready", flush=True)
    sys.stdin.readline()
    {"locked": locked, "unlocked": unlocked}[how](Path(folder), found)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
