"""Files made to hurt: each ends with a verdict and a reason, in time."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from whymiss.documents import FileReport, Limits, read_file
from whymiss.documents.child import _deny
from whymiss.documents.sandbox import _SOURCE, read_limited

FAST = Limits(cpu_seconds=4, wall_seconds=6)


def report_on(folder: Path, name: str, data: bytes, limits: Limits = FAST) -> FileReport:
    (folder / name).write_bytes(data)
    started = time.monotonic()
    report = read_file(folder / name, allowed=["*"], limits=limits)
    assert time.monotonic() - started < limits.wall_seconds + 3
    return report


def docx(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return stream.getvalue()


def pdf(lines: list[str]) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4)
    for line in lines:
        canvas.drawString(72, 700, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = docx({"word/document.xml": b"<w>" + b" " * (50 << 20)})
    report = report_on(tmp_path, "bomb.docx", bomb)
    assert report.status == "refused"
    assert "zip bomb: word/document.xml" in report.reason


def test_an_archive_of_countless_parts_is_refused(tmp_path: Path) -> None:
    report = report_on(tmp_path, "many.docx", docx({f"word/{i}": b"" for i in range(10_001)}))
    assert (report.status, report.reason) == ("refused", "an archive of more than 10000 parts")


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
BILLION_LAUGHS = f'<!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}]><r>&l9;</r>'.encode()


@pytest.mark.parametrize("name", ["laughs.xml", "laughs.docx"])
def test_a_billion_laughs_are_refused(tmp_path: Path, name: str) -> None:
    data = BILLION_LAUGHS if name.endswith("xml") else docx({"word/document.xml": BILLION_LAUGHS})
    report = report_on(tmp_path, name, data)
    assert report.status == "refused"
    assert "entities" in report.reason


def test_an_outside_entity_is_never_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    xml = f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><r>open &x;</r>'
    report = report_on(tmp_path, "outside.xml", xml.encode())
    assert report.status == "partial"
    assert report.document is not None
    assert "secret" not in report.document.text


def test_an_alias_bomb_in_front_matter_is_not_expanded(tmp_path: Path) -> None:
    bomb = "a0: &a0 [ha]\n" + "".join(
        f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(12)
    )
    report = report_on(tmp_path, "bomb.md", f"---\n{bomb}---\ntext".encode())
    assert report.status == "partial"
    assert "aliases" in report.reason
    assert report.document is not None
    assert report.document.allowed == ()


def test_two_hundred_thousand_nested_tags_end_in_time(tmp_path: Path) -> None:
    page = b"<div>" * 200_000 + b"bottom" + b"</div>" * 200_000
    report = report_on(tmp_path, "deep.html", page, Limits())
    assert report.status in ("partial", "failed")
    assert report.reason
    assert report.document is None or "bottom" in report.document.text


def test_tags_nested_too_deep_are_flattened_and_said_to_be(tmp_path: Path) -> None:
    report = report_on(tmp_path, "deep.html", b"<div>" * 2000 + b"bottom" + b"</div>" * 2000)
    assert report.status == "partial"
    assert report.reason == "tags nested deeper than 120 were flattened to their text"
    assert report.document is not None
    assert report.document.text == "bottom\n"


@pytest.mark.parametrize("name", ["deep.json", "deep.ipynb"])
def test_json_nested_without_end_fails_with_a_reason(tmp_path: Path, name: str) -> None:
    report = report_on(tmp_path, name, b"[" * 200_000)
    assert report.status == "failed"


def test_an_endless_loader_is_stopped_by_its_processor_time(tmp_path: Path) -> None:
    rows = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    api = f"openapi: 3.1.0\ninfo: {{title: x}}\na0: &a0 [x]\n{rows}paths: {{/a: {{get: "
    api += "{parameters: [{name: x, schema: {default: *a39}}]}}}\n"
    limits = Limits(cpu_seconds=1, wall_seconds=8, memory_bytes=4 << 30)
    report = report_on(tmp_path, "bomb.yaml", api.encode(), limits)
    assert report.status == "failed"
    assert report.reason in (
        "stopped after 1 s of processor time",
        "needs more than 4096 MiB of memory",
    )


def test_a_loader_that_hangs_is_killed_with_everything_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = time.monotonic()
    slow = tmp_path / "slow" / "sitecustomize.py"
    slow.parent.mkdir()
    marker = tmp_path / "pid"
    slow.write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(marker)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(slow.parent))
    reply = read_limited(b"text", "a.md", limits=Limits(wall_seconds=1.5))
    assert reply == {"status": "failed", "reason": "stopped after 1.5 s"}
    assert time.monotonic() - started < 5
    state = Path(f"/proc/{marker.read_text()}/stat")
    deadline = time.monotonic() + 3
    while state.exists() and state.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_memory_bomb_is_stopped_by_its_limit(tmp_path: Path) -> None:
    data = ("a,b\n" + "x,y\n" * 2_000_000).encode()
    limits = Limits(memory_bytes=150 << 20, cpu_seconds=10)
    report = report_on(tmp_path, "bomb.csv", data, limits)
    assert (report.status, report.reason) == ("failed", "needs more than 150 MiB of memory")


def test_a_parser_that_crashes_the_interpreter_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen

    def crashing(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        code = f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})"
        return real([sys.executable, "-c", code], **options)

    monkeypatch.setattr("whymiss.documents.sandbox.subprocess.Popen", crashing)
    reply = read_limited(b"x", "a.md", limits=FAST)
    assert reply == {"status": "failed", "reason": "its parser crashed: Segmentation fault"}


def test_output_beyond_the_cap_fails_instead_of_filling_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = subprocess.Popen

    def chatty(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        code = "import sys; sys.stdin.read(); sys.stdout.write('x' * (5 << 20))"
        return real([sys.executable, "-c", code], **options)

    monkeypatch.setattr("whymiss.documents.sandbox.subprocess.Popen", chatty)
    reply = read_limited(b"x", "a.md", limits=Limits(text_chars=1))
    assert reply["status"] == "failed"


@pytest.mark.parametrize("output", ["not json", "[]", "{}", "[" * 100_000])
def test_an_answer_that_makes_no_sense_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    real = subprocess.Popen

    def babbling(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return real([sys.executable, "-c", f"print({output!r})"], **options)

    monkeypatch.setattr("whymiss.documents.sandbox.subprocess.Popen", babbling)
    reply = read_limited(b"x", "a.md", limits=FAST)
    assert reply["status"] == "failed"
    assert "no valid answer" in reply["reason"]


def test_the_child_may_neither_connect_nor_start_anything() -> None:
    for event in ("socket.connect", "subprocess.Popen", "os.system", "os.fork"):
        with pytest.raises(PermissionError, match=f"a loader tried {event}"):
            _deny(event, ())
    _deny("open", ("a file",))


def test_the_child_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, whymiss.documents.child as c;"
        "c.answer(b'# x', b'', {'name': 'a.md', 'sidecar_name': '', 'sidecar_error': '',"
        " 'text_chars': 9});"
        "print([m for m in ('numpy', 'torch', 'bs4', 'yaml', 'pypdf', 'asyncio', 'subprocess',"
        " 'charset_normalizer') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(_SOURCE)},
    )
    assert shown.stdout.strip() == "[]"


def test_one_file_takes_a_fraction_of_a_second(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# x")
    fastest = min(read_file(tmp_path / "a.md").seconds for _ in range(3))
    assert fastest < 0.5


def test_a_truncated_pdf_keeps_what_it_has_or_says_why_not(tmp_path: Path) -> None:
    data = pdf(["first page", "second page"])
    for size in (20, len(data) // 3, len(data) - 60):
        report = report_on(tmp_path, "cut.pdf", data[:size])
        assert report.status in ("ok", "partial", "failed")
        assert report.reason or (report.document and "first page" in report.document.text)


def test_a_pdf_with_a_password_is_refused_and_one_with_the_empty_password_is_read(
    tmp_path: Path,
) -> None:
    for password, name in (("secret", "locked.pdf"), ("", "open.pdf")):
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["a page of words"]))))
        writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
        with (tmp_path / name).open("wb") as file:
            writer.write(file)
    locked, opened = (read_file(tmp_path / n, allowed=["*"]) for n in ("locked.pdf", "open.pdf"))
    assert (locked.status, locked.reason) == ("refused", "needs a password")
    assert opened.status == "ok"
    assert "encrypted with the empty password" in opened.warnings


def test_a_pdf_without_a_text_layer_says_so(tmp_path: Path) -> None:
    report = report_on(tmp_path, "scan.pdf", pdf(["", ""]))
    assert (report.status, report.reason) == (
        "failed",
        "no text layer: 2 pages hold only images",
    )


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "format not read: PNG picture"),
        ("a.md", bytes(range(256)) * 20, "format not read: binary content"),
        ("a.docx", b"just words", "named .docx, but the content is not docx"),
        ("a.pdf", b"just words", "named .pdf, but the content is not pdf"),
        ("a.docx", b"PK\3\4broken", "damaged zip archive: File is not a zip file"),
        ("a.zip", docx({"x.txt": b"x"}), "format not read: zip archive"),
        ("a.xlsx", docx({"xl/workbook.xml": b"x"}), "format not read: xlsx spreadsheet"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "Microsoft Office"),
    ],
)
def test_other_kinds_are_refused_by_their_content(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    report = report_on(tmp_path, name, data)
    assert report.status == "refused"
    assert reason in report.reason


def test_a_misnamed_pdf_is_read_as_what_it_is(tmp_path: Path) -> None:
    report = report_on(tmp_path, "letter.txt", pdf(["Dear reader"]))
    assert (report.status, report.format) == ("ok", "pdf")
    assert "named .txt, but the content is pdf" in report.warnings


def test_nul_characters_are_replaced_and_counted(tmp_path: Path) -> None:
    report = report_on(tmp_path, "a.txt", b"one\0two" + b" more words" * 50)
    assert report.document is not None
    assert report.document.text.startswith("one\ufffdtwo")
    assert "1 NUL characters were replaced" in report.warnings


def test_half_a_surrogate_pair_in_json_does_not_break_the_store(tmp_path: Path) -> None:
    report = report_on(tmp_path, "a.json", json.dumps([{"k": "\ud800"}]).encode())
    assert report.document is not None
    assert report.document.text.encode().endswith("k: \ufffd\n".encode())


def test_a_module_in_the_working_folder_does_not_reach_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('taken over')")
    (tmp_path / "a.md").write_text("text")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep + str(_SOURCE))
    assert read_file(tmp_path / "a.md").status == "ok"
