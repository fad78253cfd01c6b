"""A store purged as a whole: what was deleted has no vector left, what stays needs no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation import Question
from whymiss.records import Query
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

PLAIN = PipelineConfig().replace(
    {"rerank.model": "", "chunking.size": 32, "chunking.heading_prefix": False}
)
FIRST = "Heliotrope umbrellas whisper beneath seventeen forgotten lighthouses tonight."
SECOND = "Vermilion marmalade guards nobody's quixotic zeppelin in the cellar."
SECRET = f"{FIRST} {SECOND}"
ASKED = "What do heliotrope umbrellas do?"
NEW = "Nothing else is written here."


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(8):
        text = f"Plan {number} lasts {number} months. It renews by itself {number} times."
        (folder / f"plan{number}.txt").write_text(text)
    (folder / "secret.txt").write_text(SECRET)
    return folder


def opened(docs: Path, config: PipelineConfig = PLAIN) -> Workbench:
    return whymiss.open(docs.parent / "store", config=config, encoder=HashingEncoder())


def holding(wb: Workbench, text: str) -> set[str]:
    """The files of a store that hold the vector of a text."""
    return files_with(wb, HashingEncoder().encode_documents([text])[0].astype("<f4").tobytes())


def files_with(wb: Workbench, raw: bytes) -> set[str]:
    """The files of a store in which some bytes stand."""
    place = wb.store.state
    files = [path for path in place.rglob("*") if path.is_file() and raw in path.read_bytes()]
    # SQLite's log is a file beside the cache.
    return {path.relative_to(place).parts[0].removesuffix("-wal") for path in files}


def test_vectors_of_what_was_deleted_are_in_no_file_after_a_purge(docs: Path) -> None:
    question = Question(query=Query(query_id="q", text=ASKED), documents={"secret.txt": 1.0})
    with opened(docs) as wb:
        wb.ingest(docs, allowed=["*"])
        wb.ask(ASKED)
        wb.sweep([question], {"chunking.size": [16]}, measures=["doc_recall@1"])
        # As a chunk of the index; as chunks of a configuration tried out, which are sentences too.
        assert holding(wb, SECRET) >= {"index_main.lance", "vectors.sqlite"}
        assert [holding(wb, text) for text in (FIRST, SECOND)] == [{"vectors.sqlite"}] * 2
        (docs / "secret.txt").unlink()
        wb.ingest(docs)
        assert holding(wb, SECRET) >= {"index_main.lance", "vectors.sqlite"}
        count = wb._cache.count()
        n_chunks = len(wb.chunks)
        assert wb.purge().n_vectors == count - n_chunks > 3
        assert [holding(wb, text) for text in (SECRET, FIRST, SECOND)] == [set()] * 3
        assert wb._cache.count() == n_chunks


def test_after_a_purge_what_is_unchanged_is_not_embedded_again(docs: Path) -> None:
    with opened(docs) as wb:
        wb.ingest(docs, allowed=["*"])
        before = wb.space().snapshot
        (docs / "secret.txt").unlink()
        (docs / "plan0.txt").write_text(NEW)
        wb.ingest(docs)
        wb.purge()
    with opened(docs) as wb:
        assert wb.ingest(docs).n_embedded == 0
        assert wb.ingest(docs, rebuild=True).n_embedded == 0
        (docs / "plan1.txt").write_text(f"{NEW} Not even twice.")
        assert wb.ingest(docs).n_embedded == 1
        after = wb.space().snapshot
    for chunk_id in before.row_of.keys() & after.row_of.keys():
        one, other = before.row_of[chunk_id], after.row_of[chunk_id]
        assert np.array_equal(before.vectors[one], after.vectors[other])
    assert len(before.row_of.keys() & after.row_of.keys()) == 6


def test_a_purge_needs_no_model(docs: Path) -> None:
    with opened(docs) as wb:
        wb.ingest(docs, allowed=["*"])
        (docs / "secret.txt").unlink()
        wb.ingest(docs)
    missing = PLAIN.replace({"embedding.model": "nobody/has-this-model"})
    with whymiss.open(docs.parent / "store", config=missing) as wb:
        assert wb.purge().n_vectors > 0
        assert holding(wb, SECRET) == set()


def test_after_a_purge_no_file_quotes_what_was_deleted(docs: Path) -> None:
    question = Question(query=Query(query_id="q", text=ASKED), documents={"secret.txt": 1.0})
    talkative = PLAIN.replace({"trace.raw_text": True})
    with opened(docs) as wb:
        wb.ingest(docs, allowed=["*"])
        wb.ask(ASKED, config=talkative)
        wb.ask("Plan 3 lasts 3 months", config=talkative.replace({"retrieval.k": 1}))
        wb.sweep([question], {"retrieval.k": [3]}, answers=True)
        (docs / "secret.txt").unlink()
        wb.ingest(docs)
        assert files_with(wb, FIRST.encode()) >= {"traces.sqlite", "evaluations.sqlite"}
        report = wb.purge()
        assert (report.n_traces, report.n_evaluated) == (1, 1)
        assert files_with(wb, FIRST.encode()) == set()
        secret, other = wb.log.all()
    assert secret.answer is not None
    assert other.context is not None
    assert (secret.query_text, secret.answer.text) == (ASKED, "")
    assert other.context.passages[0].text == "Plan 3 lasts 3 months. It renews by itself 3 times."
