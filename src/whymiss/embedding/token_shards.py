"""Files of token vectors: records are appended, mapped into memory, and never changed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.embedding.document_tokens import BLOCK, DocumentTokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUFFIX: Final = ".tokens"
_ALIGNED: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one document's record stands: the bytes [position, end) of a shard."""

    shard: str
    position: int
    n_tokens: int
    dimension: int

    @property
    def end(self) -> int:
        """Position of the first byte behind the record."""
        return self.position + record_bytes(self.n_tokens, self.dimension)


def record_bytes(n_tokens: int, dimension: int) -> int:
    """Bytes that a document of `n_tokens` takes.

    Per token a float16 vector and two int32 offsets, per `BLOCK` tokens a float64 sum: 795 bytes a
    token at 384 dimensions.

    >>> record_bytes(32_000, 384) / 32_000
    795.296
    """
    sums = (n_tokens // BLOCK + 1) * dimension * 8
    whole = sums + n_tokens * (2 * dimension + 8)
    return -(-whole // _ALIGNED) * _ALIGNED


class Shards:
    """The shard files of a folder. Writing needs a lock that the caller holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[str, NDArray[np.uint8]] = {}

    def append(self, shard: str, position: int, documents: Sequence[DocumentTokens]) -> list[Place]:
        """Write records from `position` on, over whatever stands there, and force them to disk."""
        places = []
        path = self._path(shard)
        is_new = not path.exists()
        with path.open("r+b" if not is_new else "w+b") as file:
            file.truncate(position)
            file.seek(position)
            for document in documents:
                place = Place(
                    shard=shard,
                    position=file.tell(),
                    n_tokens=len(document),
                    dimension=document.vectors.shape[1],
                )
                for part, dtype in (
                    (document.sums, "<f8"),
                    (document.starts, "<i4"),
                    (document.ends, "<i4"),
                    (document.vectors, "<f2"),
                ):
                    file.write(np.ascontiguousarray(part, dtype=dtype).data)
                file.write(bytes(place.end - file.tell()))
                places.append(place)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            self._sync_folder()
        return places

    def read(self, place: Place) -> DocumentTokens:
        """The record, mapped into memory.

        Raises
        ------
        FileNotFoundError : there is no such shard.
        EOFError : the shard ends before the record does.
        """
        mapped = self._mapped(place)
        at = place.position
        parts = []
        n, d = place.n_tokens, place.dimension
        shapes: list[tuple[Any, tuple[int, ...]]] = [
            ("<f8", (n // BLOCK + 1, d)), ("<i4", (n,)), ("<i4", (n,)), ("<f2", (n, d)),
        ]  # fmt: skip
        for dtype, shape in shapes:
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            parts.append(mapped[at : at + size].view(dtype).reshape(shape))
            at += size
        sums, starts, ends, vectors = parts
        return DocumentTokens(vectors=vectors, starts=starts, ends=ends, sums=sums)

    def sizes(self) -> dict[str, int]:
        """Bytes of every shard file, by its name."""
        found = {}
        for path in self._folder.glob(f"*{_SUFFIX}"):
            # Another process may delete it right now.
            with suppress(FileNotFoundError):
                found[path.stem] = path.stat().st_size
        return found

    def remove(self, shards: Iterable[str]) -> None:
        """Delete files; what others have mapped of them stays readable until they let go."""
        for shard in shards:
            self._maps.pop(shard, None)
            self._path(shard).unlink(missing_ok=True)
            self._sync_folder()

    def forget(self) -> None:
        """Let go of every mapping."""
        self._maps.clear()

    def _mapped(self, place: Place) -> NDArray[np.uint8]:
        mapped = self._maps.get(place.shard)
        if mapped is None or len(mapped) < place.end:
            # A shard grows; an older mapping ends where it ended then.
            path = self._path(place.shard)
            if path.stat().st_size < place.end:
                raise EOFError(f"{path} ends before byte {place.end}")
            mapped = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
            self._maps[place.shard] = mapped
        return mapped

    def _path(self, shard: str) -> Path:
        return self._folder / f"{shard}{_SUFFIX}"

    def _sync_folder(self) -> None:
        if os.name == "posix":
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def new_shard() -> str:
    """A name that no shard has ever had, so that a mapping is never taken for another's."""
    return uuid.uuid4().hex
