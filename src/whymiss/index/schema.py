"""The columns of every table in the store, and records to rows and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from whymiss.records import Chunk, Document, canonical_json, digest

if TYPE_CHECKING:
    from whymiss.protocols import Vectors

FORMAT_VERSION: Final = 1
"""Raised when stores written by an earlier whymiss can no longer be read as they are."""

_KEY: Final = {"lance-schema:unenforced-primary-key": "true"}
"""Makes concurrent upserts of one key conflict; without it they duplicate silently."""

DOCUMENTS: Final = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False, metadata=_KEY),
        pa.field("title", pa.string()),
        pa.field("text", pa.large_string()),
        pa.field("source", pa.string()),
        pa.field("metadata", pa.string()),
        pa.field("allowed", pa.list_(pa.string())),
        pa.field("syntax", pa.string()),
        pa.field("modified", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("row_hash", pa.string()),
    ]
)

SOURCES: Final = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False, metadata=_KEY),
        pa.field("root", pa.string()),
        pa.field("doc_id", pa.string()),
        pa.field("fingerprint", pa.string()),
        pa.field("format", pa.string()),
        pa.field("status", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("warnings", pa.list_(pa.string())),
    ]
)


def chunks_schema(dimension: int, manifest: Manifest) -> pa.Schema:
    """Columns of one index; its manifest travels in the schema, so both appear in one commit."""
    return pa.schema(
        [
            pa.field("chunk_id", pa.string(), nullable=False, metadata=_KEY),
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("doc_state", pa.string()),
            pa.field("start", pa.int64()),
            pa.field("end", pa.int64()),
            pa.field("text", pa.large_string()),
            pa.field("prefix", pa.string()),
            pa.field("headings", pa.list_(pa.string())),
            pa.field("parent_start", pa.int64()),
            pa.field("parent_end", pa.int64()),
            pa.field("n_tokens", pa.int32()),
            pa.field("n_truncated", pa.int32()),
            pa.field("metadata", pa.string()),
            pa.field("model_version", pa.string()),
            pa.field("vector", pa.list_(pa.float32(), dimension)),
        ],
        metadata={"whymiss.manifest": manifest.to_json()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an index was built with. `created` tells one build of a name from the next."""

    knobs: Mapping[str, Any]
    model_version: str
    dimension: int
    created: str = ""
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """The manifest as canonical JSON."""
        return canonical_json(asdict(self))

    def with_created(self, created: str) -> Manifest:
        """The same under another mark of its making."""
        return replace(self, created=created)

    @classmethod
    def from_schema(cls, schema: pa.Schema) -> Manifest | None:
        """The manifest of a table, or None when whymiss did not make it."""
        raw = (schema.metadata or {}).get(b"whymiss.manifest")
        return cls(**json.loads(raw)) if raw else None


def document_row(document: Document) -> dict[str, Any]:
    """One row of the documents table."""
    row = {
        "doc_id": document.doc_id,
        "title": document.title,
        "text": document.text,
        "source": document.source,
        "metadata": canonical_json(document.metadata),
        "allowed": list(document.allowed),
        "syntax": document.syntax,
        "modified": document.modified,
        "content_hash": document.content_hash,
    }
    # The text is in the content hash already.
    rest = {key: value for key, value in row.items() if key != "text"}
    return {**row, "row_hash": digest(canonical_json(rest))}


def document_of(row: Mapping[str, Any]) -> Document:
    """The document of a row."""
    return Document(
        doc_id=row["doc_id"],
        text=row.get("text") or "",
        source=row["source"],
        title=row["title"],
        metadata=json.loads(row["metadata"]),
        allowed=tuple(row["allowed"]),
        syntax=row["syntax"],
        modified=row["modified"],
    )


def chunk_rows(
    chunks: Sequence[Chunk], states: Mapping[str, str], vectors: Vectors, manifest: Manifest
) -> pa.Table:
    """Rows of an index: chunks with their vectors and the state of the document they stand for."""
    schema = chunks_schema(manifest.dimension, manifest)
    columns: dict[str, Any] = {
        "chunk_id": [c.chunk_id for c in chunks],
        "doc_id": [c.doc_id for c in chunks],
        "doc_state": [states[c.doc_id] for c in chunks],
        "start": [c.start for c in chunks],
        "end": [c.end for c in chunks],
        "text": [c.text for c in chunks],
        "prefix": [c.prefix for c in chunks],
        "headings": [list(c.headings) for c in chunks],
        "parent_start": [c.parent_start for c in chunks],
        "parent_end": [c.parent_end for c in chunks],
        "n_tokens": [c.n_tokens for c in chunks],
        "n_truncated": [c.n_truncated for c in chunks],
        "metadata": [canonical_json(c.metadata) for c in chunks],
        "model_version": [manifest.model_version] * len(chunks),
    }
    arrays = [pa.array(columns[f.name], type=f.type) for f in schema if f.name != "vector"]
    flat = pa.array(vectors.reshape(-1), type=pa.float32())
    arrays.append(pa.FixedSizeListArray.from_arrays(flat, manifest.dimension))
    return pa.Table.from_arrays(arrays, schema=schema)


def chunks_of(table: pa.Table) -> list[Chunk]:
    """The chunks of rows, in row order."""
    names = [
        "chunk_id", "doc_id", "start", "end", "text", "prefix", "headings", "parent_start",
        "parent_end", "n_tokens", "n_truncated", "metadata",
    ]  # fmt: skip
    columns = {name: table.column(name).to_pylist() for name in names}
    return [
        Chunk(**{**dict(zip(names, values, strict=True)), **_decoded(values, names)})
        for values in zip(*columns.values(), strict=True)
    ]


def _decoded(values: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    headings = values[names.index("headings")]
    metadata = values[names.index("metadata")]
    return {
        "headings": tuple(headings or ()),
        "metadata": json.loads(metadata) if metadata != "{}" else {},
    }


def document_state(content_hash: str, title: str) -> str:
    """What of a document decides its chunks: text and syntax, and the title in their prefix."""
    return digest(content_hash, title)[:24]


def table_of(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
