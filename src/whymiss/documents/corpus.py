"""Ready-made corpora in the layout of BEIR: one JSON object a line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from whymiss.documents.metadata import flatten
from whymiss.documents.parsed import clean
from whymiss.errors import ConfigError, DocumentError
from whymiss.records import Document


def documents_from_jsonl(path: Path, *, allowed: Sequence[str]) -> Iterator[Document]:
    """Documents of a corpus.jsonl (or .jsonl.gz), one line at a time.

    A line is `{"_id", "text", "title"?, "metadata"?}`. It is read in this process: meant for
    corpora you trust, not for uploads.

    Parameters
    ----------
    allowed : who may read every one of them; () is nobody, ("*",) everybody.

    Raises
    ------
    DocumentError : the file cannot be read, or a line is broken (its number is named).
    ConfigError : `allowed` is a text instead of a list.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "corpus.jsonl"
    >>> _ = path.write_text('{"_id": "d1", "title": "Refunds", "text": "Ten days."}')
    >>> next(documents_from_jsonl(path, allowed=["*"])).title
    'Refunds'
    """
    if isinstance(allowed, str):
        raise ConfigError(f"allowed must be a list of principals; got {allowed!r}.")
    return _documents(Path(path), tuple(allowed))


def _documents(path: Path, allowed: tuple[str, ...]) -> Iterator[Document]:
    seen: set[str] = set()
    number = 0
    try:
        with gzip.open(path) if path.name.endswith(".gz") else open(path, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                document = _document(line, path, number, allowed)
                if document.doc_id in seen:
                    raise ValueError(f"the _id {document.doc_id!r} came before")
                seen.add(document.doc_id)
                yield document
    except (OSError, EOFError, zlib.error) as error:
        raise DocumentError(f"{path}, after line {number}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path}, line {number}: {error}") from error


def _document(line: bytes, path: Path, number: int, allowed: tuple[str, ...]) -> Document:
    entry: Any = json.loads(line.decode("utf-8-sig"))
    if not isinstance(entry, dict):
        raise ValueError(f"needs an object; got {type(entry).__name__}")
    for key in ("_id", "text"):
        if not isinstance(entry.get(key), str):
            raise ValueError(f"{key!r} must be text; got {entry.get(key)!r:.80}")
    metadata = entry.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ValueError(f"'metadata' must be an object; got {type(metadata).__name__}")
    return Document(
        doc_id=clean(entry["_id"]),
        text=clean(entry["text"]),
        source=f"{path}:{number}",
        title=clean(str(entry.get("title") or "")),
        metadata=flatten(metadata),
        allowed=allowed,
        syntax="plain",
    )
