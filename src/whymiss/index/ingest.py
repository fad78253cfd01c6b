"""Bring the stored documents up to date with a folder or with documents from Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from whymiss.documents import FileReport
from whymiss.index.documents import (
    compact_documents,
    delete_documents,
    forget_sources,
    read_catalogue,
    read_sources,
    row_hash,
    write_documents,
    write_sources,
)
from whymiss.index.store import Store
from whymiss.records import Document

_CHARACTERS_PER_COMMIT: Final = 4_000_000
_DOCUMENTS_PER_COMMIT: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What became of every file or document offered.

    `files` has one row per file: doc_id, source, format, status, reason, warnings, change (added,
    changed, unchanged, removed, kept: a failing file whose earlier version stays).
    """

    files: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)

    def count(self, column: str, value: str) -> int:
        """How many rows have this value in a column."""
        return sum(row[column] == value for row in self.files)


def sync_folder(store: Store, root: Path, reports: Iterable[FileReport]) -> SyncReport:
    """Write what changed below a folder, remove what is gone from it. Call under `writing()`.

    A file that cannot be read any more keeps its earlier version, and the report says so.
    """
    place = str(root.resolve())
    before = {row["source"]: row for row in read_sources(store, place)}
    writer = _Writer(store, owners=_owners(store, place))
    rows = [writer.file(report, known=report.source in before) for report in reports]
    writer.flush()
    seen = {row["source"] for row in rows}
    gone = [row for source, row in before.items() if source not in seen]
    delete_documents(store, [r["doc_id"] for r in gone if r["doc_id"] in writer.present])
    forget_sources(store, [row["source"] for row in gone])
    rows += [{**row, "change": "removed", "reason": "the file is gone"} for row in gone]
    write_sources(store, list(_changed_sources(rows, before, place)))
    compact_documents(store)
    return SyncReport(files=tuple(rows))


def sync_documents(store: Store, documents: Iterable[Document]) -> SyncReport:
    """Write documents given from Python; others stay as they are. Call under `writing()`.

    Of several with one doc_id the last wins, and the report says so.
    """
    writer = _Writer(store, owners={})
    rows = [writer.document(document) for document in documents]
    writer.flush()
    compact_documents(store)
    return SyncReport(files=tuple(rows))


def fingerprints(store: Store, root: Path) -> dict[str, str]:
    """The raw fingerprint of every file below a folder at its last ingest, by doc_id.

    Files whose document is no longer stored are left out, so that they are read again.
    """
    present = read_catalogue(store).row_hashes
    return {
        row["doc_id"]: row["fingerprint"]
        for row in read_sources(store, str(root.resolve()))
        if row["fingerprint"] and (row["doc_id"] in present or row["status"] in _WITHOUT_DOCUMENT)
    }


_WITHOUT_DOCUMENT: Final = ("refused", "failed")


class _Writer:
    """Collects changed documents and commits them in batches."""

    def __init__(self, store: Store, owners: Mapping[str, str]) -> None:
        self._store = store
        self._owners = owners
        self.present = dict(read_catalogue(store).row_hashes)
        self._waiting: dict[str, Document] = {}

    def file(self, report: FileReport, *, known: bool) -> dict[str, Any]:
        row: dict[str, Any] = {
            "doc_id": report.doc_id,
            "source": report.source,
            "format": report.format,
            "status": report.status,
            "reason": report.reason,
            "warnings": report.warnings,
            "fingerprint": report.raw_fingerprint,
        }
        if report.document is None:
            return {**row, "change": self._without_document(report, row, known=known)}
        owner = self._owners.get(report.doc_id)
        if owner is not None:
            reason = (
                f"the doc_id {report.doc_id!r} belongs to {owner}; ingest one of the folders from "
                "a common parent, or rename the file"
            )
            return {**row, "status": "refused", "reason": reason, "change": "none"}
        return {**row, "change": self.document(report.document)["change"]}

    def _without_document(self, report: FileReport, row: dict[str, Any], *, known: bool) -> str:
        if report.status == "unchanged":
            return "unchanged"
        if known and report.doc_id in self.present:
            row["reason"] += "; the version read earlier is still served"
            # Without a fingerprint the file is tried again at the next ingest.
            row["fingerprint"] = ""
            return "kept"
        return "none"

    def document(self, document: Document) -> dict[str, Any]:
        change = "added"
        row_id = row_hash(document)
        if document.doc_id in self.present:
            change = "unchanged" if self.present[document.doc_id] == row_id else "changed"
        row = {
            "doc_id": document.doc_id,
            "source": document.source,
            "format": document.syntax,
            "status": "ok",
            "reason": "",
            "warnings": (),
            "change": change,
        }
        if change != "unchanged":
            self._waiting[document.doc_id] = document
            self.present[document.doc_id] = row_id
            characters = sum(len(d.text) for d in self._waiting.values())
            if len(self._waiting) >= _DOCUMENTS_PER_COMMIT or characters >= _CHARACTERS_PER_COMMIT:
                self.flush()
        return row

    def flush(self) -> None:
        if self._waiting:
            write_documents(self._store, list(self._waiting.values()))
            self._waiting = {}


def _owners(store: Store, place: str) -> dict[str, str]:
    """Which other folder, or Python, each stored doc_id came from."""
    sources = read_sources(store)
    mine = {row["doc_id"] for row in sources if row["root"] == place}
    others = {row["doc_id"]: row["root"] for row in sources if row["root"] != place}
    made = set(read_catalogue(store).documents) - mine - set(others)
    return {**dict.fromkeys(made, "a document given from Python"), **others}


def _changed_sources(
    rows: Sequence[Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]], place: str
) -> Iterator[dict[str, Any]]:
    for row in rows:
        if row["change"] == "removed" or row["status"] == "unchanged":
            continue
        new = {
            "source": row["source"],
            "root": place,
            "doc_id": row["doc_id"],
            "fingerprint": row["fingerprint"],
            "format": row["format"],
            "status": row["status"],
            "reason": row["reason"],
            "warnings": list(row["warnings"]),
        }
        if before.get(row["source"]) != new:
            yield new
