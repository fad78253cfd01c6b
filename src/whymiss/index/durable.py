"""What LanceDB leaves undone on a local disk: force commits out, take back a torn one.

LanceDB never calls fsync, so a power cut can leave the newest manifest or data file short, and
such a file keeps the table from opening for good. After each commit its new files are forced to
disk and the version is noted. On opening, only versions newer than the noted one may be set aside.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_NOTE: Final = "_synced.json"
_QUARANTINE: Final = "_quarantine"


def force_to_disk(table_folder: Path, version: int) -> None:
    """Force the files of a table that are new since the last call to disk, then note the version.

    Does nothing for a table that is not a local folder.
    """
    if not table_folder.is_dir():
        return
    noted = _read_note(table_folder)
    folders: set[Path] = set()
    newest = noted["mtime_ns"]
    for path, modified in _files(table_folder):
        # Files are written once and never changed: an older one is on disk already.
        if modified >= noted["mtime_ns"]:
            _fsync(path)
            folders.add(path.parent)
            newest = max(newest, modified)
    for folder in sorted(folders | {table_folder}):
        _fsync(folder)
    note = table_folder / _NOTE
    scratch = note.with_suffix(".tmp")
    scratch.write_text(json.dumps({"version": version, "mtime_ns": newest}), encoding="utf-8")
    _fsync(scratch)
    scratch.replace(note)
    _fsync(table_folder)


def take_back_torn_commit(table_folder: Path, readable: Callable[[], bool]) -> list[str]:
    """Move manifests newer than the noted version aside, newest first, until the table reads.

    Parameters
    ----------
    table_folder : the table's local folder.
    readable : opens the newest version and reads all of it; False when that fails.

    Returns
    -------
    list of str
        Names of the manifests set aside, empty when the table reads as it is, or when nothing
        newer than the noted version is left to set aside.
    """
    moved: list[str] = []
    if not table_folder.is_dir() or readable():
        return moved
    noted = _read_note(table_folder)["version"]
    for manifest in sorted((table_folder / "_versions").glob("*.manifest"), key=_version_of)[::-1]:
        if _version_of(manifest) <= noted:
            break
        target = table_folder / _QUARANTINE
        target.mkdir(exist_ok=True)
        shutil.move(manifest, target / manifest.name)
        moved.append(manifest.name)
        if readable():
            break
    return moved


def _version_of(manifest: Path) -> int:
    # Newer Lance names manifests by 2**64 - 1 - version, so that the newest lists first.
    number = int(manifest.stem) if manifest.stem.isdigit() else 0
    return 2**64 - 1 - number if number > 2**63 else number


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base) / name
            if name.startswith(_NOTE[:-5]) or _QUARANTINE in path.parts:
                continue
            yield path, path.stat().st_mtime_ns


def _read_note(folder: Path) -> dict[str, int]:
    note = folder / _NOTE
    if not note.is_file():
        return {"version": 0, "mtime_ns": 0}
    loaded: dict[str, int] = json.loads(note.read_text(encoding="utf-8"))
    return loaded


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
