"""Bring the stored documents up to date with a folder or with documents from Python."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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

    A file that cannot be read any more keeps its earlier version, and the report says so. A doc_id
    belongs to the file it was first read from, as long as that file is there; another is refused.
    """
    place = str(root.resolve())
    before = {row["source"]: row for row in read_sources(store, place)}
    writer = _Writer(store)
    rows = [writer.file(report) for report in reports]
    writer.flush()
    seen = {row["source"] for row in rows}
    gone = [row for source, row in before.items() if source not in seen]
    gone += _without_report(writer.origins, place, known=seen | before.keys())
    delete_documents(
        store, [r["doc_id"] for r in gone if writer.origins.get(r["doc_id"]) == r["source"]]
    )
    forget_sources(store, [*(row["source"] for row in gone), *writer.superseded])
    rows += [{**row, "change": "removed", "reason": "the file is gone"} for row in gone]
    write_sources(store, list(_changed_sources(rows, before, place)))
    compact_documents(store)
    return SyncReport(files=tuple(rows))


def sync_documents(store: Store, documents: Iterable[Document]) -> SyncReport:
    """Write documents given from Python; others stay as they are. Call under `writing()`.

    Of several with one doc_id the first is taken and the others are refused, in so many words:
    taking each in turn would change the store at every run.
    """
    writer = _Writer(store)
    given: dict[str, str] = {}
    rows = []
    for document in documents:
        content = row_hash(document)
        if given.setdefault(document.doc_id, content) == content:
            rows.append(writer.document(document))
        else:
            reason = f"the doc_id {document.doc_id!r} was given before with other content"
            refused = {"status": "refused", "reason": reason, "change": "none"}
            rows.append({**_row(document), **refused})
    writer.flush()
    compact_documents(store)
    return SyncReport(files=tuple(rows))


def fingerprints(store: Store, root: Path) -> dict[str, str]:
    """The raw fingerprint of every file below a folder at its last ingest, by doc_id.

    Files whose document is no longer stored, or no longer theirs, are left out, so that they are
    read again; so are those that failed, since what failed once (a time limit on a busy machine,
    say) may succeed.
    """
    documents = read_catalogue(store).documents
    origins = {doc_id: document.source for doc_id, document in documents.items()}
    return {
        row["doc_id"]: row["fingerprint"]
        for row in read_sources(store, str(root.resolve()))
        if row["fingerprint"]
        and (origins.get(row["doc_id"]) == row["source"] or row["status"] == "refused")
    }


class _Writer:
    """Collects changed documents and commits them in batches.

    `origins` says which source each stored document was read from, `superseded` which sources were
    moved elsewhere.
    """

    def __init__(self, store: Store) -> None:
        catalogue = read_catalogue(store)
        self._store = store
        self._stored = dict(catalogue.row_hashes)
        self._files = {row["source"] for row in read_sources(store)}
        self._waiting: dict[str, Document] = {}
        self._characters = 0
        self.origins = {d: document.source for d, document in catalogue.documents.items()}
        self.superseded: list[str] = []

    def file(self, report: FileReport) -> dict[str, Any]:
        """Take the document of one file, or say why not."""
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
            return {**row, **self._without_document(report)}
        origin = self.origins.get(report.doc_id, report.source)
        if origin != report.source:
            if origin not in self._files or Path(origin).exists():
                return {**row, **_belongs_to(report.doc_id, origin)}
            # The folder was moved: its files are the same documents at another place.
            self.superseded.append(origin)
        return {**row, "change": self.document(report.document)["change"]}

    def document(self, document: Document) -> dict[str, Any]:
        """Take one document."""
        before, now = self._stored.get(document.doc_id), row_hash(document)
        change = "added" if before is None else "unchanged" if before == now else "changed"
        if change != "unchanged":
            self._waiting[document.doc_id] = document
            self._stored[document.doc_id] = now
            self.origins[document.doc_id] = document.source
            self._characters += len(document.text)
            full = self._characters >= _CHARACTERS_PER_COMMIT
            if full or len(self._waiting) >= _DOCUMENTS_PER_COMMIT:
                self.flush()
        return {**_row(document), "change": change}

    def flush(self) -> None:
        """Commit what is waiting."""
        if self._waiting:
            write_documents(self._store, list(self._waiting.values()))
            self._waiting, self._characters = {}, 0

    def _without_document(self, report: FileReport) -> dict[str, Any]:
        if report.status == "unchanged":
            return {"change": "unchanged"}
        if self.origins.get(report.doc_id) != report.source:
            return {"change": "none"}
        reason = f"{report.reason}; the version read earlier is still served"
        # Without a fingerprint the file is tried again at the next ingest.
        return {"change": "kept", "reason": reason, "fingerprint": ""}


def _row(document: Document) -> dict[str, Any]:
    return {
        "doc_id": document.doc_id,
        "source": document.source,
        "format": document.syntax,
        "status": "ok",
        "reason": "",
        "warnings": (),
    }


def _belongs_to(doc_id: str, origin: str) -> dict[str, Any]:
    reason = (
        f"the doc_id {doc_id!r} belongs to {origin or 'a document given from Python'}; ingest both "
        "from a common parent folder, or rename the file"
    )
    # Without a fingerprint the file is tried again at the next ingest.
    return {"status": "refused", "reason": reason, "change": "none", "fingerprint": ""}


def _without_report(
    origins: Mapping[str, str], place: str, *, known: Collection[str]
) -> list[dict[str, Any]]:
    """Rows for documents that were read from below a folder, but whose reports were never written.

    An ingest that is killed leaves such documents; if their files are gone before the next one,
    nothing else would remember to remove them.
    """
    return [
        _row(Document(doc_id=doc_id, text="", source=source))
        for doc_id, source in origins.items()
        if source not in known and source in (place, str(Path(place, doc_id)))
    ]


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
