"""The documents a live search works on, and their chunks, cut once per chunking setting."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from whymiss.chunking import build_chunks
from whymiss.index import Catalogue, Store, catalogue_version, read_catalogue, read_documents
from whymiss.index.schema import document_state
from whymiss.records import Chunk, Document, canonical_json

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.protocols import Chunker, Encoder

_CHUNKS_KEPT: Final = 200_000
_NO_LIMIT: Final = sys.maxsize


@dataclass(frozen=True, slots=True)
class Corpus:
    """One version of a store's documents with their texts, by doc_id, and who may read them."""

    catalogue: Catalogue
    documents: tuple[Document, ...]


class CorpusReader:
    """Reads the documents of a store, and again only when they have changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._corpus: Corpus | None = None
        self._lock = threading.Lock()

    def read(self) -> Corpus:
        """The documents at their newest version."""
        with self._lock:
            kept = self._corpus
            if kept is None or kept.catalogue.version != catalogue_version(self._store):
                catalogue = read_catalogue(self._store)
                found = read_documents(self._store, list(catalogue.documents))
                kept = self._corpus = Corpus(catalogue, tuple(found[d] for d in sorted(found)))
            return kept


class ChunkCache:
    """Chunks by document state and chunking settings: a setting seen before is not cut again."""

    def __init__(self, max_chunks: int = _CHUNKS_KEPT) -> None:
        self._most = max_chunks
        self._kept: OrderedDict[tuple[str, ...], tuple[Chunk, ...]] = OrderedDict()
        self._n_chunks = 0
        self._lock = threading.Lock()

    def chunks(
        self,
        documents: Sequence[Document],
        config: PipelineConfig,
        *,
        chunker: Chunker,
        encoder: Encoder,
        check: Callable[[], None],
    ) -> list[tuple[Chunk, ...]]:
        """The chunks of each document, by (start, chunk_id).

        Raises
        ------
        ChunkingError : the chunker does not fit a document.
        """
        knobs = canonical_json(asdict(config.chunking))
        prefix, model = config.embedding.document_prefix, encoder.model_version
        found = []
        for document in documents:
            check()
            state = document_state(document.content_hash, document.title)
            key = (document.doc_id, state, knobs, prefix, model)
            found.append(self._get(key, partial(_cut, document, config, chunker, encoder)))
        return found

    def _get(self, key: tuple[str, ...], cut: Callable[[], tuple[Chunk, ...]]) -> tuple[Chunk, ...]:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = cut()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._n_chunks += len(made)
            while self._n_chunks > self._most and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._n_chunks -= len(gone)
        return made


def _cut(
    document: Document, config: PipelineConfig, chunker: Chunker, encoder: Encoder
) -> tuple[Chunk, ...]:
    made = build_chunks(
        document,
        chunker.spans(document),
        config=config.chunking,
        tokenizer=encoder.tokenizer,
        # Late chunking reads a document in windows and cuts nothing.
        max_tokens=_NO_LIMIT if config.embedding.late_chunking else encoder.max_tokens,
        document_prefix=config.embedding.document_prefix,
    )
    return tuple(sorted(made, key=lambda chunk: (chunk.start, chunk.chunk_id)))
