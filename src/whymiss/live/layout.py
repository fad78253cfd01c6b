"""Everything a configuration's chunks need to be searched before and while they are embedded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import numpy as np

from whymiss.index import Snapshot
from whymiss.index.schema import document_state
from whymiss.live.drafts import DraftChunks, draft_snapshot
from whymiss.live.places import Places
from whymiss.live.results import Agreement
from whymiss.records import digest
from whymiss.retrieval import SearchSpace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.index import Manifest
    from whymiss.live.corpus import Corpus
    from whymiss.live.cuts import DocumentCut
    from whymiss.live.late_vectors import LateVectors
    from whymiss.protocols import Encoder, Vectors

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_ANSWERS_KEPT: Final = 128
_FILL_TOKENS: Final = 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Layout:
    """The chunks of one configuration over one version of the documents.

    chunks, places : in row order.
    space : all chunks, with preview vectors.
    late : preview vectors and what is known of them; None where there are none.
    reason : why there are none; empty where there are.
    vectors, known : exact vectors, filled in as chunks are embedded, and which rows have one.
    """

    corpus: Corpus
    chunks: DraftChunks
    places: Places
    space: SearchSpace
    late: LateVectors | None
    reason: str
    vectors: Vectors
    known: Mask
    agreement: Agreement = field(default_factory=Agreement)
    _answers: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        cuts: Sequence[DocumentCut],
        places: Places,
        *,
        manifest: Manifest,
        late: LateVectors | None,
        reason: str = "",
    ) -> Self:
        """A layout in which nothing is embedded yet."""
        chunks = DraftChunks(cuts)
        vectors = np.zeros((len(chunks), manifest.dimension), dtype=np.float32)
        states = {
            document.doc_id: document_state(document.content_hash, document.title)
            for document, cut in zip(corpus.documents, cuts, strict=True)
            if len(cut)
        }
        snapshot = draft_snapshot(
            chunks,
            manifest=manifest,
            vectors=vectors if late is None else late.vectors,
            states=states,
        )
        return cls(
            corpus=corpus,
            chunks=chunks,
            places=places,
            space=SearchSpace(snapshot, corpus.catalogue),
            late=late,
            reason=reason,
            vectors=vectors,
            known=np.zeros(len(chunks), bool),
        )

    @cached_property
    def spreads(self) -> Floats:
        """How wide the residual of each chunk is beside the others'; see `LateVectors`."""
        return np.ones(len(self.places)) if self.late is None else self.late.spreads

    @cached_property
    def n_tokens(self) -> NDArray[np.int64]:
        """Tokens of each chunk: about what embedding it costs."""
        if self.late is not None:
            return self.late.n_tokens
        return np.array([chunk.n_tokens for chunk in self.chunks], dtype=np.int64)

    @cached_property
    def texts(self) -> list[str]:
        """What is embedded of each chunk."""
        places, bases = self.places, self.corpus.bases[self.places.documents]
        columns = (places.documents, places.starts - bases, places.ends - bases, places.prefix_of)
        return [
            places.prefixes[prefix] + self.corpus.documents[number].text[start:end]
            for number, start, end, prefix in zip(*(c.tolist() for c in columns), strict=True)
        ]

    @cached_property
    def twins(self) -> dict[str, list[int]]:
        """Rows by the text that is embedded: equal texts have one vector."""
        rows: dict[str, list[int]] = {}
        for row, text in enumerate(self.texts):
            rows.setdefault(text, []).append(row)
        return rows

    def embed(self, rows: NDArray[np.int64], encoder: Encoder) -> None:
        """Embed some rows exactly, and all others of the same text with them."""
        texts = list(dict.fromkeys(self.texts[row] for row in rows.tolist()))
        for text, vector in zip(texts, encoder.encode_documents(texts), strict=True):
            same = self.twins[text]
            self.vectors[same] = vector
            self.known[same] = True

    def batch(self, order: NDArray[np.int64], n_tokens: int) -> NDArray[np.int64]:
        """The first of some rows, at least one, that have no more tokens than this together."""
        spent = np.cumsum(self.n_tokens[order])
        return order[: max(1, int(np.searchsorted(spent, n_tokens, "right")))]

    def batches_left(self) -> Iterator[NDArray[np.int64]]:
        """What is left to embed, in row order; looked up anew for every batch."""
        while len(rows := np.flatnonzero(~self.known)):
            yield self.batch(rows, _FILL_TOKENS)

    def half_filled(self) -> SearchSpace:
        """The space with the exact vectors that there are now, and zeros where there are none."""
        snapshot = replace(self.space.snapshot, vectors=self.vectors.copy())
        return SearchSpace(snapshot, self.space.catalogue)

    def filled(self) -> SearchSpace:
        """The space with exact vectors, once every row is embedded; the same object every time."""
        if not self.known.all():
            raise ValueError(f"{int((~self.known).sum())} rows are not embedded yet.")
        with self._lock:
            return self._filled

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Something that was computed for a question; the last ones are kept."""
        with self._lock:
            if key not in self._answers:
                self._answers[key] = compute()
                if len(self._answers) > _ANSWERS_KEPT:
                    self._answers.popitem(last=False)
            self._answers.move_to_end(key)
            return cast(T, self._answers[key])

    def unembedded(self) -> Layout:
        """The same layout with nothing embedded."""
        return replace(self, vectors=np.zeros_like(self.vectors), known=np.zeros_like(self.known))

    @cached_property
    def _filled(self) -> SearchSpace:
        kept, chunks = self.space.snapshot, tuple(self.chunks)
        # Equal indexes have equal stamps; see `index_in_memory`.
        content = digest(
            kept.manifest.model_version,
            *(f"{c.chunk_id} {c.parent_start} {c.parent_end}" for c in chunks),
        )
        snapshot = Snapshot(
            name=kept.name,
            version=kept.version,
            manifest=kept.manifest.with_created(content),
            chunks=chunks,
            vectors=self.vectors,
            states=kept.states,
        )
        return SearchSpace(snapshot, self.space.catalogue)
