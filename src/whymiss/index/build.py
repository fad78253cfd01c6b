"""Bring one index up to date with the documents: chunk, embed, commit, in batches that converge."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from whymiss.chunking import build_chunks
from whymiss.config import PipelineConfig
from whymiss.embedding.late_encoder import LateChunkingEncoder
from whymiss.errors import IndexMismatchError
from whymiss.index.documents import Catalogue, read_documents
from whymiss.index.schema import Manifest, chunk_rows, chunks_schema, document_state
from whymiss.index.store import Store, is_one_of
from whymiss.records import Chunk, Document

if TYPE_CHECKING:
    from whymiss.embedding import CachedEncoder
    from whymiss.protocols import Chunker, Vectors

_CHUNKS_PER_COMMIT: Final = 2048
_DOCUMENTS_PER_READ: Final = 32
_NO_LIMIT: Final = sys.maxsize

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What bringing an index up to date did."""

    index: str
    n_changed: int
    n_removed: int
    n_chunks_written: int
    n_embedded: int
    truncated: tuple[tuple[str, str, int], ...]
    version: int
    note: str = ""

    def with_note(self, note: str) -> BuildReport:
        """The same with something to tell the user."""
        return replace(self, note=note)


def manifest_for(config: PipelineConfig, encoder: CachedEncoder) -> Manifest:
    """The manifest that an index of this configuration has."""
    return Manifest(
        knobs=config.index_knobs(),
        model_version=encoder.model_version,
        dimension=encoder.dimension,
        created=uuid.uuid4().hex,
    )


def knobs_of(manifest: Manifest) -> dict[str, Any]:
    """The knobs that an index was built with.

    One that it does not name came later, and by default does what was done before it came.
    """
    return {**PipelineConfig().index_knobs(), **manifest.knobs}


def check_matches(store: Store, config: PipelineConfig, model_version: str) -> Manifest:
    """The manifest of the configured index.

    Raises
    ------
    IndexMismatchError : it was built with other chunking or embedding settings, or another model.
    """
    name = config.index.name
    manifest = store.manifest(name)
    wanted, there = config.index_knobs(), knobs_of(manifest)
    differing = [
        f"{knob} is {there.get(knob)!r} there, {wanted[knob]!r} here"
        for knob in wanted
        if there.get(knob) != wanted[knob]
    ]
    if manifest.model_version != model_version:
        differing.append(f"its model is {manifest.model_version}, yours {model_version}")
    if differing:
        raise IndexMismatchError(
            f"index {name!r} was built with other settings: {'; '.join(differing)}. "
            "Give this configuration an index.name of its own, or build with rebuild=True."
        )
    return manifest


def build_index(
    store: Store,
    config: PipelineConfig,
    catalogue: Catalogue,
    *,
    chunker: Chunker,
    encoder: CachedEncoder,
    rebuild: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Make an index hold exactly the chunks of the catalogue's documents.

    Documents whose state is unchanged cost nothing; each changed one is replaced in one commit, in
    batches; removed ones go. Stopped at any point, a second call does what was left. A rebuild
    takes the place of the earlier rows in one commit at its end; until then those are served.
    Call under `store.writing()`.
    """
    name = config.index.name
    anew = rebuild and store.has_index(name)
    manifest, table = _opened(store, config, encoder, anew=anew)
    present = {} if anew else _states(store, table)
    removed = sorted(set(present) - set(catalogue.states))
    changed = sorted(d for d, state in catalogue.states.items() if present.get(d) != state)
    embedded_before = encoder.n_encoded
    tally = _Tally()
    new_rows = [chunks_schema(manifest.dimension, manifest).empty_table()]
    for batch in chunked_documents(store, changed, config, chunker, encoder):
        vectors = chunk_vectors(batch, encoder)
        rows = chunk_rows(batch.chunks, batch.states, vectors, manifest)
        if anew:
            new_rows.append(rows)
        else:
            _replace(store, table, batch, rows, present)
        tally.add(batch, present)
        if progress is not None:
            progress(f"index {name}", batch.n_done, len(changed))
    if anew:
        table = store.replace_index(name, pa.concat_tables(new_rows))
    store.delete(table, "doc_id", removed)
    store.compact(table)
    return BuildReport(
        index=name,
        n_changed=tally.n_changed,
        n_removed=len(removed),
        n_chunks_written=tally.n_chunks,
        n_embedded=encoder.n_encoded - embedded_before,
        truncated=tuple(tally.truncated),
        version=int(table.version),
    )


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """Whole documents, their chunks, and the states of those that have chunks."""

    documents: tuple[Document, ...]
    chunks: tuple[Chunk, ...]
    states: Mapping[str, str]
    n_done: int

    @property
    def doc_ids(self) -> tuple[str, ...]:
        """The ids of all documents, those without chunks too."""
        return tuple(document.doc_id for document in self.documents)


def chunk_vectors(batch: DocumentBatch, encoder: CachedEncoder) -> Vectors:
    """The vectors of a batch's chunks, each by itself or, by late chunking, in its document."""
    if isinstance(encoder, LateChunkingEncoder):
        cut = [document for document in batch.documents if document.doc_id in batch.states]
        return encoder.encode_chunks(batch.chunks, cut)
    return encoder.encode_documents([chunk.indexed_text for chunk in batch.chunks])


@dataclass(slots=True)
class _Tally:
    n_changed: int = 0
    n_chunks: int = 0
    truncated: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, batch: DocumentBatch, present: Mapping[str, str]) -> None:
        # A document of white space alone has no rows to compare with: it is looked at every time
        # and is a change only where rows come or go.
        self.n_changed += sum(d in batch.states or d in present for d in batch.doc_ids)
        self.n_chunks += len(batch.chunks)
        self.truncated += [
            (c.doc_id, c.chunk_id, c.n_truncated) for c in batch.chunks if c.n_truncated
        ]


def _opened(
    store: Store, config: PipelineConfig, encoder: CachedEncoder, *, anew: bool
) -> tuple[Manifest, Any]:
    name = config.index.name
    if store.has_index(name) and not anew:
        return check_matches(store, config, encoder.model_version), store.open_index(name)
    manifest = manifest_for(config, encoder)
    if anew:
        return manifest, store.open_index(name)
    return manifest, store.create_index(name, chunks_schema(manifest.dimension, manifest))


def chunked_documents(
    store: Store,
    doc_ids: Sequence[str],
    config: PipelineConfig,
    chunker: Chunker,
    encoder: CachedEncoder,
) -> Iterator[DocumentBatch]:
    """Chunk the named documents, some whole documents at a time."""
    waiting: list[Document] = []
    chunks: list[Chunk] = []
    states: dict[str, str] = {}
    for n_done, document in enumerate(_in_order(store, doc_ids), start=1):
        made = build_chunks(
            document,
            chunker.spans(document),
            config=config.chunking,
            tokenizer=encoder.tokenizer,
            # Late chunking reads a document in windows and cuts nothing.
            max_tokens=_NO_LIMIT if config.embedding.late_chunking else encoder.max_tokens,
            document_prefix=config.embedding.document_prefix,
        )
        waiting.append(document)
        if made:
            chunks += made
            states[document.doc_id] = document_state(document.content_hash, document.title)
        if len(chunks) >= _CHUNKS_PER_COMMIT:
            yield DocumentBatch(tuple(waiting), tuple(chunks), states, n_done)
            waiting, chunks, states = [], [], {}
    if waiting:
        yield DocumentBatch(tuple(waiting), tuple(chunks), states, len(doc_ids))


def _in_order(store: Store, doc_ids: Sequence[str]) -> Iterator[Document]:
    for first in range(0, len(doc_ids), _DOCUMENTS_PER_READ):
        some = doc_ids[first : first + _DOCUMENTS_PER_READ]
        found = read_documents(store, some)
        yield from (found[doc_id] for doc_id in some if doc_id in found)


def _replace(
    store: Store, table: Any, batch: DocumentBatch, rows: pa.Table, present: Mapping[str, str]
) -> None:
    if len(rows):
        documents = is_one_of("doc_id", list(batch.doc_ids))
        store.upsert(table, rows, key="chunk_id", replacing=documents)
    else:
        # Nothing but white space: a merge of no rows would still make a version.
        store.delete(table, "doc_id", [d for d in batch.doc_ids if d in present])


def _states(store: Store, table: Any) -> dict[str, str]:
    rows = store.read(table, ["doc_id", "doc_state"])
    return dict(
        zip(rows.column("doc_id").to_pylist(), rows.column("doc_state").to_pylist(), strict=True)
    )
