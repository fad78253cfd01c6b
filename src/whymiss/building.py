"""A store brought up to date: documents synchronised with their source, indexes with documents."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whymiss import frames
from whymiss.documents import FileReport, Limits, documents_from_jsonl, read_folder
from whymiss.errors import ConfigError, InvalidRecordError, WhymissError
from whymiss.index import (
    BuildReport,
    Catalogue,
    Progress,
    PurgeReport,
    Store,
    SyncReport,
    build_ann,
    build_index,
    check_matches,
    fingerprints,
    purge,
    read_catalogue,
    sync_documents,
    sync_folder,
)
from whymiss.records import Document
from whymiss.tokens import TokenReport, add_tokens, drop_tokens

if TYPE_CHECKING:
    import pandas as pd

    from whymiss.config import PipelineConfig
    from whymiss.embedding import TokenPlan
    from whymiss.models import Models

_NOW: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What an ingest did: every file's verdict, every index brought up to date, and the time.

    `tokens` says which documents had their token vectors added, and how much that is.
    """

    sync: SyncReport
    built: tuple[BuildReport, ...]
    tokens: TokenPlan
    notes: tuple[str, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def files(self) -> pd.DataFrame:
        """One row per file or document: status, what changed, and the reason."""
        return frames.files_frame(self.sync.files)

    @property
    def n_embedded(self) -> int:
        """Passages that went through the encoder, over all indexes."""
        return sum(report.n_embedded for report in self.built)


class Builder:
    """Writes a store: documents first, then every index over them.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from whymiss.config import PipelineConfig
    >>> from whymiss.embedding import VectorCache
    >>> from whymiss.models import Models
    >>> from whymiss.testing import HashingEncoder
    >>> store = Store(mkdtemp())
    >>> models = Models(VectorCache(store.state / "vectors.sqlite"), tokens=store.state / "tokens",
    ...                 encoder=HashingEncoder())
    >>> faq = Document(doc_id="faq", text="Refunds take ten days.", allowed=["*"])
    >>> Builder(store, models).ingest([faq], config=PipelineConfig()).n_embedded
    1
    """

    def __init__(self, store: Store, models: Models) -> None:
        self._store = store
        self._models = models

    def ingest(
        self,
        source: str | Path | Iterable[Document],
        *,
        config: PipelineConfig,
        allowed: Sequence[str] | None = None,
        rebuild: bool = False,
        limits: Limits | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Bring the documents up to date with a source, then every index with the documents.

        `Workbench.ingest` says what the parameters mean and what is raised.
        """
        if isinstance(allowed, str):
            raise ConfigError(f"allowed must be a list of names; got {allowed!r}.")
        start = time.perf_counter()
        with self._store.writing():
            # What cannot be indexed is found out before anything is written.
            self._models.chunker(config)
            if not rebuild and self._store.has_index(config.index.name):
                check_matches(self._store, config, self._models.encoder(config).model_version)
            sync = self._sync(source, allowed, limits or Limits(), progress)
            synced = time.perf_counter()
            built, notes = self._build_all(config, rebuild=rebuild, progress=progress)
            indexed = time.perf_counter()
            tokens = self._update_tokens(config, progress)
        notes = [*_permission_notes(read_catalogue(self._store)), *notes, *_some(tokens.note)]
        seconds = {
            "documents": synced - start,
            "indexes": indexed - synced,
            "tokens": time.perf_counter() - indexed,
        }
        return IngestReport(
            sync=sync,
            built=tuple(built),
            tokens=tokens.plan,
            notes=tuple(notes),
            seconds=seconds,
        )

    def build(
        self, config: PipelineConfig, *, rebuild: bool = False, progress: Progress | None = None
    ) -> BuildReport:
        """Build one index over the stored documents, or bring it up to date.

        Raises
        ------
        IndexMismatchError : an index of this name was built with other settings.
        """
        with self._store.writing():
            report = self._build(config, rebuild=rebuild, progress=progress)
            note = self._update_tokens(config, progress).note
        return report.with_note("; ".join([*_some(report.note), note])) if note else report

    def purge(self, config: PipelineConfig, *, older_than: timedelta = _NOW) -> PurgeReport:
        """Erase what was deleted: rows of tables, vectors and token vectors. See `index.purge`."""
        report = purge(self._store, self._models.cache, older_than=older_than)
        with self._store.writing():
            drop_tokens(self._models, config, read_catalogue(self._store))
        return report

    def _update_tokens(self, config: PipelineConfig, progress: Progress | None) -> TokenReport:
        catalogue = read_catalogue(self._store)
        drop_tokens(self._models, config, catalogue)
        return add_tokens(self._store, self._models, config, catalogue, progress=progress)

    def _sync(
        self,
        source: str | Path | Iterable[Document],
        allowed: Sequence[str] | None,
        limits: Limits,
        progress: Progress | None,
    ) -> SyncReport:
        if not isinstance(source, (str, Path)):
            return sync_documents(self._store, _only_documents(source, tuple(allowed or ())))
        path = Path(source)
        if path.name.endswith((".jsonl", ".jsonl.gz")):
            return sync_documents(self._store, documents_from_jsonl(path, allowed=allowed or ()))
        reports = read_folder(
            path,
            allowed=allowed,
            known=fingerprints(self._store, path),
            limits=limits,
            progress=_counting(progress),
        )
        return sync_folder(self._store, path, reports)

    def _build_all(
        self, config: PipelineConfig, *, rebuild: bool, progress: Progress | None
    ) -> tuple[list[BuildReport], list[str]]:
        built = [self._build(config, rebuild=rebuild, progress=progress)]
        notes = [report.note for report in built if report.note]
        for name in self._store.index_names():
            if name == config.index.name:
                continue
            try:
                knobs = dict(self._store.manifest(name).knobs)
                # Approximate search is added to an index when that index is asked for.
                other = config.replace({**knobs, "index.name": name, "index.ann": "none"})
                built.append(self._build(other, progress=progress))
            except WhymissError as error:
                notes.append(f"index {name!r} stays behind: {error}")
        return built, notes

    def _build(
        self, config: PipelineConfig, *, rebuild: bool = False, progress: Progress | None = None
    ) -> BuildReport:
        encoder = self._models.encoder(config)
        report = build_index(
            self._store,
            config,
            read_catalogue(self._store),
            chunker=self._models.chunker(config),
            encoder=encoder,
            rebuild=rebuild,
            progress=progress,
        )
        note = build_ann(self._store, config.index)
        return report.with_note(note) if note else report


def _some(note: str) -> list[str]:
    return [note] if note else []


def _only_documents(source: Iterable[Document], allowed: tuple[str, ...]) -> Iterator[Document]:
    if isinstance(source, Document) or not isinstance(source, Iterable):
        raise InvalidRecordError(
            "ingest takes a folder, a file or a list of documents; got one "
            f"{type(source).__name__}. Put documents in a list."
        )
    for item in source:
        if not isinstance(item, Document):
            raise InvalidRecordError(
                f"ingest takes a folder or Document objects; got {type(item).__name__}. "
                "Wrap it: Document(doc_id=..., text=..., allowed=[...])."
            )
        yield item if item.allowed else replace(item, allowed=allowed)


def _counting(progress: Progress | None) -> Callable[[FileReport], None] | None:
    if progress is None:
        return None
    seen = 0

    def count(report: FileReport) -> None:
        nonlocal seen
        seen += 1
        progress("files", seen, 0)

    return count


def _permission_notes(catalogue: Catalogue) -> list[str]:
    closed = [doc_id for doc_id, doc in catalogue.documents.items() if not doc.allowed]
    if not closed:
        return []
    return [
        f"{len(closed)} of {len(catalogue.documents)} documents name no principal and are readable "
        f"by nobody (first: {closed[0]}). Say who may read them in their metadata, or ingest with "
        "allowed=['*'] (in a terminal: --allowed '*')."
    ]
