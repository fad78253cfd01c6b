"""Desks: a store with live search over it, closed after each test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

# Tests are imported by file: what they share is put in reach here.
sys.path.insert(0, str(Path(__file__).parent))

from desks import ContextEncoder, Desk, corpus

from whymiss.records import Document


@pytest.fixture
def desk_of(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """`desk_of(documents, encoder)`: closed afterwards."""
    made: list[Desk] = []

    def make(documents: Sequence[Document] | None = None, encoder: Any = None) -> Desk:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        given = corpus() if documents is None else documents
        desk = Desk(folder, given, encoder or ContextEncoder())
        made.append(desk)
        return desk

    yield make
    for desk in made:
        for live in desk.lives:
            live.close()
        desk.models.close()


@pytest.fixture
def desk(desk_of: Callable[..., Desk]) -> Desk:
    return desk_of()
