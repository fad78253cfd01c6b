"""A snapshot whose chunks are made when they are looked at: a preview looks at few of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, cast, overload

import numpy as np

from whymiss.chunking import outline
from whymiss.index import Snapshot
from whymiss.records import Chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.index import Manifest
    from whymiss.live.cuts import DocumentCut
    from whymiss.protocols import Vectors


class DraftChunks(Sequence[Chunk]):
    """The chunks of all documents in row order; each is made when it is asked for, and kept."""

    def __init__(self, cuts: Sequence[DocumentCut]) -> None:
        self.cuts = cuts
        self.first_rows = np.cumsum([0, *map(len, cuts)], dtype=np.int64)
        self.known_rows: dict[str, int] = {}

    def some(self, rows: Sequence[int]) -> list[Chunk]:
        """The chunks of some rows: quicker than one by one."""
        owners = np.searchsorted(self.first_rows, rows, side="right") - 1
        by_document: dict[int, list[int]] = {}
        for row, owner in zip(rows, owners.tolist(), strict=True):
            by_document.setdefault(owner, []).append(row)
        found: dict[int, Chunk] = {}
        for owner, own in by_document.items():
            first = int(self.first_rows[owner])
            made = self.cuts[owner].some([row - first for row in own])
            found.update(zip(own, made, strict=True))
        self.known_rows.update((chunk.chunk_id, row) for row, chunk in found.items())
        return [found[row] for row in rows]

    def __len__(self) -> int:
        return int(self.first_rows[-1])

    def __iter__(self) -> Iterator[Chunk]:
        return chain.from_iterable(cut.all() for cut in self.cuts)

    @overload
    def __getitem__(self, row: int) -> Chunk: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Chunk]: ...
    def __getitem__(self, row: int | slice) -> Chunk | Sequence[Chunk]:
        if isinstance(row, slice):
            return self.some(range(*row.indices(len(self))))
        at = range(len(self))[row]
        return self.some([at])[0]


class _Rows(Mapping[str, int]):
    """Row numbers by chunk id: of chunks that were made at once, of others by making all."""

    def __init__(self, chunks: DraftChunks) -> None:
        self._chunks = chunks

    def __getitem__(self, chunk_id: str) -> int:
        known = self._chunks.known_rows.get(chunk_id)
        return self._every[chunk_id] if known is None else known

    def __iter__(self) -> Iterator[str]:
        return iter(self._every)

    def __len__(self) -> int:
        return len(self._every)

    @cached_property
    def _every(self) -> dict[str, int]:
        return {chunk.chunk_id: row for row, chunk in enumerate(self._chunks)}


class DraftSnapshot(Snapshot):
    """A snapshot of `DraftChunks`; what can be told without making chunks is told without."""

    @cached_property
    def drafts(self) -> DraftChunks:
        """The chunks, as what they are."""
        return cast("DraftChunks", self.chunks)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row number of each chunk id."""
        return cast("dict[str, int]", _Rows(self.drafts))

    @cached_property
    def doc_ids(self) -> tuple[str, ...]:
        """The documents that have chunks here, in row order."""
        return tuple(cut.document.doc_id for cut in self.drafts.cuts if len(cut))

    @cached_property
    def doc_numbers(self) -> NDArray[np.int32]:
        """For each row the position of its document in `doc_ids`."""
        counts = [len(cut) for cut in self.drafts.cuts if len(cut)]
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    @cached_property
    def rows_with_metadata(self) -> tuple[int, ...]:
        """Rows whose sections say something of their own."""
        found: list[int] = []
        for first, cut in zip(self.drafts.first_rows.tolist(), self.drafts.cuts, strict=False):
            if outline(cut.document.text, cut.document.syntax).has_attributes:
                found += [first + n for n, chunk in enumerate(cut.all()) if chunk.metadata]
        return tuple(found)


def draft_snapshot(
    chunks: DraftChunks, *, manifest: Manifest, vectors: Vectors, states: Mapping[str, str]
) -> DraftSnapshot:
    """The snapshot of a layout; its version is 0, for it is written nowhere."""
    return DraftSnapshot(
        name="live",
        version=0,
        manifest=manifest,
        # Who reads a snapshot counts its chunks, looks some up or goes through them, no more.
        chunks=cast("tuple[Chunk, ...]", chunks),
        vectors=vectors,
        states=states,
    )
