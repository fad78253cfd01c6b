"""Semantic chunking reads sentences by the encoder: it can be followed, and stopped at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import whymiss
from whymiss.records import Document
from whymiss.testing import HashingEncoder
from whymiss.widgets.chunks.panel import ChunkBrowser

TEXT = " ".join(f"Sentence number {n} is about invoices and refunds." for n in range(200))


class GatedEncoder(HashingEncoder):
    """Waits at a gate before every batch of passages, once the gate is closed."""

    gate: threading.Event
    arrived: threading.Event

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "gate", threading.Event())
        object.__setattr__(self, "arrived", threading.Event())
        self.gate.set()

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Any:
        if not self.gate.is_set():
            self.arrived.set()
            assert self.gate.wait(20)
        return super().encode_documents(texts, progress=progress)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[tuple[ChunkBrowser, GatedEncoder]]:
    """A browser whose encoder has arrived at a closed gate, in the middle of its sentences."""
    encoder = GatedEncoder()
    with whymiss.open(tmp_path / "store", encoder=encoder) as workbench:
        workbench.ingest([Document(doc_id="d", text=TEXT, syntax="plain", allowed=["*"])])
        panel = workbench.chunk_browser()
        assert panel.flush(10)
        encoder.gate.clear()
        panel._surface.receive({"knob": "chunking.strategy", "value": "semantic", "seen": 1})
        assert encoder.arrived.wait(10)
        yield panel, encoder
        encoder.gate.set()


def test_it_says_how_far_it_is_and_then_shows_the_borders(
    gated: tuple[ChunkBrowser, GatedEncoder], seen: Any
) -> None:
    panel, encoder = gated
    bar = seen(panel, "work").find("progress")
    assert bar["max"] == "200"
    encoder.gate.set()
    assert panel.flush(10)
    assert seen(panel, "work").find("progress") is None
    assert panel.cut is not None
    assert panel.cut.config.chunking.strategy == "semantic"
    assert panel.cut.chunks == panel.desk.workbench.live.chunks_of("d", panel.state.config)


def test_cancel_says_so_and_the_borders_of_before_stay(
    gated: tuple[ChunkBrowser, GatedEncoder], seen: Any
) -> None:
    panel, encoder = gated
    before = panel._surface.parts["text"]
    panel.press("cancel")
    assert "Stopped" in seen(panel, "work").text
    encoder.gate.set()
    assert panel.flush(10)
    assert "Stopped" in seen(panel, "work").text
    assert panel._surface.parts["text"] == before
    panel.press("again")
    assert panel.flush(10)
    assert panel.cut is not None
    assert panel.cut.config.chunking.strategy == "semantic"
    assert seen(panel, "work").text == ""


def test_another_change_does_not_wait_for_all_sentences(
    gated: tuple[ChunkBrowser, GatedEncoder],
) -> None:
    panel, encoder = gated
    panel._surface.receive({"knob": "chunking.strategy", "value": "fixed", "seen": 2})
    encoder.gate.set()
    assert panel.flush(10)
    assert panel.cut is not None
    assert panel.cut.config.chunking.strategy == "fixed"
    # Of 200 sentences only a block was read: the others were never asked for.
    assert panel.desk.workbench.encoder().n_encoded < 100
