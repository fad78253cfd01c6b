"""Everything a configuration's chunks need to be searched before and while they are embedded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from whymiss.index import Snapshot
from whymiss.live.results import Agreement
from whymiss.records import Chunk, Document, digest
from whymiss.retrieval import SearchSpace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.index import Catalogue, Manifest
    from whymiss.live.late_vectors import LateVectors
    from whymiss.protocols import Encoder, Vectors

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """The chunks of one configuration over one version of the documents.

    documents, chunks : in one order, by doc_id.
    space : all chunks, with preview vectors.
    spreads : of the residual of each chunk; see `LateVectors`.
    vectors, known : exact vectors, filled in as chunks are embedded, and which rows have one.
    reason : why there are no preview vectors; empty where there are.
    """

    documents: Sequence[Document]
    chunks: Sequence[tuple[Chunk, ...]]
    space: SearchSpace
    spreads: Floats
    reason: str
    vectors: Vectors
    known: Mask
    agreement: Agreement = field(default_factory=Agreement)

    @classmethod
    def of(
        cls,
        documents: Sequence[Document],
        chunks: Sequence[tuple[Chunk, ...]],
        *,
        manifest: Manifest,
        catalogue: Catalogue,
        states: Mapping[str, str],
        late: LateVectors | None,
        reason: str = "",
    ) -> Layout:
        """A layout in which nothing is embedded yet.

        Documents come by doc_id, the chunks of each by (start, chunk_id).
        """
        every = tuple(chunk for some in chunks for chunk in some)
        empty = np.zeros((len(every), manifest.dimension), dtype=np.float32)
        snapshot = Snapshot(
            name="live",
            version=0,
            manifest=manifest,
            chunks=every,
            vectors=empty if late is None else late.vectors,
            states=states,
        )
        return cls(
            space=SearchSpace(snapshot, catalogue),
            documents=documents,
            chunks=chunks,
            spreads=np.ones(len(every)) if late is None else late.spreads,
            reason=reason,
            vectors=np.zeros_like(empty),
            known=np.zeros(len(every), bool),
        )

    @property
    def n_tokens(self) -> NDArray[np.int64]:
        """Tokens the encoder is given of each chunk: what embedding it costs."""
        chunks = self.space.snapshot.chunks
        return self.space.derived(
            "n_tokens",
            lambda: np.array([c.n_tokens - c.n_truncated for c in chunks], dtype=np.int64),
        )

    @property
    def twins(self) -> dict[str, list[int]]:
        """Rows by the text that is embedded: equal texts have one vector."""
        return self.space.derived("twins", self._twins)

    def embed(self, rows: Sequence[int], encoder: Encoder) -> None:
        """Embed some rows exactly, and all others of the same text with them."""
        chunks = self.space.snapshot.chunks
        texts = list(dict.fromkeys(chunks[row].indexed_text for row in rows))
        for text, vector in zip(texts, encoder.encode_documents(texts), strict=True):
            same = self.twins[text]
            self.vectors[same] = vector
            self.known[same] = True

    def filled(self) -> SearchSpace:
        """The space with exact vectors, once every row is embedded; the same object every time."""
        if not self.known.all():
            raise ValueError(f"{int((~self.known).sum())} rows are not embedded yet.")
        return self.space.derived("filled", self._filled)

    def unembedded(self) -> Layout:
        """The same layout with nothing embedded."""
        return replace(self, vectors=np.zeros_like(self.vectors), known=np.zeros_like(self.known))

    def _twins(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, chunk in enumerate(self.space.snapshot.chunks):
            rows.setdefault(chunk.indexed_text, []).append(row)
        return rows

    def _filled(self) -> SearchSpace:
        kept = self.space.snapshot
        # Equal indexes have equal stamps; see `index_in_memory`.
        content = digest(
            kept.manifest.model_version,
            *(f"{c.chunk_id} {c.parent_start} {c.parent_end}" for c in kept.chunks),
        )
        snapshot = Snapshot(
            name=kept.name,
            version=kept.version,
            manifest=kept.manifest.with_created(content),
            chunks=kept.chunks,
            vectors=self.vectors,
            states=kept.states,
        )
        return SearchSpace(snapshot, self.space.catalogue)
