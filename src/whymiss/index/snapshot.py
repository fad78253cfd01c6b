"""One version of an index in memory: chunks in a fixed order, their vectors as one matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.errors import StoreError
from whymiss.index.schema import Manifest, chunks_of
from whymiss.index.store import Store
from whymiss.records import Chunk

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

_SHORTEST: Final = 0.5
"""Vectors are stored at length 1; one much shorter was never an embedding."""


@dataclass(frozen=True)
class Snapshot:
    """The rows of an index, sorted by (doc_id, start, chunk_id), and `vectors` aligned to them.

    Row number is therefore also the order of ties. `states` says which state of each document its
    chunks were made from. `table` is a handle held at this version.
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
    rows = rows.sort_by([(column, "ascending") for column in ("doc_id", "start", "chunk_id")])
    models = set(rows.column("model_version").to_pylist())
    if models - {manifest.model_version}:
        raise StoreError(
            f"index {name!r} mixes vectors of {', '.join(sorted(models))}; every row must be of "
            f"{manifest.model_version}. Their scores cannot be compared: build the index again."
        )
    vectors = _vectors(rows, manifest.dimension, name)
    return Snapshot(
        name=name,
        version=version,
        manifest=manifest,
        chunks=tuple(chunks_of(rows)),
        vectors=vectors,
        states=dict(
            zip(
                rows.column("doc_id").to_pylist(), rows.column("doc_state").to_pylist(), strict=True
            )
        ),
        table=table,
    )


def _vectors(rows: pa.Table, dimension: int, name: str) -> Vectors:
    column = rows.column("vector")
    usable = np.asarray(column.is_valid())
    if usable.all():
        flat = np.asarray(column.combine_chunks().flatten(), dtype=np.float32)
        vectors = np.ascontiguousarray(flat.reshape(len(rows), dimension))
        lengths = np.linalg.norm(vectors, axis=1)
        usable = np.isfinite(lengths) & (lengths > _SHORTEST)
    if not usable.all():
        bad = rows.column("chunk_id")[int(np.argmin(usable))].as_py()
        raise StoreError(
            f"index {name!r} holds a vector that can never be found (missing, zero or not finite), "
            f"chunk {bad}. Build the index again."
        )
    return vectors
