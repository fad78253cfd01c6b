"""A small store and labelled questions for the verbs that measure, small enough for hand work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from whymiss.cli import main

DOCUMENTS = {
    "phone.md": "Annual plans include phone support.",
    "refund.md": "A refund takes ten days.",
    "credit.md": "An agent may give forty euros.",
    "sync.md": "Offline edits are merged at night.",
}
"""`credit.md` may be read by support alone."""

QUESTIONS = (
    ("phone", "annual phone support", "phone.md", "Annual plans include phone support"),
    ("refund", "how long does a refund take", "refund.md", "ten days"),
    ("credit", "euros an agent may give", "credit.md", "forty euros"),
)
"""Of the three answerable ones, nobody may read what answers "credit": recall is 2 of 3."""


def question(query_id: str, text: str, doc_id: str, quote: str, **more: Any) -> dict[str, Any]:
    evidence = [[{"doc_id": doc_id, "quote": quote}]]
    return {"query_id": query_id, "text": text, "evidence": evidence, **more}


@pytest.fixture
def whymiss() -> Callable[..., Result]:
    """Runs the command line."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def answer(whymiss: Callable[..., Result]) -> Callable[..., Any]:
    """Runs the command line with --json and reads what it prints, strictly."""

    def run(*arguments: str | Path) -> Any:
        result = whymiss(*arguments, "--json")
        assert result.exit_code in (0, 4), result.output
        assert result.stdout.isascii()
        return json.loads(result.stdout, parse_constant=_refuse)

    return run


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Path]:
    """`lines(name, objects)`: a JSON Lines file."""

    def write(name: str, objects: Iterable[dict[str, Any]]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in objects), encoding="utf-8")
        return path

    return write


@pytest.fixture
def measured(tmp_path: Path, whymiss: Callable[..., Result], hashing: None) -> str:
    """A store of the four documents."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in DOCUMENTS.items():
        readers = "[support]" if name == "credit.md" else "'*'"
        (docs / name).write_text(f"---\nallowed: {readers}\n---\n{text}\n")
    store = str(tmp_path / "measured")
    assert whymiss("ingest", docs, "--store", store).exit_code == 0
    return store


@pytest.fixture
def questions(lines: Callable[..., Path]) -> Path:
    """Three answerable questions in two splits, and one unanswerable."""
    labelled = [
        question(*fields, tags=[f"about {fields[0]}"], split="holdout" if i == 1 else "tune")
        for i, fields in enumerate(QUESTIONS)
    ]
    nothing = {"query_id": "none", "text": "who won", "tags": ["unanswerable"], "split": "tune"}
    return lines("questions.jsonl", [*labelled, nothing])
