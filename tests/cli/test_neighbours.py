"""`whymiss neighbours`: what it prints for people and programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from whymiss.cli.neighbourhood import neighbours
from whymiss.neighbourhood import TABLES

Run = Callable[..., Result]


def run(*arguments: str | Path) -> Result:
    """The verb by itself."""
    return CliRunner().invoke(neighbours, [str(argument) for argument in arguments])


def store_of(whymiss: Run, folder: Path, texts: dict[str, str]) -> str:
    docs = folder / "docs"
    docs.mkdir()
    for name, text in texts.items():
        (docs / name).write_text(text)
    store = str(folder / "store")
    result = whymiss("ingest", docs, "--allowed", "*", "--store", store)
    assert result.exit_code == 0, result.output
    return store


RULE = "Staff may carry over ten days of leave into the next year if the manager agrees in March"


def test_the_summary_and_the_tables_are_printed(
    whymiss: Run, tmp_path: Path, hashing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As wide as a pipe, also where something has set the width of a terminal.
    monkeypatch.delenv("COLUMNS", raising=False)
    texts = {"leave_v1.md": RULE, "leave_v2.md": RULE.replace("ten", "five")}
    result = run("--store", store_of(whymiss, tmp_path, texts))

    assert result.exit_code == 0, result.output
    assert "Neighbourhood of 2 chunks of 2 documents, 0 labelled questions" in result.stdout
    assert "families: 2 documents in 1 family of versions and 0 of copies" in result.stdout
    assert "coverage gaps: undefined, there are no questions" in result.stdout
    assert "leave_v1.md, leave_v2.md" in result.stdout


def test_json_holds_every_row_of_every_table(measured: str, questions: Path) -> None:
    result = run(questions, "--store", measured, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, list[dict[str, Any]]] = json.loads(result.stdout)

    assert tuple(told) == TABLES
    assert sorted(row["query_id"] for row in told["gaps"]) == ["credit", "none", "phone", "refund"]
    assert {row["percentile"] for row in told["gaps"]} == {None}
    assert len(told["occurrences"]) == 4


def test_a_split_without_questions_is_an_error(measured: str, questions: Path) -> None:
    result = run(questions, "--split", "elsewhere", "--store", measured)

    assert result.exit_code == 1
    assert "no question is of split 'elsewhere'" in result.stderr


def test_steering_marks_of_a_document_do_not_reach_the_terminal(
    whymiss: Run, tmp_path: Path, hashing: None
) -> None:
    texts = {"a.md": f"{RULE} \x1b[31m", "b.md": f"{RULE} \x1b[31m"}
    result = run("--store", store_of(whymiss, tmp_path, texts))

    assert result.exit_code == 0, result.output
    assert "a.md, b.md" in result.stdout
    assert "\x1b" not in result.stdout
