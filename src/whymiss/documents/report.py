"""What became of one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whymiss.errors import InvalidRecordError
from whymiss.records import Document

Status = Literal["ok", "partial", "refused", "failed", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """The verdict on one file; no file that was seen goes without one.

    status : "ok" read whole; "partial" read, but something is missing (see `reason`); "refused" of
        a kind, size or place that is not read; "failed" should have been readable but was not;
        "unchanged" as at the last ingest, not read again.
    reason : why the status is not "ok"; empty exactly for "ok" and "unchanged".
    raw_fingerprint : names the bytes and settings behind the document; empty where the file could
        not be read at all.
    document : present exactly for "ok" and "partial".
    """

    doc_id: str
    source: str
    status: Status
    reason: str = ""
    format: str = ""
    raw_fingerprint: str = ""
    document: Document | None = None
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.reason) != (self.status in ("partial", "refused", "failed")):
            raise InvalidRecordError(
                f"FileReport on {self.doc_id!r}: status {self.status!r} "
                f"{'takes no' if self.reason else 'needs a'} reason; got {self.reason!r}."
            )
        if (self.document is not None) != (self.status in ("ok", "partial")):
            raise InvalidRecordError(
                f"FileReport on {self.doc_id!r}: a document belongs to 'ok' and 'partial' alone; "
                f"the status is {self.status!r}."
            )
