"""Stores for maps, and fits that take no time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from mapping import PAGES, PlainJob, opened

from whymiss.workbench import Workbench


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[PlainJob]]:
    """The fits of this test: `jobs.made` are those that were started, `jobs.gate` holds them."""

    class Jobs(PlainJob):
        gate: ClassVar = threading.Event()
        made: ClassVar = []

    Jobs.gate.set()
    monkeypatch.setattr("whymiss.maps.mapper.FitJob", Jobs)
    yield Jobs
    # Whoever still waits, because a test failed, would wait for ever.
    Jobs.gate.set()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of twelve pages, of three subjects."""
    with opened(tmp_path / "store") as made:
        made.ingest(PAGES)
    return tmp_path / "store"


@pytest.fixture
def wb(store: Path, jobs: type[PlainJob]) -> Iterator[Workbench]:
    with opened(store) as workbench:
        yield workbench
