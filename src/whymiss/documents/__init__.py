"""Documents: files of many formats to text, each read in a limited process of its own.

No file that was seen goes without a verdict, and no document without permissions is readable.

>>> from whymiss.documents import Limits
>>> Limits().wall_seconds
15
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whymiss.documents.corpus import documents_from_jsonl
    from whymiss.documents.folder import read_file, read_folder
    from whymiss.documents.limits import Limits
    from whymiss.documents.report import FileReport

_HOMES = {
    "FileReport": "report",
    "Limits": "limits",
    "documents_from_jsonl": "corpus",
    "read_file": "folder",
    "read_folder": "folder",
}

__all__ = ["FileReport", "Limits", "documents_from_jsonl", "read_file", "read_folder"]


def __getattr__(name: str) -> Any:
    # The child process imports this package for every file; it must not pay for the parent's half.
    if name not in _HOMES:
        raise AttributeError(f"module 'whymiss.documents' has no attribute {name!r}")
    return getattr(import_module(f"whymiss.documents.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
