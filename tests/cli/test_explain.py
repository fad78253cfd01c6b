"""`whymiss explain`: what it prints for people and programs, and the page it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from whymiss.cli.explaining import explain

ASKED = "annual phone support"


def run(store: str, *arguments: str | Path) -> Result:
    told = [str(argument) for argument in (*arguments, "--store", store)]
    return CliRunner().invoke(explain, told)


def answer(store: str, *arguments: str | Path) -> Any:
    result = run(store, *arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.isascii()
    return json.loads(result.stdout)


def test_parts_sum_to_the_margin_and_name_what_decided(measured: str) -> None:
    told = answer(measured, ASKED, "Annual plans include", "--against", "refund takes")

    margins = {row["stage"]: row["margin"] for row in told["standings"]}
    for stage in ("dense", "bm25"):
        views = {row["view"] for row in told["parts"] if row["stage"] == stage}
        for view in views:
            rows = [r for r in told["parts"] if (r["stage"], r["view"]) == (stage, view)]
            assert sum(r["difference"] for r in rows) == pytest.approx(margins[stage], abs=1e-5)
    assert told["decided_at"] == "dense, bm25"
    assert {part["name"] for part in told["culprits"]} >= {"Annual", "phone"}


def test_a_rank_names_a_chunk_and_the_first_is_what_it_is_held_against(measured: str) -> None:
    told = answer(measured, ASKED, "2")

    assert told["verdict"].startswith("refund.md") or told["verdict"].startswith("sync.md")
    first = answer(measured, ASKED, "1", "--against", "2")
    assert (first["chunk"], first["against"]) == (told["against"], told["chunk"])


def test_a_hidden_chunk_is_told_to_be_hidden_unless_the_asker_may_read_it(measured: str) -> None:
    asked = ("euros an agent may give", "forty euros")

    assert any("may not read" in note for note in answer(measured, *asked)["notes"])
    told = answer(measured, *asked, "--principal", "support", "--against", "2")
    assert not any("may not read" in note for note in told["notes"])


def test_a_person_reads_the_verdict_the_stages_and_the_parts(measured: str) -> None:
    result = run(measured, ASKED, "refund takes")

    assert result.exit_code == 0, result.output
    assert "refund.md:" in result.stdout
    assert "is below phone.md" in result.stdout
    assert "bm25 by terms, exact: margin -" in result.stdout
    assert "(no part)" in result.stdout


def test_the_page_is_written_and_holds_both_texts(measured: str, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    result = run(measured, ASKED, "refund takes", "--out", out)

    assert result.exit_code == 0, result.output
    page = re.sub(r"</?mark[^>]*>", "", out.read_text("utf-8"))
    assert "A refund takes ten days." in page
    assert "Annual plans include phone support." in page
    assert "<script" not in page


def test_what_cannot_be_told_is_one_line_on_stderr(measured: str, tmp_path: Path) -> None:
    nobody = run(measured, ASKED, "no such words")
    assert nobody.exit_code == 1
    assert "no chunk holds it" in nobody.stderr
    far = run(measured, ASKED, "99")
    assert "needs a rank from 1 to 3" in far.stderr
    named = run(measured, ASKED, "1", "--out", tmp_path / "page.txt")
    assert "--out writes .html; got 'page.txt'" in named.stderr
