"""A place to try what documents show: the bundled data, and a store of it that is ready."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_files import ROOT

from whymiss.workbench import open as open_workbench

HELPDESK = ROOT / "data" / "helpdesk"


@pytest.fixture(scope="session")
def ready_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the bundled corpus; the one that WHYMISS_HELPDESK_STORE names, or made here."""
    store = tmp_path_factory.mktemp("documents") / "store"
    if ready := os.environ.get("WHYMISS_HELPDESK_STORE"):
        shutil.copytree(ready, store)
    with open_workbench(store) as workbench:
        workbench.ingest(HELPDESK / "docs")
    return store


@pytest.fixture
def working_copy(
    tmp_path: Path, ready_store: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder that a reader sits in: `data/`, a store at `.whymiss`, and documents of theirs."""
    shutil.copytree(ready_store, tmp_path / ".whymiss")
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
