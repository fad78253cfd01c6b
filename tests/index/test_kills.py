"""An ingest killed at any moment leaves a store that opens, reads and converges."""

from __future__ import annotations

import random
import subprocess
import time
import warnings
from functools import cache
from pathlib import Path

from children import child, let_go
from ingesting import Library, documents

from whymiss.index import read_snapshot
from whymiss.records import Document

SCRIPT = Path(__file__).with_name("ingesting.py")
KILLS = 30


def finish(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    said = process.stdout.read()
    process.stdout.close()
    process.wait()
    return said


@cache
def every_document() -> dict[tuple[str, str], Document]:
    return {(d.doc_id, d.content_hash): d for n in range(KILLS + 1) for d in documents(n)}


def assert_reads_and_is_never_half(library: Library) -> None:
    """Every document's chunks are those of one of its states, from its start to its end."""
    known = every_document()
    names = library.store.table_names()
    for row in library.rows("documents") if "documents" in names else []:
        assert (row["doc_id"], row["content_hash"]) in known
        assert row["text"] == known[row["doc_id"], row["content_hash"]].text
    if "sources" in names:
        library.rows("sources")
    if not library.store.index_names():
        return
    texts: dict[str, set[str]] = {}
    for (doc_id, _), document in known.items():
        texts.setdefault(doc_id, set()).add(document.text)
    found: dict[str, list[object]] = {}
    rows = library.rows("index_main")
    assert len({row["chunk_id"] for row in rows}) == len(rows)
    for row in rows:
        found.setdefault(row["doc_id"], []).append(row["doc_state"])
    assert all(len(set(states)) == 1 for states in found.values())
    snapshot = read_snapshot(library.store, "main")
    for doc_id in snapshot.doc_ids:
        chunks = [c for c in snapshot.chunks if c.doc_id == doc_id]
        assert chunks[0].start == 0
        assert any(
            chunks[-1].end == len(text) and all(text[c.start : c.end] == c.text for c in chunks)
            for text in texts[doc_id]
        )


def test_thirty_kills_leave_every_time_a_store_that_opens_and_in_the_end_the_same_rows(
    tmp_path: Path,
) -> None:
    whole = child(SCRIPT, tmp_path / "whole", 0)
    let_go(whole)
    started = time.monotonic()
    assert finish(whole) == "done\n"
    duration = time.monotonic() - started

    killed, moments = tmp_path / "killed", random.Random(7)
    interrupted = 0
    waiting = child(SCRIPT, killed, 0)
    for number in range(KILLS):
        running = waiting
        let_go(running)
        waiting = child(SCRIPT, killed, number + 1)
        time.sleep(moments.uniform(0, duration))
        running.kill()
        interrupted += finish(running) == ""
        with warnings.catch_warnings():
            # A kill loses nothing that was committed: nothing is set aside.
            warnings.simplefilter("error")
            assert_reads_and_is_never_half(Library(killed))
    # Later rounds change less than the first, so some ended by themselves.
    assert interrupted >= KILLS // 2
    let_go(waiting)
    assert finish(waiting) == "done\n"

    whole = child(SCRIPT, tmp_path / "whole", KILLS)
    let_go(whole)
    assert finish(whole) == "done\n"
    one, other = Library(tmp_path / "whole"), Library(killed)
    for table in ("documents", "sources", "index_main"):
        assert one.rows(table) == other.rows(table)
    assert len(one.rows("documents")) == len(documents(KILLS)) == 270
