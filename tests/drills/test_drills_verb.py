"""`whymiss drills` in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from whymiss.cli.drills import drills as verb
from whymiss.drills import key
from whymiss.drills.catalogue import N_DRILLS


def run(*arguments: str) -> str:
    result = CliRunner().invoke(verb, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_list_tells_numbers_and_budgets_and_no_fault() -> None:
    rows = json.loads(run("list", "--json"))
    assert [row["drill"] for row in rows] == list(range(1, N_DRILLS + 1))
    assert set(rows[0]) == {"drill", "level", "probes"}


def test_the_key_of_a_seed_needs_no_store() -> None:
    rows = json.loads(run("key", "--seed", "ada", "--json"))
    assert [row["cause"] for row in rows] == list(key("ada")["cause"])
    assert key("ada").loc[0, "fault"] in run("key", "--seed", "ada")


def test_one_drill_is_solved_only_with_questions() -> None:
    result = CliRunner().invoke(verb, ["key", "--seed", "ada", "--drill", "1"])
    assert result.exit_code == 2
    assert "--drill needs the QUESTIONS" in result.output


@pytest.mark.usefixtures("hashing")
def test_answers_are_graded_and_written(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "faq.md").write_text("# Refunds\n\nRefunds take ten working days.\n")
    span = {"doc_id": "faq.md", "quote": "Refunds take ten working days."}
    asked = {"query_id": "q", "text": "How long do refunds take?", "evidence": [[span]]}
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps(asked))
    answers = tmp_path / "ada.jsonl"
    answers.write_text('{"seed": "ada", "drill": 1, "did": "hint"}\n')
    store, page = tmp_path / "store", tmp_path / "sheet.html"
    _ingest(tmp_path / "docs", store)
    out = run("sheet", str(questions), str(answers), "--store", str(store), "--out", str(page),
              "--json")  # fmt: skip
    assert json.loads(out)["students"][0]["student"] == "ada"
    assert "ada" in page.read_text()


def _ingest(docs: Path, store: Path) -> None:
    from whymiss.workbench import open as open_workbench

    with open_workbench(store) as workbench:
        workbench.ingest(docs, allowed=["*"])
