"""Walking a folder: what is read, what is refused, what is said of it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import whymiss.documents as documents
from whymiss.documents import FileReport, Limits, read_file, read_folder
from whymiss.documents.walk import find_files, read_bytes
from whymiss.errors import ConfigError, DocumentError, InvalidRecordError
from whymiss.records import Document


def verdicts(root: Path) -> dict[str, tuple[str, str]]:
    return {r.doc_id: (r.status, r.reason) for r in read_folder(root, allowed=["*"])}


def test_reports_come_in_the_order_of_the_paths_however_many_workers_read(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.md", "a/b/c.md", "c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}")
    told: list[str] = []
    reports = list(
        read_folder(tmp_path, allowed=["*"], workers=4, progress=lambda r: told.append(r.doc_id))
    )
    assert [r.doc_id for r in reports] == ["a/b/c.md", "a/z.md", "b.md", "c.txt"]
    assert told == [r.doc_id for r in reports]
    assert all(r.status == "ok" and r.document and r.seconds > 0 for r in reports)
    assert reports[0].source == str(tmp_path.resolve() / "a/b/c.md")


def test_hidden_files_caches_and_sidecars_get_no_report(tmp_path: Path) -> None:
    for name in (".git/config", ".hidden.md", "__pycache__/a.txt", "a.md", "a.md.meta.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x: y")
    assert list(verdicts(tmp_path)) == ["a.md"]


def test_links_are_refused_whether_they_leave_the_folder_or_stay(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.md").write_text("secret")
    (root / "real.md").write_text("text")
    (root / "out.md").symlink_to(tmp_path / "secret.md")
    (root / "outdir").symlink_to(tmp_path)
    (root / "in.md").symlink_to(root / "real.md")
    (root / "gone.md").symlink_to(root / "nothing.md")
    assert verdicts(root) == {
        "gone.md": ("refused", "a broken link"),
        "in.md": ("refused", "a link to real.md, which is read where it stands"),
        "out.md": ("refused", "a link that leads out of the folder"),
        "outdir": ("refused", "a link that leads out of the folder"),
        "real.md": ("ok", ""),
    }


def test_pipes_and_sockets_are_refused_without_waiting_for_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's whole path may have a hundred characters only
        server.bind("socket.md")
        os.chdir(here)
        assert verdicts(tmp_path) == {
            "pipe.md": ("refused", "a named pipe, not a regular file"),
            "socket.md": ("refused", "a socket, not a regular file"),
        }


def test_a_pipe_as_a_sidecar_takes_the_permissions_away(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    os.mkfifo(tmp_path / "a.md.meta.yaml")
    (report,) = read_folder(tmp_path, allowed=["*"])
    assert report.status == "partial"
    assert "a.md.meta.yaml: a named pipe" in report.reason
    assert report.document is not None
    assert report.document.allowed == ()


def test_an_orphan_sidecar_and_odd_names_are_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "lost.md.meta.yaml").write_text("title: x")
    (tmp_path / " space.md").write_text("x")
    (tmp_path / os.fsdecode(b"\xff.md")).write_text("x")
    found = verdicts(tmp_path)
    assert found["lost.md.meta.yaml"] == ("refused", "a sidecar without its file lost.md")
    assert found[" space.md"][0] == "refused"
    assert found["\\udcff.md"] == ("refused", "its name is not UTF-8; rename it")


def test_an_unchanged_file_is_not_parsed_again_and_any_change_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("one")
    (first,) = read_folder(tmp_path)
    known = {"a.md": first.raw_fingerprint}
    (second,) = read_folder(tmp_path, known=known)
    assert (second.status, second.document, second.reason) == ("unchanged", None, "")
    (other_default,) = read_folder(tmp_path, known=known, allowed=["*"])
    assert other_default.status == "ok"
    (tmp_path / "a.md.meta.yaml").write_text("allowed: staff")
    (with_sidecar,) = read_folder(tmp_path, known=known)
    assert with_sidecar.status == "ok"
    (tmp_path / "a.md.meta.yaml").unlink()
    path.write_text("two")
    (changed,) = read_folder(tmp_path, known=known)
    assert changed.status == "ok"


def test_a_file_that_vanishes_after_it_was_listed_is_reported(tmp_path: Path) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("text")

    found = find_files(tmp_path)
    assert next(found).doc_id == "a.md"
    (tmp_path / "b.md").unlink()
    with pytest.raises(DocumentError, match="vanished while the folder was read"):
        read_bytes(next(found).path, 100)


def test_a_file_that_grows_while_it_is_read_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.txt"
    path.write_text("one")
    real, calls = os.fstat, []

    def fstat_then_append(fd: int) -> os.stat_result:
        state = real(fd)
        if not calls:
            calls.append(fd)
            with path.open("a") as file:
                file.write("two")
        return state

    monkeypatch.setattr("whymiss.documents.walk.os.fstat", fstat_then_append)
    with pytest.raises(DocumentError, match="changed while it was read"):
        read_bytes(path, 100)


def test_empty_and_too_large_files_have_their_reasons(tmp_path: Path) -> None:
    (tmp_path / "blank.md").write_text(" \n")
    (tmp_path / "empty.md").touch()
    (tmp_path / "large.md").write_text("x" * 101)
    reports = {r.doc_id: r for r in read_folder(tmp_path, limits=Limits(file_bytes=100))}
    assert (reports["blank.md"].status, reports["blank.md"].reason) == ("failed", "holds no text")
    assert (reports["empty.md"].status, reports["empty.md"].reason) == (
        "failed",
        "the file is empty",
    )
    assert (reports["large.md"].status, reports["large.md"].reason) == (
        "refused",
        "larger than 100 bytes: 101",
    )


def test_a_text_beyond_the_limit_is_cut_and_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcdefghij")
    report = read_file(tmp_path / "a.txt", limits=Limits(text_chars=4))
    assert report.status == "partial"
    assert report.reason == "text cut after 4 of 10 characters"
    assert report.document is not None
    assert report.document.text == "abcd"


def test_a_root_that_is_one_file_has_its_name_as_doc_id(tmp_path: Path) -> None:
    (tmp_path / "price_list.md").write_text("Solo costs 12.")
    (report,) = read_folder(tmp_path / "price_list.md", allowed=["*"])
    assert report.doc_id == "price_list.md"
    assert report.document is not None
    assert report.document.title == "Price list"


def test_read_file_names_the_document_by_its_root(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.md").write_text("text")
    assert read_file(tmp_path / "sub/a.md", root=tmp_path).doc_id == "sub/a.md"
    assert read_file(tmp_path / "sub/a.md").doc_id == "a.md"
    with pytest.raises(DocumentError, match="needs a file under"):
        read_file(tmp_path / "sub/a.md", root=tmp_path / "other")


def test_wrong_arguments_are_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="allowed must be a list"):
        read_folder(tmp_path, allowed="*")
    with pytest.raises(ConfigError, match="workers must be at least 1"):
        read_folder(tmp_path, workers=0)
    with pytest.raises(DocumentError, match="does not exist"):
        list(read_folder(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match="wall_seconds must be above 0"):
        Limits(wall_seconds=0)


def test_a_report_cannot_contradict_itself() -> None:
    with pytest.raises(InvalidRecordError, match="needs a reason"):
        FileReport(doc_id="a", source="a", status="failed")
    with pytest.raises(InvalidRecordError, match="takes no reason"):
        FileReport(doc_id="a", source="a", status="unchanged", reason="x")
    with pytest.raises(InvalidRecordError, match="a document belongs"):
        FileReport(doc_id="a", source="a", status="ok")
    document = Document(doc_id="a", text="t")
    with pytest.raises(InvalidRecordError, match="a document belongs"):
        FileReport(doc_id="a", source="a", status="failed", reason="x", document=document)


def test_the_public_names_are_those_promised() -> None:
    assert documents.__all__ == [
        "FileReport", "Limits", "documents_from_jsonl", "read_file", "read_folder",
    ]  # fmt: skip
    assert all(getattr(documents, name) for name in documents.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        documents.nothing  # noqa: B018
