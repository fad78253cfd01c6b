"""Finds the files under a folder without ever leaving it or waiting for one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whymiss.errors import DocumentError, RefusedFileError

SIDECAR_ENDINGS = (".meta.yaml", ".meta.yml", ".meta.json")
_SKIPPED = frozenset({"__pycache__"})
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One entry worth a report. `refusal` says why it is not read, `failure` why it cannot be."""

    doc_id: str
    path: Path
    refusal: str = ""
    failure: str = ""


def find_files(root: Path) -> Iterator[Found]:
    """Every entry under `root` in the order of its path, hidden ones and sidecars left out.

    Links are never followed: a file inside the root is read where it stands, beside its own
    sidecar, and one outside is none of ours.

    Raises
    ------
    DocumentError : `root` does not exist.
    """
    if not root.exists():
        raise DocumentError(f"read_folder needs a folder or a file; {root} does not exist.")
    root = root.resolve()
    if not root.is_dir():
        yield _found(root, root.parent)
        return
    stack = [root]
    while stack:  # not recursive: the depth is the folder's to choose
        path = stack.pop()
        if path.is_symlink() or not path.is_dir():
            yield _found(path, root)
            continue
        try:
            names = set(os.listdir(path))
        except OSError as error:
            reason = f"the folder cannot be listed: {error.strerror}"
            yield Found(doc_id=doc_id_of(path, root), path=path, failure=reason)
            continue
        kept = sorted((name for name in names if not _skipped(name, names)), reverse=True)
        stack.extend(path / name for name in kept)


def doc_id_of(path: Path, root: Path) -> str:
    """The path relative to the root, with "/", printable even where the name is not UTF-8."""
    relative = path.relative_to(root).as_posix()
    return relative.encode("utf-8", "backslashreplace").decode("utf-8")


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of a regular file, as one consistent state of it.

    Raises
    ------
    RefusedFileError : it is a link, no regular file, or larger than `most`.
    DocumentError : it vanished, cannot be opened, or changed while it was read.
    """
    # NONBLOCK: opening a pipe that took the file's place must not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    try:
        seen = path.lstat()
        _require_regular(seen, path)
        with open(os.open(path, flags), "rb") as file:
            before = os.fstat(file.fileno())
            _require_regular(before, path)
            if before.st_size > most:
                raise RefusedFileError(f"larger than {most} bytes: {before.st_size}")
            data = file.read(most + 1)
            after = os.fstat(file.fileno())
    except FileNotFoundError as error:
        raise DocumentError("vanished while the folder was read") from error
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}") from error
    if len({(s.st_ino, s.st_size, s.st_mtime_ns) for s in (seen, before, after)}) > 1 or (
        len(data) != after.st_size
    ):
        raise DocumentError("changed while it was read")
    return data


def sidecars_of(path: Path) -> list[Path]:
    """The sidecar files beside a file: `<file name>.meta.yaml` and its like."""
    beside = (path.with_name(path.name + ending) for ending in SIDECAR_ENDINGS)
    return [sidecar for sidecar in beside if os.path.lexists(sidecar)]


def _found(path: Path, root: Path) -> Found:
    doc_id = doc_id_of(path, root)
    return Found(doc_id=doc_id, path=path, refusal=_refusal(path, doc_id, root))


def _refusal(path: Path, doc_id: str, root: Path) -> str:
    if path.is_symlink():
        target = path.resolve()
        if not target.is_relative_to(root):
            return "a link that leads out of the folder"
        if not target.exists():
            return "a broken link"
        return f"a link to {doc_id_of(target, root)}, which is read where it stands"
    if doc_id != path.relative_to(root).as_posix():
        return "its name is not UTF-8; rename it"
    if doc_id != doc_id.strip():
        return "its name begins or ends with white space; rename it"
    owner = next((doc_id[: -len(end)] for end in SIDECAR_ENDINGS if doc_id.endswith(end)), "")
    return f"a sidecar without its file {owner}" if owner else ""


def _skipped(name: str, beside: set[str]) -> bool:
    owners = (name[: -len(end)] for end in SIDECAR_ENDINGS if name.endswith(end))
    return name.startswith(".") or name in _SKIPPED or any(owner in beside for owner in owners)


def _require_regular(state: os.stat_result, path: Path) -> None:
    if stat.S_ISREG(state.st_mode):
        return
    what = next((kind for test, kind in _KINDS if test(state.st_mode)), "a link")
    raise RefusedFileError(f"{what}, not a regular file")
