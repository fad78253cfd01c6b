"""Changes to a scene: other rows, other documents, other permissions; each gives a new scene."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from whymiss.chunking import build_chunks
from whymiss.diagnosis.scene import Overlay, Scene
from whymiss.index import Catalogue
from whymiss.index.build import DocumentBatch, chunk_vectors
from whymiss.index.schema import document_row, document_state
from whymiss.records import Chunk, Document, Span
from whymiss.retrieval.editing import edited_space, recatalogued_space

if TYPE_CHECKING:
    from whymiss.protocols import Vectors

NO_LIMIT = 2**31 - 1


def rows_of(scene: Scene, doc_ids: Collection[str]) -> list[int]:
    """The rows of some documents, in row order."""
    wanted = set(doc_ids)
    return [row for row, c in enumerate(scene.space.snapshot.chunks) if c.doc_id in wanted]


def cut(scene: Scene, document: Document, spans: Sequence[Span]) -> list[Chunk]:
    """Chunks of a document with these spans, as the scene's configuration makes them."""
    config, encoder = scene.config, scene.encoder
    return build_chunks(
        document,
        spans,
        config=config.chunking,
        tokenizer=encoder.tokenizer,
        # Late chunking reads a document in windows and cuts nothing.
        max_tokens=NO_LIMIT if config.embedding.late_chunking else encoder.max_tokens,
        document_prefix=config.embedding.document_prefix,
    )


def rechunk(scene: Scene, document: Document) -> list[Chunk]:
    """The chunks that the configured chunker makes of a document."""
    return cut(scene, document, scene.models.chunker(scene.config).spans(document))


def embed(scene: Scene, chunks: Sequence[Chunk]) -> Vectors:
    """Vectors of chunks, shape (len(chunks), dimension), as the index would have them."""
    if not chunks:
        return np.empty((0, scene.encoder.dimension), dtype=np.float32)
    wanted = sorted({chunk.doc_id for chunk in chunks})
    documents = tuple(scene.read_documents(wanted).values())
    batch = DocumentBatch(documents, tuple(chunks), dict.fromkeys(wanted, ""), len(wanted))
    return chunk_vectors(batch, scene.encoder)


def with_rows(
    scene: Scene,
    *,
    drop: Iterable[int] = (),
    add: Sequence[Chunk] = (),
    states: Mapping[str, str] | None = None,
    vectors: Vectors | None = None,
) -> Scene:
    """Some rows taken out of the index and others put in; vectors are computed unless given."""
    vectors = embed(scene, add) if vectors is None else vectors
    space = edited_space(scene.space, drop=set(drop), add=add, vectors=vectors, states=states)
    return replace(scene, space=space)


def with_documents(scene: Scene, changed: Mapping[str, Document | None]) -> Scene:
    """Documents stored anew, changed or (None) removed; the index stays as it is."""
    catalogue = scene.space.catalogue
    documents = dict(catalogue.documents)
    hashes, rows = dict(catalogue.content_hashes), dict(catalogue.row_hashes)
    states = dict(catalogue.states)
    for doc_id, document in changed.items():
        for known in (documents, hashes, rows, states):
            known.pop(doc_id, None)
        if document is not None:
            documents[doc_id] = replace(document, text="")
            hashes[doc_id] = document.content_hash
            rows[doc_id] = str(document_row(document)["row_hash"])
            states[doc_id] = document_state(document.content_hash, document.title)
    made = Catalogue(catalogue.version, documents, hashes, rows, states)
    return replace(
        scene,
        space=recatalogued_space(scene.space, made),
        read_documents=Overlay(scene.read_documents, dict(changed)),
    )


def reindexed(scene: Scene, doc_ids: Collection[str]) -> Scene:
    """The rows of some documents made anew from their stored text, as an ingest would."""
    found = scene.read_documents(sorted(doc_ids))
    chunks = [chunk for doc_id in sorted(found) for chunk in rechunk(scene, found[doc_id])]
    states = {d: document_state(doc.content_hash, doc.title) for d, doc in found.items()}
    return with_rows(scene, drop=rows_of(scene, doc_ids), add=chunks, states=states)


def ingested(scene: Scene, documents: Sequence[Document]) -> Scene:
    """Documents added or changed, and the index brought up to date with them."""
    stored = with_documents(scene, {document.doc_id: document for document in documents})
    return reindexed(stored, [document.doc_id for document in documents])
