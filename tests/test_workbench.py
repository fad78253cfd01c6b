"""The object that a notebook opens, over real stores and a fast encoder."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.errors import (
    ChunkingError,
    ConfigError,
    DocumentError,
    FilterError,
    IndexMismatchError,
    IndexNotFoundError,
    InvalidRecordError,
    ModelError,
    StoreError,
)
from whymiss.records import Document, Query, Trace
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

FILES = {
    "plans/annual.md": "---\nallowed: '*'\nplan_type: annual\n---\n# Annual plans\n\n"
    "Annual plans include phone support.\n\n## Refunds\n\nA refund takes ten days.\n",
    "plans/monthly.md": "---\nallowed: '*'\nplan_type: monthly\n---\n# Monthly plans\n\n"
    "Monthly plans include support by mail, FW-1042 aside.\n",
    "internal/credit.md": "---\nallowed: [support]\n---\n# Goodwill\n\n"
    "An agent may give a credit of forty euros.\n",
    "notes.txt": "Nobody said who may read this.\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def opened(place: Path, encoder: Any = None, **fields: Any) -> Workbench:
    return whymiss.open(place, encoder=encoder or HashingEncoder(), **fields)


@pytest.fixture
def wb(tmp_path: Path, folder: Path) -> Iterator[Workbench]:
    with opened(tmp_path / "store") as workbench:
        workbench.ingest(folder)
        yield workbench


def best(trace: Trace) -> str:
    hits = trace.rankings[-1].hits
    return hits[0].doc_id if hits else ""


def document(doc_id: str = "faq", text: str = "Refunds take ten days.", **fields: Any) -> Document:
    return Document(doc_id=doc_id, text=text, **{"allowed": ["*"], **fields})


# Asking


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_a_folder_is_ingested_and_questions_are_answered_in_every_mode(
    wb: Workbench, mode: str
) -> None:
    config = wb.config.replace(retrieval__mode=mode, answer__min_support=0.2)
    trace = wb.ask("Do annual plans include phone support?", config=config)
    assert best(trace) == "plans/annual.md"
    assert trace.answer is not None
    assert "Annual plans include phone support." in trace.answer.text
    assert trace.answer.citations[0].doc_id == "plans/annual.md"
    assert trace.config_fingerprint == config.fingerprint()


@pytest.mark.parametrize(
    ("principal", "sees"),
    [
        ((), False), (None, False), ([], False), ("finance", False), ("support", True),
        (["finance", "support"], True), (("support",), True),
    ],
)  # fmt: skip
def test_who_asks_decides_what_is_found(wb: Workbench, principal: Any, sees: bool) -> None:
    trace = wb.ask("How much credit may an agent give?", principal=principal)
    found = {hit.doc_id for ranking in trace.rankings for hit in ranking.hits}
    assert ("internal/credit.md" in found) == sees
    assert "notes.txt" not in found


def test_where_limits_the_search(wb: Workbench) -> None:
    for where in ({"plan_type": "monthly"}, ["plan_type=monthly"], "plan_type = monthly"):
        trace = wb.ask("Do plans include support?", where=where)
        assert {h.doc_id for r in trace.rankings for h in r.hits} == {"plans/monthly.md"}


@pytest.mark.parametrize(
    ("call", "error", "complaint"),
    [
        ({"text": " "}, InvalidRecordError, "at least one word"),
        ({"text": None}, InvalidRecordError, "at least one word"),
        ({"text": "a\ud800"}, InvalidRecordError, "not Unicode"),
        ({"text": "a", "principal": [5]}, InvalidRecordError, "a principal is a name"),
        ({"text": "a", "principal": ""}, InvalidRecordError, "a principal is a name"),
        ({"text": "a", "where": ["plan"]}, FilterError, "field=value"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    wb: Workbench, call: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        wb.ask(**call)
    assert len(wb.trace) == 0


def test_a_query_made_by_hand_keeps_its_id(wb: Workbench) -> None:
    trace = wb.run(Query(query_id="q-17", text="annual phone support"), answer=False)
    assert {r.query_id for r in trace.rankings} == {"q-17"}
    assert trace.answer is None
    assert wb.trace["trace_id"].tolist() == [trace.trace_id]


def test_parents_are_read_when_small_chunks_match(tmp_path: Path) -> None:
    text = "\n\n".join(
        f"Paragraph {i} speaks of topic{i} and of nothing else at all." for i in range(8)
    )
    knobs = {"chunking.strategy": "parent_child", "chunking.size": 12, "chunking.parent_size": 60,
             "retrieval.k": 1, "retrieval.mode": "bm25"}  # fmt: skip
    with opened(tmp_path, config=PipelineConfig().replace(knobs)) as wb:
        wb.ingest([document(text=text)])
        trace = wb.ask("topic3", answer=False)
    assert trace.context is not None
    (passage,) = trace.context.passages
    hit = trace.rankings[-1].hits[0]
    chunk_text = next(c for c in wb.chunks.itertuples() if c.chunk_id == hit.chunk_id)
    assert passage.start <= chunk_text.start
    assert passage.end >= chunk_text.end
    assert passage.end - passage.start > chunk_text.end - chunk_text.start
    assert passage.text == text[passage.start : passage.end]


# Several indexes


def test_several_indexes_stand_side_by_side_and_are_all_kept_up_to_date(
    wb: Workbench, folder: Path
) -> None:
    small = wb.config.replace(
        {"index.name": "small", "chunking.strategy": "fixed", "chunking.size": 8}
    )
    report = wb.build(small)
    assert report.n_chunks_written > len(wb.chunks)
    assert wb.indexes["name"].tolist() == ["main", "small"]
    (folder / "plans" / "weekly.md").write_text("---\nallowed: '*'\n---\nWeekly plans are gone.\n")
    ingest = wb.ingest(folder)
    assert [b.index for b in ingest.built] == ["main", "small"]
    for config in (wb.config, small):
        trace = wb.ask("Are weekly plans gone?", config=config)
        assert best(trace) == "plans/weekly.md"
        assert trace.index_name == config.index.name
    assert wb.indexes[["n_missing", "n_stale", "n_orphan"]].to_numpy().sum() == 0


def test_an_index_that_does_not_exist_is_named_with_those_that_do(wb: Workbench) -> None:
    with pytest.raises(IndexNotFoundError, match=r"no index 'other'.*it has: main"):
        wb.ask("annual", config=wb.config.replace(index__name="other"))


def test_an_index_of_other_settings_is_refused_whether_or_not_it_is_in_memory(
    wb: Workbench,
) -> None:
    other = wb.config.replace(chunking__size=64)
    for _ in range(2):
        with pytest.raises(IndexMismatchError, match=r"chunking\.size is 200 there, 64 here"):
            wb.ask("annual", config=other)
        wb.ask("annual")
    with pytest.raises(IndexMismatchError, match=r"rebuild=True"):
        wb.ingest([document()], config=other)
    with pytest.raises(DocumentError, match="no document 'faq'"):
        wb.document("faq")


def test_an_index_of_another_model_is_refused_in_the_same_words(
    wb: Workbench, tmp_path: Path
) -> None:
    with opened(tmp_path / "store", HashingEncoder(dimension=32)) as other:
        with pytest.raises(IndexMismatchError, match="its model is hashing-64, yours hashing-32"):
            other.ask("annual")
        with pytest.raises(IndexMismatchError, match="its model is hashing-64"):
            other.ingest([document()])
        other.ingest([document()], rebuild=True)
        assert best(other.ask("How long do refunds take?")) == "faq"
    # The first workbench notices that its index was made anew with another model.
    with pytest.raises(IndexMismatchError, match="its model is hashing-32, yours hashing-64"):
        wb.ask("annual")


def test_a_model_that_is_missing_is_told_when_a_question_needs_it(tmp_path: Path) -> None:
    with whymiss.open(tmp_path, config=PipelineConfig().replace(embedding__model="no/such")) as wb:
        with pytest.raises(ModelError, match="'no/such' is not on this machine"):
            wb.ask("annual")
        with pytest.raises(ModelError, match="'no/such' is not on this machine"):
            wb.ingest([document()])
        assert len(wb.documents) == 0


def test_an_index_that_cannot_follow_stays_behind_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as wb:
        wb.ingest([document()])
    narrow = HashingEncoder(dimension=32)
    other = PipelineConfig().replace(index__name="narrow")
    with opened(tmp_path, narrow, config=other) as wb:
        report = wb.ingest([document("new", "Another text.")])
        assert [b.index for b in report.built] == ["narrow"]
        assert any("index 'main' stays behind" in note for note in report.notes)
        health = wb.indexes.set_index("name")
        assert health["n_missing"].to_dict() == {"main": 1, "narrow": 0}


def test_rebuilding_takes_other_settings_for_the_same_name(wb: Workbench, folder: Path) -> None:
    other = wb.config.replace(chunking__strategy="fixed", chunking__size=16)
    wb.ask("annual")
    wb.ingest(folder, config=other, rebuild=True)
    assert best(wb.ask("annual phone support", config=other)) == "plans/annual.md"
    with pytest.raises(IndexMismatchError, match="strategy is 'fixed' there, 'heading' here"):
        wb.ask("annual")


# Ingesting


def test_a_second_ingest_of_the_same_costs_nothing(wb: Workbench, folder: Path) -> None:
    before = wb.indexes["version"].tolist()
    report = wb.ingest(folder)
    assert report.n_embedded == 0
    assert report.files["change"].tolist() == ["unchanged"] * len(FILES)
    assert wb.indexes["version"].tolist() == before


def test_a_changed_file_is_served_anew_and_a_removed_one_no_more(
    wb: Workbench, folder: Path
) -> None:
    path = folder / "plans" / "annual.md"
    path.write_text(path.read_text().replace("ten days", "three weeks"))
    (folder / "plans" / "monthly.md").unlink()
    report = wb.ingest(folder)
    changes = report.files.set_index("doc_id")["change"]
    assert changes["plans/annual.md"] == "changed"
    assert changes["plans/monthly.md"] == "removed"
    trace = wb.ask("How long does a refund take?")
    assert "three weeks" in (trace.answer.text if trace.answer else "")
    assert "FW-1042" not in str(wb.chunks["text"].tolist())


def test_documents_that_nobody_may_read_are_told_whatever_their_source(
    wb: Workbench, folder: Path, tmp_path: Path
) -> None:
    note = "1 of 4 documents name no principal and are readable by nobody (first: notes.txt)"
    assert any(note in n for n in wb.ingest(folder).notes)
    with opened(tmp_path / "python") as other:
        (told,) = other.ingest([document(allowed=())]).notes
        assert "1 of 1 documents name no principal" in told
        assert other.ingest([document()]).notes == ()


def test_allowed_is_for_documents_that_name_nobody(tmp_path: Path) -> None:
    with opened(tmp_path) as wb:
        closed = document("closed", allowed=["hr"])
        wb.ingest([document("open", allowed=()), closed], allowed=["*"])
        readers = wb.documents.set_index("doc_id")["allowed"]
        assert readers.to_dict() == {"closed": ("hr",), "open": ("*",)}


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_a_corpus_of_json_lines_is_ingested(tmp_path: Path, suffix: str) -> None:
    lines = "\n".join(
        json.dumps({"_id": f"d{i}", "title": f"T{i}", "text": t, "metadata": {"n": i}})
        for i, t in enumerate(["Refunds take ten days.", "Phone support is annual."])
    )
    path = tmp_path / f"corpus.{suffix}"
    path.write_bytes(gzip.compress(lines.encode()) if suffix.endswith("gz") else lines.encode())
    with opened(tmp_path / "store") as wb:
        report = wb.ingest(str(path), allowed=["*"])
        assert report.files["change"].tolist() == ["added", "added"]
        assert best(wb.ask("How long do refunds take?")) == "d0"
        assert best(wb.ask("refunds", where={"n": 1})) == "d1"
        assert wb.document("d1").title == "T1"


@pytest.mark.parametrize(
    ("source", "fields", "error", "complaint"),
    [
        ("no/such/folder", {}, DocumentError, "no/such/folder"),
        ("no/such.jsonl", {}, DocumentError, "no/such.jsonl"),
        (document(), {}, InvalidRecordError, "Put documents in a list"),
        (5, {}, InvalidRecordError, "a list of documents; got one int"),
        ([{"text": "a"}], {}, InvalidRecordError, "got dict"),
        ([], {"allowed": "staff"}, ConfigError, "allowed must be a list of names; got 'staff'"),
    ],
)
def test_what_cannot_be_ingested_is_refused(
    tmp_path: Path, source: Any, fields: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with opened(tmp_path) as wb, pytest.raises(error, match=complaint):
        wb.ingest(source, **fields)


def test_a_chunker_of_ones_own_is_used_and_found_missing_before_anything_is_written(
    tmp_path: Path,
) -> None:
    config = PipelineConfig().replace(chunking__strategy="custom:lines")
    with (
        opened(tmp_path, config=config) as wb,
        pytest.raises(ChunkingError, match="needs the function of strategy 'custom:lines'"),
    ):
        wb.ingest([document()])
    with opened(tmp_path, config=config, chunkers={"lines": lambda t: t.split("\n")}) as wb:
        assert len(wb.documents) == 0
        wb.ingest([document(text="one line\nanother line")])
        assert wb.chunks["text"].tolist() == ["one line", "another line"]
        assert best(wb.ask("another line")) == "faq"


def test_a_chunk_made_from_an_earlier_text_is_flagged_stale(tmp_path: Path) -> None:
    config = PipelineConfig().replace(
        {"chunking.strategy": "custom:lines", "index.name": "lines", "retrieval.mode": "bm25"}
    )
    with opened(tmp_path, config=config, chunkers={"lines": lambda t: t.split("\n")}) as wb:
        wb.ingest([document(), document("other", "Phone support.")])
        assert "stale chunk" not in wb.ask("refunds").flags
    with opened(tmp_path) as wb:
        report = wb.ingest([document(text="Refunds take three weeks.")])
        assert any("index 'lines' stays behind" in note for note in report.notes)
        assert "stale chunk" in wb.ask("refunds", config=config).flags
        assert "stale chunk" not in wb.ask("phone", config=config).flags
        assert "stale chunk" not in wb.ask("refunds").flags


def test_progress_is_told_as_files_and_documents(tmp_path: Path, folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with opened(tmp_path / "store") as wb:
        wb.ingest(folder, progress=lambda *step: told.append(step))
    files = [step for step in told if step[0] == "files"]
    assert [done for _, done, _ in files] == [1, 2, 3, 4]
    last = {what.partition(",")[0]: (done, total) for what, done, total in told}
    assert list(last) == ["files", "index main", "tokens"]
    for done, total in (last["index main"], last["tokens"]):
        assert done == total > 0


def test_approximate_search_is_built_for_the_index_that_asks_for_it_alone(tmp_path: Path) -> None:
    documents = [document(f"d{i:03d}", f"Text number {i} of many.") for i in range(300)]
    with opened(tmp_path) as wb:
        wb.ingest(documents)
        ann = wb.config.replace({"index.name": "ann", "index.ann": "ivf_hnsw_sq"})
        wb.ingest([document()], config=ann)
        assert wb.indexes.set_index("name")["ann"].to_dict() == {
            "ann": "IvfHnswSq",
            "main": "none",
        }
        found = wb.ask("How long do refunds take?", config=ann.replace(retrieval__mode="dense"))
        assert best(found) == "faq"


# Living with others


def test_what_another_process_ingests_is_found_without_reopening(
    wb: Workbench, tmp_path: Path
) -> None:
    assert best(wb.ask("weekly gnomes", config=wb.config.replace(retrieval__mode="bm25"))) == ""
    script = (
        "import sys, whymiss; from whymiss.testing import HashingEncoder\n"
        "d = whymiss.Document(doc_id='new', text='Weekly gnomes.', allowed=['*'])\n"
        "with whymiss.open(sys.argv[1], encoder=HashingEncoder()) as wb:\n"
        "    wb.ingest([d], rebuild=len(sys.argv) > 2)\n"
    )
    for rebuild in ([], ["rebuild"]):
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "store"), *rebuild], check=True
        )
        trace = wb.ask("weekly gnomes")
        assert best(trace) == "new"
        assert "stale chunk" not in trace.flags


def test_an_index_made_anew_beside_unchanged_documents_is_noticed(
    wb: Workbench, tmp_path: Path
) -> None:
    wb.ask("annual")
    with opened(tmp_path / "store") as other:
        other.build(other.config.replace(chunking__size=64), rebuild=True)
    with pytest.raises(IndexMismatchError, match=r"chunking\.size is 64 there, 200 here"):
        wb.ask("annual")


def test_an_unchanged_index_is_read_once(wb: Workbench) -> None:
    assert wb.space() is wb.space()
    wb.ingest([document()])
    assert len(wb.space().snapshot) == len(wb.chunks)


def test_a_store_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"a store is a folder; .*file is a file"):
        opened(tmp_path / "file")


def test_frames_hold_what_was_ingested(wb: Workbench) -> None:
    assert wb.documents["doc_id"].tolist() == sorted(FILES)
    assert wb.documents.set_index("doc_id")["plan_type"]["plans/annual.md"] == "annual"
    assert (wb.documents["content_hash"].str.len() == 64).all()
    text = wb.document("plans/annual.md").text
    for chunk in wb.chunks[wb.chunks["doc_id"] == "plans/annual.md"].itertuples():
        assert text[chunk.start : chunk.end] == chunk.text
    assert wb.files["status"].tolist() == ["ok"] * 4
    assert repr(wb) == f"Workbench({Path(wb.store.uri).name!r}, index 'main')"


@pytest.mark.model
def test_the_packaged_model_answers_out_of_the_box(tmp_path: Path, folder: Path) -> None:
    with whymiss.open(tmp_path / "store") as wb:
        wb.ingest(folder)
        trace = wb.ask("Can yearly customers call you?")
    assert best(trace) == "plans/annual.md"
    assert trace.model_version.startswith("all-MiniLM-L6-v2@53aa5117")
