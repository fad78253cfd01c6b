"""Documents come in once, change in one commit, and go for good."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from ingesting import Library, documents, reports, small_batches

from whymiss.documents import FileReport
from whymiss.embedding import cache
from whymiss.index import (
    build,
    fingerprints,
    ingest,
    read_catalogue,
    read_documents,
    read_snapshot,
    read_sources,
)
from whymiss.records import Document


def file(name: str, text: str = "Ten days.", *, root: str = "/library", **rest: object) -> Document:
    fields = {"allowed": ["*"], **rest}
    return Document(doc_id=name, text=text, source=f"{root}/{name}", **fields)  # type: ignore[arg-type]


def failing(name: str, *, root: str = "/library") -> FileReport:
    return FileReport(
        doc_id=name,
        source=f"{root}/{name}",
        status="failed",
        reason="the PDF is broken",
        raw_fingerprint="new bytes",
    )


def changes(library: Library, found: list[Document | FileReport], **place: Path) -> list[str]:
    return [row["change"] for row in library.sync(found, **place).files]


@pytest.mark.usefixtures("_small_batches")
def test_a_second_run_embeds_nothing_writes_nothing_and_keeps_every_version(
    library: Library,
) -> None:
    library.sync(documents(0))
    first = library.build()
    assert first.n_changed == len(documents(0)) == 270
    assert first.n_embedded > 0
    versions = library.versions()
    again = library.sync(documents(0))
    second = library.build()
    assert {row["change"] for row in again.files} == {"unchanged"}
    assert (second.n_changed, second.n_removed, second.n_embedded, second.n_chunks_written) == (
        0, 0, 0, 0,
    )  # fmt: skip
    assert library.versions() == versions
    assert set(versions) == {"documents", "sources", "index_main"}


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_DOCUMENTS_PER_COMMIT", 12)
    monkeypatch.setattr(build, "_CHUNKS_PER_COMMIT", 48)


def test_a_changed_document_is_replaced_in_one_commit(library: Library) -> None:
    library.sync([file("a", "One.\n\n" * 60), file("b")])
    library.build()
    assert len(library.rows("index_main")) > 3
    before = library.versions()
    assert changes(library, [file("a", "Two words."), file("b")]) == ["changed", "unchanged"]
    report = library.build()
    after = library.versions()
    assert after == {name: version + 1 for name, version in before.items()}
    assert (report.n_changed, report.n_chunks_written, report.n_embedded) == (1, 1, 1)
    assert [row["text"] for row in library.rows("index_main")] == ["Two words.", "Ten days."] or [
        row["text"] for row in library.rows("index_main")
    ] == ["Ten days.", "Two words."]


def test_a_file_that_is_gone_takes_its_rows_with_it(library: Library) -> None:
    library.sync([file("a"), file("b", "Other.")])
    library.build()
    report = library.sync([file("a")])
    assert [(row["doc_id"], row["change"]) for row in report.files] == [
        ("a", "unchanged"),
        ("b", "removed"),
    ]
    assert library.build().n_removed == 1
    for table in ("documents", "sources", "index_main"):
        assert [row["doc_id"] for row in library.rows(table)] == ["a"]


def test_new_permissions_act_at_once_and_embed_nothing(library: Library) -> None:
    library.sync([file("a", allowed=["ann"]), file("b")])
    library.build()
    index_version = library.versions()["index_main"]
    library.sync([file("a", allowed=["bob"]), file("b")])
    readable = read_catalogue(library.store).documents["a"]
    assert (readable.readable_by(["ann"]), readable.readable_by(["bob"])) == (False, True)
    report = library.build()
    assert (report.n_changed, report.n_embedded) == (0, 0)
    assert library.versions()["index_main"] == index_version


def test_a_new_title_makes_new_chunks_because_it_stands_before_each(library: Library) -> None:
    library.sync([file("a", title="Refunds")])
    library.build()
    library.sync([file("a", title="Returns")])
    assert library.build().n_changed == 1
    (chunk,) = read_snapshot(library.store, "main").chunks
    assert chunk.indexed_text == "Returns\nTen days."


def test_a_document_of_white_space_makes_no_version_after_its_first(library: Library) -> None:
    library.sync([file("a"), file("blank", " \n\t\n ")])
    library.build()
    versions = library.versions()
    for _ in range(3):
        library.sync([file("a"), file("blank", " \n\t\n ")])
        assert library.build().n_changed == 0
    assert library.versions() == versions
    assert "blank" in read_catalogue(library.store).documents


def test_a_document_that_becomes_white_space_loses_its_chunks_once(library: Library) -> None:
    library.sync([file("a"), file("b", "Other.")])
    library.build()
    version = library.versions()["index_main"]
    library.sync([file("a"), file("b", "  ")])
    assert library.build().n_changed == 1
    assert [row["doc_id"] for row in library.rows("index_main")] == ["a"]
    assert library.build().n_changed == 0
    assert library.versions()["index_main"] == version + 1


def test_a_file_that_fails_keeps_its_earlier_version_says_so_and_is_tried_again(
    library: Library,
) -> None:
    library.sync([file("a", "The first text.")])
    (row,) = library.sync([failing("a")]).files
    assert (row["status"], row["change"]) == ("failed", "kept")
    assert row["reason"] == "the PDF is broken; the version read earlier is still served"
    assert read_documents(library.store, ["a"])["a"].text == "The first text."
    assert fingerprints(library.store, Path("/library")) == {}
    assert changes(library, [file("a", "The second text.")]) == ["changed"]


def test_a_file_that_never_could_be_read_is_remembered_with_its_reason(library: Library) -> None:
    (row,) = library.sync([failing("a")]).files
    assert (row["change"], row["reason"]) == ("none", "the PDF is broken")
    assert [row["reason"] for row in read_sources(library.store)] == ["the PDF is broken"]
    assert read_catalogue(library.store).documents == {}


def test_two_folders_with_one_doc_id_are_refused_with_a_reason(
    library: Library, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (first, second):
        root.mkdir()
        (root / "faq").write_text("there")
    mine = file("faq", "Mine.", root=str(first))
    library.sync([mine], root=first)
    (row,) = library.sync([file("faq", "Yours.", root=str(second))], root=second).files
    assert (row["status"], row["change"]) == ("refused", "none")
    assert f"'faq' belongs to {first}/faq" in row["reason"]
    assert read_documents(library.store, ["faq"])["faq"].text == "Mine."
    # The one that was refused does not take the document from the one that has it ...
    changed = dataclasses.replace(mine, text="Mine, later.")
    assert changes(library, [changed], root=first) == ["changed"]
    # ... and is read again once the name is free.
    assert fingerprints(library.store, second) == {}
    assert changes(library, [], root=first) == ["removed"]
    assert changes(library, [file("faq", "Yours.", root=str(second))], root=second) == ["added"]


def test_the_refused_folder_takes_nothing_away_when_its_file_goes(
    library: Library, tmp_path: Path
) -> None:
    (tmp_path / "faq").write_text("there")
    library.sync([file("faq", root=str(tmp_path))], root=tmp_path)
    library.sync([file("faq", root="/second")], root=Path("/second"))
    assert changes(library, [], root=Path("/second")) == ["removed"]
    assert "faq" in read_catalogue(library.store).documents


def test_a_folder_that_was_moved_keeps_its_documents(library: Library) -> None:
    # Neither place exists here, so the files of the first are gone.
    library.sync([file("faq", root="/old")], root=Path("/old"))
    moved = file("faq", root="/new")
    assert changes(library, [moved], root=Path("/new")) == ["changed"]
    assert [row["source"] for row in read_sources(library.store)] == ["/new/faq"]
    assert library.build().n_changed == 1
    assert changes(library, [moved], root=Path("/new")) == ["unchanged"]


def test_a_document_from_python_is_not_overwritten_by_a_file(library: Library) -> None:
    library.give([Document(doc_id="faq", text="From Python.")])
    (row,) = library.sync([file("faq")]).files
    assert row["status"] == "refused"
    assert "belongs to a document given from Python" in row["reason"]


def test_a_file_whose_document_was_replaced_from_python_is_read_again_and_says_so(
    library: Library,
) -> None:
    library.sync([file("faq")])
    assert set(fingerprints(library.store, Path("/library"))) == {"faq"}
    library.give([Document(doc_id="faq", text="From Python.")])
    assert fingerprints(library.store, Path("/library")) == {}
    assert changes(library, [], root=Path("/library")) == ["removed"]
    assert read_documents(library.store, ["faq"])["faq"].text == "From Python."


def test_of_two_documents_with_one_doc_id_the_second_is_refused_at_every_run(
    library: Library,
) -> None:
    twice = [Document(doc_id="d", text="One."), Document(doc_id="d", text="Two.")]
    for change in ("added", "unchanged"):
        taken, refused = library.give(twice).files
        assert taken["change"] == change
        assert (refused["status"], refused["change"]) == ("refused", "none")
        assert "'d' was given before with other content" in refused["reason"]
        assert library.versions() == {"documents": 2}
    assert read_documents(library.store, ["d"])["d"].text == "One."


def test_the_same_document_given_twice_is_written_once(library: Library) -> None:
    same = Document(doc_id="d", text="One.")
    assert [row["change"] for row in library.give([same, same]).files] == ["added", "unchanged"]
    assert len(library.rows("documents")) == 1


def test_documents_from_python_leave_the_others_as_they_are(library: Library) -> None:
    library.give([Document(doc_id="a", text="One."), Document(doc_id="b", text="Two.")])
    library.give([Document(doc_id="b", text="Three.")])
    assert [row["text"] for row in library.rows("documents")] == ["One.", "Three."]


def test_a_document_is_read_back_as_it_was_given(library: Library) -> None:
    given = Document(
        doc_id="a/b ü.md",
        text="Text with \u2028, \U0001f600 and \x00.",
        source="s",
        title="T",
        metadata={"n": 1, "x": 0.5, "yes": True, "none": None, "tags": ["a", "b"]},
        allowed=["z", "a"],
        syntax="rst",
        modified="2026-11-23",
    )
    library.give([given])
    assert read_documents(library.store, ["a/b ü.md", "unknown"]) == {"a/b ü.md": given}


def test_an_ingest_stopped_between_documents_and_sources_takes_up_its_own_files_again(
    library: Library,
) -> None:
    # As a kill between the two commits would leave it: documents are there, sources are not.
    library.give([report.document for report in reports(documents(0)) if report.document])
    assert read_sources(library.store) == []
    rows = library.sync(documents(0)).files
    assert {(row["status"], row["change"]) for row in rows} == {("ok", "unchanged")}
    assert len(read_sources(library.store)) == 270


def test_what_a_stopped_ingest_wrote_goes_when_its_file_is_gone_before_the_next(
    library: Library,
) -> None:
    library.give([file("a"), file("b"), Document(doc_id="c", text="From Python.")])
    assert changes(library, [file("a")]) == ["unchanged", "removed"]
    assert set(read_catalogue(library.store).documents) == {"a", "c"}


def test_small_batches_of_the_child_are_names_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    # The kill test would prove little if these were renamed without it.
    sizes = [
        (ingest, "_DOCUMENTS_PER_COMMIT", 12),
        (build, "_CHUNKS_PER_COMMIT", 48),
        (cache, "_TEXTS_PER_COMMIT", 16),
    ]
    for module, name, small in sizes:
        assert getattr(module, name) > small
        # Set through monkeypatch first, so that it puts the true one back.
        monkeypatch.setattr(module, name, 0)
    small_batches()
    assert [getattr(module, name) for module, name, _ in sizes] == [12, 48, 16]


def test_a_file_that_failed_at_first_sight_is_tried_again_and_a_refused_one_is_not(
    library: Library,
) -> None:
    refused = FileReport(
        doc_id="b", source="/library/b", status="refused", reason="xlsx", raw_fingerprint="bytes"
    )
    library.sync([failing("a"), refused])
    assert fingerprints(library.store, Path("/library")) == {"b": "bytes"}
