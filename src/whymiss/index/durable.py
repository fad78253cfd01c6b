"""What LanceDB leaves undone on a local disk: force commits out, take back torn ones.

LanceDB never calls fsync, so a power cut can leave the newest files short or zeroed, and such a
file keeps the table from opening for good. After each commit its new files are forced to disk and
the version is noted. On opening, only versions newer than the noted one are looked at closely, and
only they may be set aside.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_NOTE: Final = "_synced.json"


def force_to_disk(table_folder: Path, version: int) -> None:
    """Force the files of a table that are new since the last call to disk, then note the version.

    Does nothing for a table that is not a local folder.
    """
    if not table_folder.is_dir():
        return
    since = _read_note(table_folder)["mtime_ns"]
    if since > time.time_ns():
        # The clock was set back: times tell nothing about what is new.
        since = 0
    folders: set[Path] = {table_folder, table_folder.parent}
    newest = since
    for path, modified in _files(table_folder):
        # Files are written once and never changed: an older one is on disk already.
        if modified >= since:
            # Where the lock does not hold (some network folders), another writer may take back
            # a file that it could not commit.
            with suppress(FileNotFoundError):
                _fsync(path)
            folders.update(p for p in path.parents if p.is_relative_to(table_folder))
            newest = max(newest, modified)
    for folder in sorted(folders):
        _fsync(folder)
    note = table_folder / _NOTE
    scratch = table_folder / f"{_NOTE}.{uuid.uuid4().hex}"
    scratch.write_text(json.dumps({"version": version, "mtime_ns": newest}), encoding="utf-8")
    _fsync(scratch)
    scratch.replace(note)
    _fsync(table_folder)


def synced_version(table_folder: Path) -> int:
    """The version that is known to be on disk; 0 when none ever was."""
    return _read_note(table_folder)["version"]


def unsynced_versions(table_folder: Path) -> list[int]:
    """Versions, ascending, that have a manifest but are not known to be on disk."""
    durable = synced_version(table_folder)
    return sorted(version for version in _manifests(table_folder) if version > durable)


def is_empty_shell(table_folder: Path) -> bool:
    """Whether making this table was cut off before its first commit: then it is no table yet."""
    return not synced_version(table_folder) and not unsynced_versions(table_folder)


def take_back_torn_commits(
    table_folder: Path, quarantine: Path, reads: Callable[[int], bool]
) -> list[str]:
    """Set aside what a power cut left of commits that were never known to be on disk.

    Nothing is deleted, and nothing of the noted version or an older one is touched. The data files
    of a torn commit stay where they are: without its manifest nothing refers to them.

    Parameters
    ----------
    table_folder : the table's local folder.
    quarantine : where manifests are moved to, below a folder of the table's name.
    reads : opens a version and reads all of it; False when that fails.

    Returns
    -------
    list of str
        Names of the manifests that were set aside, newest first.
    """
    moved: list[str] = []
    durable = synced_version(table_folder)
    for version, manifest in sorted(_manifests(table_folder).items(), reverse=True):
        if version > durable and not reads(version):
            _move(manifest, quarantine / table_folder.name)
            moved.append(manifest.name)
    return moved


def _move(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    number = 1
    while target.exists():
        target = folder / f"{path.name}.{number}"
        number += 1
    parent = path.parent
    shutil.move(path, target)
    _fsync(folder)
    _fsync(parent)


def _manifests(table_folder: Path) -> dict[int, Path]:
    return {_version_of(path): path for path in (table_folder / "_versions").glob("*.manifest")}


def _version_of(manifest: Path) -> int:
    # Newer Lance names manifests by 2**64 - 1 - version, so that the newest lists first.
    number = int(manifest.stem) if manifest.stem.isdigit() else 0
    return 2**64 - 1 - number if number > 2**63 else number


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base) / name
            if not name.startswith(_NOTE):
                with suppress(FileNotFoundError):
                    yield path, path.stat().st_mtime_ns


def _read_note(folder: Path) -> dict[str, int]:
    try:
        noted = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        return {"version": int(noted["version"]), "mtime_ns": int(noted["mtime_ns"])}
    except (OSError, ValueError, KeyError, TypeError):
        # Never written, or not by us: then nothing is known to be on disk.
        return {"version": 0, "mtime_ns": 0}


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
