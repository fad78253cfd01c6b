"""The documents and file reports kept in a store: what was read, who may read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from whymiss.index.schema import (
    DOCUMENTS,
    SOURCES,
    document_of,
    document_row,
    document_state,
    table_of,
)
from whymiss.index.store import Store, is_one_of
from whymiss.records import Document

_TABLE: Final = "documents"
_LIGHT: Final = [name for name in DOCUMENTS.names if name != "text"]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every document of one version of the store, without its text: enough to filter and permit.

    `documents[doc_id].content_hash` is that of an empty text; `content_hashes` has the true ones,
    and `states` what of a document decides its chunks.
    """

    version: int
    documents: Mapping[str, Document]
    content_hashes: Mapping[str, str]
    row_hashes: Mapping[str, str]
    states: Mapping[str, str]


def read_catalogue(store: Store) -> Catalogue:
    """The documents of the newest version; empty when nothing was ingested."""
    if _TABLE not in store.table_names():
        return Catalogue(0, {}, {}, {}, {})
    table = store.open_table(_TABLE, DOCUMENTS)
    version = store.pin(table)
    rows = store.read(table, _LIGHT).to_pylist()
    rows.sort(key=lambda row: row["doc_id"])
    return Catalogue(
        version=version,
        documents={row["doc_id"]: document_of(row) for row in rows},
        content_hashes={row["doc_id"]: row["content_hash"] for row in rows},
        row_hashes={row["doc_id"]: row["row_hash"] for row in rows},
        states={row["doc_id"]: document_state(row["content_hash"], row["title"]) for row in rows},
    )


def catalogue_version(store: Store) -> int:
    """Version number of the documents table; 0 when there is none."""
    if _TABLE not in store.table_names():
        return 0
    return int(store.open_table(_TABLE, DOCUMENTS).version)


def read_documents(store: Store, doc_ids: Sequence[str]) -> dict[str, Document]:
    """The named documents with their text; unknown ids are left out."""
    if not doc_ids or _TABLE not in store.table_names():
        return {}
    table = store.open_table(_TABLE, DOCUMENTS)
    rows = store.read(table, where=is_one_of("doc_id", list(doc_ids)))
    return {row["doc_id"]: document_of(row) for row in rows.to_pylist()}


def write_documents(store: Store, documents: Sequence[Document]) -> None:
    """Insert or replace documents in one commit. Call under `store.writing()`."""
    table = store.open_table(_TABLE, DOCUMENTS)
    rows = table_of((document_row(document) for document in documents), DOCUMENTS)
    store.upsert(table, rows, key="doc_id")


def delete_documents(store: Store, doc_ids: Sequence[str]) -> None:
    """Delete documents in one commit; from then on nobody is served their chunks."""
    store.delete(store.open_table(_TABLE, DOCUMENTS), "doc_id", list(doc_ids))


def compact_documents(store: Store) -> None:
    """Merge small files after many commits."""
    for name, schema in ((_TABLE, DOCUMENTS), ("sources", SOURCES)):
        if name in store.table_names():
            store.compact(store.open_table(name, schema))


def row_hash(document: Document) -> str:
    """A hash of everything stored about a document, its permissions included."""
    value: str = document_row(document)["row_hash"]
    return value


def read_sources(store: Store, root: str | None = None) -> list[dict[str, Any]]:
    """The last report of every file, or of those below one ingested folder."""
    if "sources" not in store.table_names():
        return []
    rows = store.read(store.open_table("sources", SOURCES)).to_pylist()
    kept = [row for row in rows if root is None or row["root"] == root]
    return sorted(kept, key=lambda row: (row["root"], row["doc_id"]))


def write_sources(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember the last report of files, in one commit."""
    if rows:
        table = store.open_table("sources", SOURCES)
        store.upsert(table, table_of(rows, SOURCES), key="source")


def forget_sources(store: Store, sources: Sequence[str]) -> None:
    """Forget files that are gone."""
    if sources and "sources" in store.table_names():
        store.delete(store.open_table("sources", SOURCES), "source", list(sources))
