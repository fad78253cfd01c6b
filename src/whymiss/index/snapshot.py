"""One version of an index in memory: chunks in a fixed order, their vectors as one matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from whymiss.errors import StoreError
from whymiss.index.schema import Manifest, chunks_of
from whymiss.index.store import Store
from whymiss.records import Chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors


@dataclass(frozen=True)
class Snapshot:
    """The rows of an index, sorted by (doc_id, start, chunk_id), and `vectors` aligned to them.

    Row number is therefore also the order of ties. `states` says which state of each document its
    chunks were made from.
    """

    name: str
    version: int
    manifest: Manifest
    chunks: tuple[Chunk, ...]
    vectors: Vectors
    states: Mapping[str, str]
    table: Any = field(repr=False, default=None)

    @property
    def stamp(self) -> tuple[str, int]:
        """Names the rows: which build of the index, and its version."""
        return self.manifest.created, self.version

    def __len__(self) -> int:
        return len(self.chunks)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row number of each chunk id."""
        return {chunk.chunk_id: row for row, chunk in enumerate(self.chunks)}

    @cached_property
    def doc_ids(self) -> tuple[str, ...]:
        """The documents that have chunks here, in row order."""
        return tuple(dict.fromkeys(chunk.doc_id for chunk in self.chunks))

    @cached_property
    def doc_numbers(self) -> NDArray[np.int32]:
        """For each row the position of its document in `doc_ids`."""
        number = {doc_id: i for i, doc_id in enumerate(self.doc_ids)}
        return np.fromiter((number[c.doc_id] for c in self.chunks), np.int32, len(self.chunks))

    @cached_property
    def rows_with_metadata(self) -> tuple[int, ...]:
        """Rows whose sections say something of their own."""
        return tuple(row for row, chunk in enumerate(self.chunks) if chunk.metadata)


def read_snapshot(store: Store, name: str) -> Snapshot:
    """Load the newest version of an index.

    Raises
    ------
    StoreError : rows of different models, or vectors that can never be found (not finite, zero).
    """
    table = store.open_index(name)
    version = store.pin(table)
    manifest = store.manifest_of(table)
    rows = store.read(table)
    order = np.lexsort(
        [np.asarray(rows.column(c).to_pylist()) for c in ("chunk_id", "start", "doc_id")]
    ) if len(rows) else np.empty(0, dtype=np.int64)
    rows = rows.take(order)
    models = set(rows.column("model_version").to_pylist())
    if models - {manifest.model_version}:
        raise StoreError(
            f"index {name!r} mixes vectors of {', '.join(sorted(models))}; every row must be of "
            f"{manifest.model_version}. Their scores cannot be compared: build the index again."
        )
    flat = rows.column("vector").combine_chunks()
    vectors = np.asarray(flat.flatten(), dtype=np.float32).reshape(len(rows), manifest.dimension)
    lengths = np.linalg.norm(vectors, axis=1)
    if len(rows) and not (np.isfinite(lengths).all() and lengths.min() > 0.5):
        bad = rows.column("chunk_id")[int(np.argmin(np.nan_to_num(lengths, nan=-1.0)))].as_py()
        raise StoreError(
            f"index {name!r} holds a vector that can never be found (zero or not finite), chunk "
            f"{bad}. Build the index again."
        )
    return Snapshot(
        name=name,
        version=version,
        manifest=manifest,
        chunks=tuple(chunks_of(rows)),
        vectors=np.ascontiguousarray(vectors),
        states=dict(
            zip(
                rows.column("doc_id").to_pylist(), rows.column("doc_state").to_pylist(), strict=True
            )
        ),
        table=table,
    )
