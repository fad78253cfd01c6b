"""`whymiss report`, and hostile text through every verb that measures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Answer = Callable[..., Any]

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def test_a_page_is_written_and_the_checklist_shown(
    whymiss: Run, measured: str, questions: Path, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    result = whymiss("report", questions, "--store", measured, "--out", path)
    assert result.exit_code == 0, result.output
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert result.stdout.endswith(f"written to {path}\n")
    assert re.search(r"(?m)^unknown +recall@5 +0\.667 ", result.stdout)


def test_the_checklist_is_read_by_programs(
    answer: Answer, measured: str, questions: Path, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    told = answer("report", questions, "--store", measured, "--out", path)
    assert told["path"] == str(path)
    assert {check["verdict"] for check in told["checks"]} <= {"met", "missed", "unknown"}
    assert set(told["checks"][0]) == {"name", "verdict", "number", "threshold", "detail"}


def test_options_reach_the_report(
    whymiss: Run, measured: str, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whymiss.workbench import Workbench

    seen: dict[str, Any] = {}
    really = Workbench.report

    def report(self: Workbench, asked: Any, **given: Any) -> Any:
        seen.update(given)
        return really(self, asked, **given)

    monkeypatch.setattr(Workbench, "report", report)
    result = whymiss("report", questions, "--store", measured, "--out", tmp_path / "r.html",
                     "--split", "tune", "--holdout", "rest", "--worst", "0", "--allowed", "staff",
                     "--allowed", "support")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert {name: seen[name] for name in ("split", "holdout", "allowed", "n_worst")} == {
        "split": "tune", "holdout": "rest", "allowed": ["staff", "support"], "n_worst": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ([], 2, "Missing option '--out'"),
        (["--out", "r.html", "--worst", "-1"], 2, "-1 is not in the range"),
        (["--out", "no/r.html"], 1, "cannot write no/r.html: there is no folder no"),
        (["--out", "r.html", "--split", "no"], 1, "LabelError: no question is of split 'no'"),
    ],
)
def test_what_cannot_be_done_is_told(
    whymiss: Run, measured: str, questions: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, complaint: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    result = whymiss("report", questions, "--store", measured, *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert complaint in result.stderr


def test_steering_characters_never_reach_the_terminal(
    whymiss: Run, answer: Answer, measured: str, lines: Callable[..., Path], tmp_path: Path
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\r\u202egnp.\u2066\u200fred"
    fine = [[{"doc_id": "phone.md", "quote": "phone support"}]]
    broken = [[{"doc_id": f"no{evil}", "quote": f"none{evil}"}]]
    asked = [
        {"query_id": f"q{evil}{i}", "text": f"phone {evil}", "tags": [f"t{evil}"],
         "split": f"s{evil}", "evidence": evidence}
        for i, evidence in enumerate([fine, fine, broken])
    ]  # fmt: skip
    path = lines("evil.jsonl", asked)
    on = ("--store", measured)
    run, other = tmp_path / f"a{evil.replace('/', '')}.json", tmp_path / "b.json"
    named = f"v{evil}: retrieval.mode=dense retrieval.min_score=1"
    results = [
        whymiss("eval", path, *on, "--slices", "tags", "--out", run, "--fail-over",
                "context_tokens=9999"),
        whymiss("eval", path, *on, "--slices", "split", "--out", other, "--set",
                "retrieval.mode=dense", "--set", "retrieval.min_score=1"),
        whymiss("compare", path, *on, "--wins", "--with", named),
        whymiss("compare", run, other, "--wins"),
        whymiss("sweep", path, *on, "--vary", f"embedding.query_prefix={evil},a",
                "--html", tmp_path / "c.html"),
        whymiss("report", path, *on, "--out", tmp_path / "r.html"),
        whymiss("eval", path, *on, "--split", evil),
        whymiss("eval", path, *on, "--measure", evil),
        whymiss("eval", tmp_path / evil, *on),
        whymiss("compare", run, other, "--baseline", evil),
        whymiss("compare", path, *on, "--with", f"{evil}="),
        whymiss("sweep", path, *on, "--vary", f"retrieval.k={evil}"),
        whymiss("eval", path, *on, "--fail-under", evil),
        whymiss("eval", path, *on, "--fail-under", f"latency_p95={evil}"),
        whymiss("compare", run),
    ]  # fmt: skip
    assert [r.exit_code for r in results] == [0] * 6 + [1] * 6 + [2] * 3
    for result in results:
        assert not STEERING.search(result.output.replace("\n", "")), result.output
    for arguments in (["eval", path, *on, "--slices", "tags"], ["compare", run, other],
                      ["compare", path, *on, "--with", named],
                      ["sweep", path, *on, "--vary", "retrieval.k=3"]):  # fmt: skip
        assert answer(*arguments)
    assert json.loads(run.read_text())["questions"][0]["query_id"] == f"q{evil}0"


def test_charts_hold_knob_values_as_text(
    whymiss: Run, measured: str, questions: Path, tmp_path: Path
) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    path = tmp_path / "c.html"
    result = whymiss("sweep", questions, "--store", measured, "--html", path,
                     "--vary", f"embedding.query_prefix={evil}", "--vary", "retrieval.k=1,3",
                     "--vary", f"answer.model={evil},b")  # fmt: skip
    assert result.exit_code == 0, result.output
    html = path.read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "<img src=x" not in html
