"""One loader per format: `load(data, name) -> Parsed`, a pure function of the bytes.

The child process imports only the one it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from whymiss.documents.parsed import Parsed

LOADER_VERSION: Final = "1"
"""Goes into every raw fingerprint; raise it when a loader reads the same bytes differently."""

_MODULES = {"json": "json_file", "yaml": "openapi"}


def load(kind: str, data: bytes, name: str) -> Parsed:
    """Read bytes with the loader of one format, as `sniff.identify` names it.

    Raises
    ------
    RefusedFileError : the file is of a kind that is not read (needs a password, is a bomb).
    DocumentError : the file should have been readable but is damaged.

    >>> load("markdown", b"# Plans", "plans.md").title
    'Plans'
    """
    module = import_module(f"{__name__}.{_MODULES.get(kind, kind)}")
    parsed: Parsed = module.load(data, name)
    return parsed
