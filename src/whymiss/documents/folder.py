"""Reads a folder of documents: one report a file, whatever the file does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

from whymiss.documents.limits import Limits
from whymiss.documents.loaders import LOADER_VERSION
from whymiss.documents.metadata import NO_PERMISSION
from whymiss.documents.report import FileReport
from whymiss.documents.sandbox import read_limited
from whymiss.documents.walk import Found, doc_id_of, find_files, read_bytes, sidecars_of
from whymiss.errors import ConfigError, DocumentError, InvalidRecordError, RefusedFileError
from whymiss.records import Document, digest

_NOTHING_KNOWN: Mapping[str, str] = MappingProxyType({})
_AHEAD = 4


def read_folder(
    root: Path,
    *,
    allowed: Sequence[str] | None = None,
    known: Mapping[str, str] = _NOTHING_KNOWN,
    workers: int = 2,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    progress: Callable[[FileReport], None] | None = None,
) -> Iterator[FileReport]:
    """Read every file under a folder, each in a limited process of its own.

    Parameters
    ----------
    root : a folder, or a single file.
    allowed : who may read a document that does not say so itself; None is nobody, with a warning.
    known : doc_id to raw fingerprint of the last ingest; equal files are "unchanged" and not read.
    workers : how many files are read at a time.
    progress : called with each report, in order, before it is yielded.

    Yields
    ------
    FileReport
        In the order of the paths, one for every file that is neither hidden nor a sidecar.

    Raises
    ------
    DocumentError : `root` does not exist.
    ConfigError : `allowed` is a text instead of a list, or `workers` is below 1.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "faq.md").write_text("Ten days.")
    >>> [(r.doc_id, r.status) for r in read_folder(folder, allowed=["*"])]
    [('faq.md', 'ok')]
    """
    _check_allowed(allowed)
    if workers < 1:
        raise ConfigError(f"read_folder: workers must be at least 1; got {workers}.")
    return _reports(Path(root), allowed, known, workers, limits, progress)


def read_file(
    path: Path,
    *,
    root: Path | None = None,
    allowed: Sequence[str] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> FileReport:
    """Read one file in a limited process of its own.

    Parameters
    ----------
    root : the doc_id is the path relative to it; without one, the file name.
    allowed : as in `read_folder`.

    Raises
    ------
    DocumentError : the file does not exist or does not lie under `root`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "faq.md"
    >>> _ = path.write_text("---\\nallowed: staff\\n---\\nTen days.")
    >>> read_file(path).document.allowed
    ('staff',)
    """
    _check_allowed(allowed)
    path = Path(path)
    # The last component is kept as it is: a link is refused, not followed.
    place = path.parent.resolve() / path.name
    base = place.parent if root is None else Path(root).resolve()
    if not place.is_relative_to(base):
        raise DocumentError(f"read_file needs a file under {base}; got {place}.")
    found = next(iter(find_files(place)), None) if not place.is_symlink() else None
    refusal = found.refusal if found else "a link, not a regular file"
    entry = Found(doc_id=doc_id_of(place, base), path=place, refusal=refusal)
    return _report(entry, allowed, _NOTHING_KNOWN, limits)


def _reports(
    root: Path,
    allowed: Sequence[str] | None,
    known: Mapping[str, str],
    workers: int,
    limits: Limits,
    progress: Callable[[FileReport], None] | None,
) -> Iterator[FileReport]:
    waiting: deque[Future[FileReport]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="whymiss-documents")
    try:
        # A bounded window: a huge folder is walked as fast as it is read, not listed first.
        for found in find_files(root):
            waiting.append(pool.submit(_report, found, allowed, known, limits))
            if len(waiting) >= workers * _AHEAD:
                yield _told(waiting.popleft().result(), progress)
        while waiting:
            yield _told(waiting.popleft().result(), progress)
    finally:
        pool.shutdown(cancel_futures=True)


def _told(report: FileReport, progress: Callable[[FileReport], None] | None) -> FileReport:
    if progress is not None:
        progress(report)
    return report


def _report(
    found: Found, allowed: Sequence[str] | None, known: Mapping[str, str], limits: Limits
) -> FileReport:
    started = time.perf_counter()
    facts: dict[str, Any] = {"doc_id": found.doc_id, "source": str(found.path)}
    try:
        if found.failure:
            raise DocumentError(found.failure)
        if found.refusal:
            raise RefusedFileError(found.refusal)
        facts.update(_verdict(found, allowed, known, limits, facts))
    except RefusedFileError as error:
        facts.update(status="refused", reason=str(error))
    except (DocumentError, InvalidRecordError, OSError) as error:
        facts.update(status="failed", reason=str(error))
    return FileReport(**facts, seconds=time.perf_counter() - started)


def _verdict(
    found: Found,
    allowed: Sequence[str] | None,
    known: Mapping[str, str],
    limits: Limits,
    facts: dict[str, Any],
) -> dict[str, Any]:
    data = read_bytes(found.path, limits.file_bytes)
    sidecar, sidecar_error = _sidecar(found.path, limits)
    default = b"\0" if allowed is None else "\n".join(sorted(set(allowed))).encode()
    fingerprint = digest(data, *sidecar, sidecar_error, default, LOADER_VERSION)
    facts["raw_fingerprint"] = fingerprint  # kept by a report of failure, too
    if known.get(found.doc_id) == fingerprint:
        return {"status": "unchanged"}
    if not data:
        raise DocumentError("the file is empty")
    reply = read_limited(
        data, found.doc_id, limits=limits, sidecar=sidecar, sidecar_error=sidecar_error
    )
    verdict = {"status": reply["status"], "reason": reply["reason"]}
    verdict["format"] = reply.get("format", "")
    if reply["status"] not in ("ok", "partial"):
        return verdict
    warnings = list(reply["warnings"])
    stated = reply["allowed"]
    if stated is None and allowed is None:
        warnings.append(NO_PERMISSION)
    document = Document(
        doc_id=found.doc_id,
        text=reply["text"],
        source=str(found.path),
        title=reply["title"],
        metadata=reply["metadata"],
        allowed=tuple(allowed or ()) if stated is None else tuple(stated),
        syntax=reply["syntax"],
        modified=reply["modified"],
    )
    return {**verdict, "document": document, "warnings": tuple(warnings)}


def _sidecar(path: Path, limits: Limits) -> tuple[tuple[str, bytes], str]:
    """Name and bytes of the sidecar, or why what stands there cannot be used."""
    beside = sidecars_of(path)
    if not beside:
        return ("", b""), ""
    if len(beside) > 1:
        names = " and ".join(sidecar.name for sidecar in beside)
        return ("", b""), f"{names} both claim this file"
    try:
        return (beside[0].name, read_bytes(beside[0], limits.file_bytes)), ""
    except DocumentError as error:
        return ("", b""), f"{beside[0].name}: {error}"


def _check_allowed(allowed: Sequence[str] | None) -> None:
    if isinstance(allowed, str):
        raise ConfigError(f"allowed must be a list of principals; got {allowed!r}.")
