"""What a report needs of a workbench, so that this room need not know the whole of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from whymiss.config import PipelineConfig
from whymiss.index import BuildReport, Store, SyncReport
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query, Trace
from whymiss.retrieval import SearchSpace
from whymiss.traces import TraceLog


class Ingested(Protocol):
    """What an ingest did."""

    @property
    def sync(self) -> SyncReport:
        """The verdict on every file."""

    @property
    def built(self) -> tuple[BuildReport, ...]:
        """What was done to every index."""


class Bench(Protocol):
    """An open workbench."""

    @property
    def store(self) -> Store:
        """Where everything is kept."""

    @property
    def log(self) -> TraceLog:
        """The log of requests."""

    def ingest(
        self,
        source: str | Path | Iterable[Document],
        *,
        allowed: Sequence[str] | None = None,
        config: PipelineConfig | None = None,
    ) -> Ingested:
        """Bring the store up to date with a folder, a file or documents."""

    def build(self, config: PipelineConfig | None = None) -> BuildReport:
        """Bring one index up to date with the stored documents."""

    def run(
        self, query: Query, *, config: PipelineConfig | None = None, answer: bool = True
    ) -> Trace:
        """Ask one question and keep its trace."""

    def pipeline(self, config: PipelineConfig | None = None, *, answer: bool = True) -> Pipeline:
        """The pipeline of a configuration."""

    def space(self, config: PipelineConfig | None = None) -> SearchSpace:
        """What a configuration searches."""

    def document(self, doc_id: str) -> Document:
        """One stored document with its text."""
