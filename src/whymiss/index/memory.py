"""An index that is never written: for configurations that are only tried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whymiss.config import PipelineConfig
from whymiss.index.build import Progress, chunk_vectors, chunked_documents, manifest_for
from whymiss.index.documents import Catalogue
from whymiss.index.snapshot import Snapshot
from whymiss.index.store import Store
from whymiss.records import Chunk, digest

if TYPE_CHECKING:
    from whymiss.embedding import CachedEncoder
    from whymiss.protocols import Chunker


def index_in_memory(
    store: Store,
    config: PipelineConfig,
    catalogue: Catalogue,
    *,
    chunker: Chunker,
    encoder: CachedEncoder,
    progress: Progress | None = None,
) -> Snapshot:
    """The index of a configuration over the stored documents, as if it were built and read.

    Vectors come from the cache and go there, so that trying the same chunks again embeds nothing.
    There is no table: approximate search is not possible. `manifest.created` is made from the
    chunks, so that equal indexes have equal stamps.

    Parameters
    ----------
    catalogue : the documents; their texts are read from the store.
    progress : called with (what, documents done, documents in all).

    Raises
    ------
    ChunkingError : the chunker does not fit a document.
    ModelError : the encoder gives vectors that cannot be compared.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from whymiss.chunking import make_chunker
    >>> from whymiss.embedding import CachedEncoder, VectorCache
    >>> from whymiss.index import read_catalogue
    >>> from whymiss.testing import HashingEncoder
    >>> store = Store(mkdtemp())
    >>> config = PipelineConfig()
    >>> encoder = CachedEncoder(HashingEncoder(), VectorCache(Path(mkdtemp()) / "vectors.sqlite"))
    >>> chunker = make_chunker(config.chunking, encoder.tokenizer, encoder=encoder)
    >>> len(index_in_memory(store, config, read_catalogue(store), chunker=chunker, encoder=encoder))
    0
    """
    doc_ids = sorted(catalogue.states)
    chunks: list[Chunk] = []
    states: dict[str, str] = {}
    vectors = [np.empty((0, encoder.dimension), dtype=np.float32)]
    for batch in chunked_documents(store, doc_ids, config, chunker, encoder):
        vectors.append(chunk_vectors(batch, encoder))
        chunks += batch.chunks
        states.update(batch.states)
        if progress is not None:
            progress(f"index {config.index.name}", batch.n_done, len(doc_ids))
    order = sorted(
        range(len(chunks)), key=lambda i: (chunks[i].doc_id, chunks[i].start, chunks[i].chunk_id)
    )
    manifest = manifest_for(config, encoder)
    # Parents are no part of a chunk's id: a custom chunker may change them alone.
    content = digest(
        manifest.model_version,
        *(f"{c.chunk_id} {c.parent_start} {c.parent_end}" for c in (chunks[i] for i in order)),
    )
    return Snapshot(
        name=config.index.name,
        version=0,
        manifest=manifest.with_created(content),
        chunks=tuple(chunks[i] for i in order),
        vectors=np.concatenate(vectors)[order],
        states=states,
    )
