"""The object a notebook opens: ingest, ask, look. It holds the parts together, no more."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whymiss import frames
from whymiss.answering import make_generator
from whymiss.chunking import make_chunker
from whymiss.config import EmbeddingConfig, PipelineConfig, RerankConfig
from whymiss.documents import FileReport, Limits, documents_from_jsonl, read_folder
from whymiss.embedding import CachedEncoder, SentenceTransformersEncoder, VectorCache
from whymiss.errors import ConfigError, DocumentError, InvalidRecordError, StoreError, WhymissError
from whymiss.index import (
    BuildReport,
    Catalogue,
    Progress,
    PurgeReport,
    Store,
    SyncReport,
    build_ann,
    build_index,
    catalogue_version,
    check_matches,
    fingerprints,
    index_health,
    purge,
    read_catalogue,
    read_documents,
    read_snapshot,
    read_sources,
    sync_documents,
    sync_folder,
)
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query, Trace
from whymiss.reranking import CrossEncoderReranker
from whymiss.retrieval import SearchSpace, parse_where
from whymiss.traces import TraceLog

if TYPE_CHECKING:
    import pandas as pd

    from whymiss.chunking import ChunkFunction
    from whymiss.protocols import Chunker, Encoder, Generator, Reranker
    from whymiss.retrieval.filters import Where

_DOCUMENTS_KEPT: Final = 256
_NOW: Final = timedelta(0)


def open(
    uri: str | Path,
    *,
    config: PipelineConfig | None = None,
    encoder: Encoder | None = None,
    reranker: Reranker | None = None,
    generator: Generator | None = None,
    chunkers: Mapping[str, ChunkFunction] | None = None,
) -> Workbench:
    """Open a store, or start one, as a workbench.

    Parameters
    ----------
    uri : a local folder, or any LanceDB address such as s3://bucket/store.
    config : every knob; the defaults need no network.
    encoder, reranker, generator : your own, in place of those that the configuration names.
    chunkers : functions from text to spans by name, for `chunking.strategy = "custom:NAME"`.

    Raises
    ------
    StoreError : the store cannot be opened.
    ModelError : the configured model is missing or damaged.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from whymiss.testing import HashingEncoder
    >>> wb = open(mkdtemp(), encoder=HashingEncoder())
    >>> report = wb.ingest([Document(doc_id="faq", text="Refunds take ten days.", allowed=["*"])])
    >>> report.built[0].n_chunks_written
    1
    >>> wb.ask("How long do refunds take?").answer.text
    'Refunds take ten days. [1]'
    """
    return Workbench(
        uri,
        config=config or PipelineConfig(),
        encoder=encoder,
        reranker=reranker,
        generator=generator,
        chunkers=chunkers or {},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What an ingest did: every file's verdict, every index brought up to date, and the time."""

    sync: SyncReport
    built: tuple[BuildReport, ...]
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


class Workbench:
    """A store with a configuration: ingest documents, ask questions, look at every stage."""

    def __init__(
        self,
        uri: str | Path,
        *,
        config: PipelineConfig,
        encoder: Encoder | None,
        reranker: Reranker | None,
        generator: Generator | None,
        chunkers: Mapping[str, ChunkFunction],
    ) -> None:
        if isinstance(uri, Path) or "://" not in uri:
            _check_folder(Path(uri))
        self.config = config
        self.store = Store(uri)
        self.log = TraceLog(self.store.state)
        self._cache = VectorCache(self.store.state / "vectors.sqlite")
        self._own_encoder = encoder
        self._own_reranker = reranker
        self._own_generator = generator
        self._chunkers = dict(chunkers)
        self._encoders: dict[EmbeddingConfig, CachedEncoder] = {}
        self._rerankers: dict[RerankConfig, Reranker] = {}
        self._spaces: dict[str, SearchSpace] = {}
        self._texts: OrderedDict[tuple[str, int], Document] = OrderedDict()
        self._lock = threading.RLock()

    def ingest(
        self,
        source: str | Path | Iterable[Document],
        *,
        allowed: Sequence[str] | None = None,
        config: PipelineConfig | None = None,
        rebuild: bool = False,
        limits: Limits | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Bring the store up to date with a folder, a file, a JSON Lines corpus or documents.

        What is unchanged costs nothing: a second run embeds nothing and makes no new version.
        Every index of the store is brought up to date, not only the configured one.

        Parameters
        ----------
        source : a folder (files that are gone are removed), a single file, a corpus as
            `.jsonl` or `.jsonl.gz` with one {"_id", "title", "text"} a line, or documents.
        allowed : who may read what names no principal itself; None is nobody.
        rebuild : make the configured index anew, with other settings if they differ.
        progress : called with (what, done, total).

        Raises
        ------
        DocumentError : the source does not exist or cannot be read at all.
        ConfigError : `allowed` is a text instead of a list.
        IndexMismatchError : the configured index was built with other settings.
        """
        if isinstance(allowed, str):
            raise ConfigError(f"allowed must be a list of names; got {allowed!r}.")
        config = config or self.config
        start = time.perf_counter()
        with self.store.writing():
            # What cannot be indexed is found out before anything is written.
            self._chunker(config)
            if not rebuild and self.store.has_index(config.index.name):
                check_matches(self.store, config, self.encoder(config).model_version)
            sync = self._sync(source, allowed, limits or Limits(), progress)
            synced = time.perf_counter()
            built, notes = self._build_all(config, rebuild=rebuild, progress=progress)
        seconds = {"documents": synced - start, "indexes": time.perf_counter() - synced}
        notes = [*_permission_notes(read_catalogue(self.store)), *notes]
        return IngestReport(sync=sync, built=tuple(built), notes=tuple(notes), seconds=seconds)

    def build(
        self,
        config: PipelineConfig | None = None,
        *,
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> BuildReport:
        """Build one index over the stored documents, or bring it up to date.

        Raises
        ------
        IndexMismatchError : an index of this name was built with other settings.
        """
        with self.store.writing():
            return self._build(config or self.config, rebuild=rebuild, progress=progress)

    def ask(
        self,
        text: str,
        *,
        principal: str | Sequence[str] | None = (),
        where: Where = None,
        config: PipelineConfig | None = None,
        answer: bool = True,
    ) -> Trace:
        """Ask a question; the trace holds the answer and everything that led to it.

        Parameters
        ----------
        principal : the asker's name or names (user and groups); with none, only what everybody
            may read is found.
        where : metadata conditions: {"plan_type": "annual"} or ["plan_type=annual"].
        config : another configuration for this question; its index must exist.
        answer : False stops after packing the context.

        Raises
        ------
        IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
        FilterError : `where` is not understood.
        GenerationError : the endpoint failed.
        """
        principals = (principal,) if isinstance(principal, str) else tuple(principal or ())
        query = Query(query_id="ask", text=text, principals=principals, where=parse_where(where))
        # The id is kept in traces; a plain hash of the question could be guessed.
        query = replace(query, query_id=self.log.query_hash(query.text)[:12])
        return self.run(query, config=config, answer=answer)

    def run(
        self, query: Query, *, config: PipelineConfig | None = None, answer: bool = True
    ) -> Trace:
        """Run one query through the pipeline and keep its trace."""
        config = config or self.config
        trace = self.pipeline(config, answer=answer).run(query)
        if config.trace.keep:
            self.log.keep(trace, raw_text=config.trace.raw_text)
        return trace

    def pipeline(self, config: PipelineConfig | None = None, *, answer: bool = True) -> Pipeline:
        """The pipeline of a configuration over the newest version of its index."""
        config = config or self.config
        encoder = self.encoder(config)
        return Pipeline(
            config=config,
            space=self.space(config),
            encoder=encoder,
            read_documents=self._read,
            query_hash=self.log.query_hash,
            reranker=self._reranker(config.rerank),
            generator=self._generator(config, encoder) if answer else None,
        )

    def space(self, config: PipelineConfig | None = None) -> SearchSpace:
        """What a configuration searches: its index and the documents, at their newest versions."""
        config = config or self.config
        name = config.index.name
        model_version = self.encoder(config).model_version
        with self._lock:
            kept = self._spaces.get(name)
            if kept is not None and self._is_current(kept):
                made = kept.snapshot.manifest
                if made.knobs == config.index_knobs() and made.model_version == model_version:
                    return kept
            check_matches(self.store, config, model_version)
            space = SearchSpace(read_snapshot(self.store, name), read_catalogue(self.store))
            self._spaces[name] = space
            return space

    def encoder(self, config: PipelineConfig | None = None) -> CachedEncoder:
        """The encoder of a configuration, behind the store's vector cache."""
        embedding = (config or self.config).embedding
        with self._lock:
            if embedding not in self._encoders:
                inner = self._own_encoder or SentenceTransformersEncoder(embedding)
                self._encoders[embedding] = CachedEncoder(inner, self._cache)
            return self._encoders[embedding]

    @property
    def documents(self) -> pd.DataFrame:
        """Every stored document with its metadata; texts are read with `document(doc_id)`."""
        catalogue = read_catalogue(self.store)
        table = frames.documents_frame(catalogue.documents.values())
        table["content_hash"] = [catalogue.content_hashes[doc_id] for doc_id in table["doc_id"]]
        return table

    @property
    def chunks(self) -> pd.DataFrame:
        """Every chunk of the configured index."""
        return frames.chunks_frame(self.space().snapshot.chunks)

    @property
    def indexes(self) -> pd.DataFrame:
        """Every index: size, model, version, and how far it is behind the documents."""
        return index_health(self.store)

    @property
    def files(self) -> pd.DataFrame:
        """The last verdict on every ingested file."""
        return frames.files_frame(read_sources(self.store)).drop(columns="change")

    @property
    def trace(self) -> pd.DataFrame:
        """Every request kept in the log, oldest first."""
        return frames.traces_frame(self.log.all())

    def document(self, doc_id: str) -> Document:
        """One stored document with its text.

        Raises
        ------
        DocumentError : there is none of this id.
        """
        found = read_documents(self.store, [doc_id])
        if doc_id not in found:
            raise DocumentError(f"there is no document {doc_id!r}; the frame `documents` has all.")
        return found[doc_id]

    def purge(self, *, older_than: timedelta = _NOW) -> PurgeReport:
        """Erase for good what was deleted: rewrite every table, forget versions so old.

        Deleting hides a document at once, but its text stays in LanceDB's files until then. The
        version history goes with it.

        Raises
        ------
        StoreError : another writer holds the store, or a table cannot be read.
        """
        return purge(self.store, older_than=older_than)

    def close(self) -> None:
        """Close the store's local files."""
        self.log.close()
        self._cache.close()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Workbench({self.store.uri!r}, index {self.config.index.name!r})"

    def _sync(
        self,
        source: str | Path | Iterable[Document],
        allowed: Sequence[str] | None,
        limits: Limits,
        progress: Progress | None,
    ) -> SyncReport:
        if not isinstance(source, (str, Path)):
            return sync_documents(self.store, _only_documents(source, tuple(allowed or ())))
        path = Path(source)
        if path.name.endswith((".jsonl", ".jsonl.gz")):
            return sync_documents(self.store, documents_from_jsonl(path, allowed=allowed or ()))
        reports = read_folder(
            path,
            allowed=allowed,
            known=fingerprints(self.store, path),
            limits=limits,
            progress=_counting(progress),
        )
        return sync_folder(self.store, path, reports)

    def _build_all(
        self, config: PipelineConfig, *, rebuild: bool, progress: Progress | None
    ) -> tuple[list[BuildReport], list[str]]:
        built = [self._build(config, rebuild=rebuild, progress=progress)]
        notes = [report.note for report in built if report.note]
        for name in self.store.index_names():
            if name == config.index.name:
                continue
            try:
                knobs = dict(self.store.manifest(name).knobs)
                # Approximate search is added to an index when that index is asked for.
                other = config.replace({**knobs, "index.name": name, "index.ann": "none"})
                built.append(self._build(other, progress=progress))
            except WhymissError as error:
                notes.append(f"index {name!r} stays behind: {error}")
        return built, notes

    def _build(
        self, config: PipelineConfig, *, rebuild: bool = False, progress: Progress | None = None
    ) -> BuildReport:
        encoder = self.encoder(config)
        report = build_index(
            self.store,
            config,
            read_catalogue(self.store),
            chunker=self._chunker(config),
            encoder=encoder,
            rebuild=rebuild,
            progress=progress,
        )
        note = build_ann(self.store, config.index)
        return report.with_note(note) if note else report

    def _chunker(self, config: PipelineConfig) -> Chunker:
        encoder = self.encoder(config)
        return make_chunker(
            config.chunking, encoder.tokenizer, encoder=encoder, custom=self._chunkers
        )

    def _is_current(self, space: SearchSpace) -> bool:
        # Tables are made anew by a rebuild, and versions then start again from 1.
        name = space.snapshot.name
        return (
            self.store.index_stamp(name) == space.snapshot.stamp
            and catalogue_version(self.store) == space.catalogue.version
        )

    def _read(self, doc_ids: Sequence[str]) -> dict[str, Document]:
        version = catalogue_version(self.store)
        with self._lock:
            missing = [d for d in doc_ids if (d, version) not in self._texts]
            for doc_id, document in read_documents(self.store, missing).items():
                self._texts[doc_id, version] = document
            found = {d: self._texts[d, version] for d in doc_ids if (d, version) in self._texts}
            while len(self._texts) > _DOCUMENTS_KEPT:
                self._texts.popitem(last=False)
            return found

    def _reranker(self, config: RerankConfig) -> Reranker | None:
        if self._own_reranker is not None or not config.model:
            return self._own_reranker
        with self._lock:
            if config not in self._rerankers:
                self._rerankers[config] = CrossEncoderReranker(config)
            return self._rerankers[config]

    def _generator(self, config: PipelineConfig, encoder: CachedEncoder) -> Generator:
        return self._own_generator or make_generator(config.answer, encoder)


def _check_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise StoreError(f"a store is a folder; {path} is a file. Name a folder.")


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
