"""Approximate search through LanceDB, for indexes too large to search exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from lancedb.index import HnswSq, IvfPq

from whymiss.config import IndexConfig
from whymiss.errors import StoreError
from whymiss.index.sound import LANCE_ERRORS
from whymiss.index.store import Store, is_one_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.index.snapshot import Snapshot
    from whymiss.protocols import Vectors

_TYPES: Final = {"ivf_pq": IvfPq, "ivf_hnsw_sq": HnswSq}
LEAST_ROWS: Final = 256
"""With fewer rows LanceDB cannot train an index."""


def build_ann(store: Store, config: IndexConfig) -> str:
    """Build or refresh the approximate vector index, cosine. Returns what was done or why not.

    Call under `store.writing()`.
    """
    if config.ann == "none":
        return ""
    table = store.open_index(config.name)
    if table.count_rows() < LEAST_ROWS:
        return (
            f"index {config.name!r} has {table.count_rows()} rows; approximate search needs at "
            f"least {LEAST_ROWS} to be trained, so all rows are searched exactly"
        )
    if config.ann in vector_index_types(table):
        if not unindexed_rows(table):
            return ""
        store.optimize(table)
    else:
        create_ann(table, config.ann)
        store.committed(table)
    return f"{config.ann} index over {table.count_rows()} rows"


def create_ann(table: Any, kind: str) -> None:
    """Train a vector index of this kind over all rows, in place of an earlier one."""
    table.create_index("vector", config=_TYPES[kind](distance_type="cosine"), replace=True)


def vector_index_types(table: Any) -> list[str]:
    """Which kinds of approximate index a table has, as the configuration names them."""
    kinds = {kind.replace("_", ""): kind for kind in _TYPES}
    return [
        kinds[index.index_type.lower().replace("_", "")]
        for index in table.list_indices()
        if "vector" in index.columns
    ]


def unindexed_rows(table: Any) -> int:
    """Rows that an approximate index does not cover yet; they are searched one by one."""
    vectors = [i for i in table.list_indices() if "vector" in i.columns]
    if not vectors:
        return int(table.count_rows())
    stats = table.index_stats(vectors[0].name)
    return int(stats.num_unindexed_rows) if stats else int(table.count_rows())


def search_ann(
    snapshot: Snapshot,
    query_vector: Vectors,
    permitted: NDArray[np.bool_],
    *,
    depth: int,
    config: IndexConfig,
) -> list[tuple[int, float]]:
    """(row, cosine) of the best permitted rows that the approximate index finds.

    The permitted set goes to LanceDB as an expression and is applied before candidates are chosen.

    Raises
    ------
    StoreError : the version the snapshot was taken of is gone or damaged.
    """
    if not permitted.any():
        return []
    search = snapshot.table.search(query_vector).distance_type("cosine").limit(depth)
    if config.nprobes:
        search = search.nprobes(config.nprobes)
    if config.refine_factor:
        search = search.refine_factor(config.refine_factor)
    if config.ef:
        search = search.ef(config.ef)
    if not permitted.all():
        search = search.where(_permitted_rows(snapshot, permitted), prefilter=True)
    try:
        found = search.select(["chunk_id", "_distance"]).to_arrow()
    except LANCE_ERRORS as error:
        raise StoreError(
            f"index {snapshot.name!r} cannot be searched as it was when read: {str(error)[:200]}. "
            "If it was purged or rebuilt meanwhile, ask again."
        ) from error
    return [
        (snapshot.row_of[chunk_id], 1.0 - float(distance))
        for chunk_id, distance in zip(
            found.column("chunk_id").to_pylist(), found.column("_distance").to_pylist(), strict=True
        )
    ]


def _permitted_rows(snapshot: Snapshot, permitted: NDArray[np.bool_]) -> Any:
    documents = np.unique(snapshot.doc_numbers[permitted])
    whole = np.isin(snapshot.doc_numbers, documents)
    if (whole == permitted).all():
        return is_one_of("doc_id", [snapshot.doc_ids[i] for i in documents])
    rows = np.flatnonzero(permitted)
    return is_one_of("chunk_id", [snapshot.chunks[row].chunk_id for row in rows])
