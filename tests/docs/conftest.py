"""A place to try what documents show: the bundled data, and a store of it that is ready."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_files import ROOT

HELPDESK = ROOT / "data" / "helpdesk"


@pytest.fixture
def working_copy(
    tmp_path: Path, helpdesk_store: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder that a reader sits in: `data/`, a store at `.whymiss`, and documents of theirs."""
    shutil.copytree(helpdesk_store, tmp_path / ".whymiss")
    (tmp_path / "data" / "helpdesk").mkdir(parents=True)
    shutil.copy(HELPDESK / "questions.jsonl", tmp_path / "data" / "helpdesk")
    # A link: the store knows the files by where they stand, and need not read them again.
    (tmp_path / "data" / "helpdesk" / "docs").symlink_to(HELPDESK / "docs")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "opening_hours.md").write_text("# Opening hours\n\nThe shop opens at ten.")
    monkeypatch.chdir(tmp_path)
    for name in ("WHYMISS_STORE", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    shutil.rmtree(tmp_path / ".whymiss")
