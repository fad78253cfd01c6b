"""How every index stands beside the documents: what is missing, out of date, orphaned or cut."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pandas as pd

from whymiss.index.ann import unindexed_rows
from whymiss.index.documents import read_catalogue
from whymiss.index.store import Store

COLUMNS: Final = (
    "name", "strategy", "size", "overlap", "model_version", "dimension", "n_documents", "n_chunks",
    "n_truncated", "n_missing", "n_stale", "n_orphan", "version", "ann", "n_unindexed",
)  # fmt: skip
_NEEDED: Final = ["doc_id", "doc_state", "n_truncated"]


def index_health(store: Store) -> pd.DataFrame:
    """One row per index.

    n_missing : stored documents without any row here (those of white space alone included).
    n_stale : documents whose rows were made from an earlier text or title.
    n_orphan : documents that have rows here but are stored no more; nobody is served them.
    n_truncated : chunks longer than the encoder sees.
    n_unindexed : rows an approximate index does not cover yet; missing when search is exact.
    """
    states = read_catalogue(store).states
    rows = [_row(store, name, dict(states)) for name in store.index_names()]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n_unindexed": "Int64"})


def _row(store: Store, name: str, states: dict[str, str]) -> dict[str, Any]:
    manifest = store.manifest(name)
    table = store.open_index(name)
    version = store.pin(table)
    found = store.read(table, _NEEDED).to_pylist()
    here = {row["doc_id"]: row["doc_state"] for row in found}
    vector_indexes = [i for i in table.list_indices() if "vector" in i.columns]
    return {
        "name": name,
        "strategy": manifest.knobs["chunking.strategy"],
        "size": manifest.knobs["chunking.size"],
        "overlap": manifest.knobs["chunking.overlap"],
        "model_version": manifest.model_version,
        "dimension": manifest.dimension,
        "n_documents": len(here),
        "n_chunks": len(found),
        "n_truncated": sum(row["n_truncated"] > 0 for row in found),
        "n_missing": len(states.keys() - here.keys()),
        "n_stale": sum(states[d] != s for d, s in here.items() if d in states),
        "n_orphan": len(here.keys() - states.keys()),
        "version": version,
        "ann": vector_indexes[0].index_type if vector_indexes else "none",
        "n_unindexed": unindexed_rows(table) if vector_indexes else None,
    }


def rows_by_model(store: Store) -> dict[str, dict[str, int]]:
    """Of every index, how many rows carry each model version; "" is a row without one."""
    found = {}
    for name in store.index_names():
        versions = store.read(store.open_index(name), ["model_version"]).column("model_version")
        found[name] = dict(Counter(version or "" for version in versions.to_pylist()))
    return found


def table_versions(store: Store) -> dict[str, int]:
    """The version of every table: any commit, also one that changed nothing, raises it."""
    return {name: int(store.open_existing(name).version) for name in store.table_names()}
