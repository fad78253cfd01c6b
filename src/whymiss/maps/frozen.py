"""A fitted map as it is kept: landmarks with their places, and nothing that would move them."""

from __future__ import annotations

import json
import os
import uuid
import zipfile
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.errors import StoreError
from whymiss.maps.topics import assigned
from whymiss.projection.fitting import UmapParameters
from whymiss.projection.placing import place
from whymiss.records import canonical_json, digest

if TYPE_CHECKING:
    from collections.abc import Collection, Container

    from numpy.typing import NDArray

    from whymiss.maps.atoms import Atoms
    from whymiss.maps.surface import Projection
    from whymiss.protocols import Vectors

DAMAGED: Final = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile)
"""What reading a file of arrays raises when it is cut short or some of it was changed."""

_FORMAT: Final = "1"
_SCRATCH: Final = ".unfinished-"
_ARRAYS: Final = ("vectors", "places", "document_of", "is_sentence", "centres")


@dataclass(frozen=True, kw_only=True, eq=False)
class FrozenMap:
    """Landmarks with their places; whatever else is on the map is placed among them.

    vectors : float32 of half precision, shape (n, dimension). places : shape (n, 2).
    documents : content hashes of the documents that it was fitted on; `document_of` is the
        position of each landmark's document among them.
    centres, labels : of the topics.
    notes : what the fit left out.
    """

    model_version: str
    parameters: UmapParameters
    vectors: Vectors
    places: NDArray[np.float64]
    documents: tuple[str, ...]
    document_of: NDArray[np.int32]
    is_sentence: NDArray[np.bool_]
    centres: Vectors
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def stamp(self) -> str:
        """Names the map by its content."""
        return digest(self.vectors.tobytes(), self.places.tobytes(), *self.labels)[:16]

    @property
    def projection(self) -> Projection:
        """UMAP, and places among its landmarks."""
        return "umap"

    def topics(self, vectors: Vectors) -> NDArray[np.int64]:
        """The topic of each vector: the nearest centre; -1 where there is none."""
        return assigned(vectors, self.centres)

    def place(self, vectors: Vectors) -> NDArray[np.float64]:
        """Where vectors stand among the landmarks, shape (n, 2)."""
        # The radius of the fit: that of the landmarks changes when some are erased.
        return place(halved(vectors), self.vectors, self.places, reach=1.0)

    def without(self, gone: Collection[str], *, words: Container[str]) -> FrozenMap:
        """The same without the landmarks of some documents (content hashes).

        The centres of their topics are those of what stays, and labels keep only the terms that are
        among `words`, all words of other documents.
        """
        stays = np.array([content_hash not in gone for content_hash in self.documents], bool)
        rows = stays[self.document_of]
        number = np.cumsum(stays) - 1
        topics = assigned(self.vectors, self.centres)
        known = [t for t in range(len(self.centres)) if (topics[rows] == t).any()]
        centres = self.centres[known]
        for i, topic in enumerate(known):
            if (topics[~rows] == topic).any():
                centres[i] = self.vectors[rows & (topics == topic)].mean(axis=0)
                centres[i] /= np.linalg.norm(centres[i]) or 1.0
        return replace(
            self,
            vectors=self.vectors[rows],
            places=self.places[rows],
            documents=tuple(h for h, kept in zip(self.documents, stays, strict=True) if kept),
            document_of=number[self.document_of[rows]].astype(np.int32),
            is_sentence=self.is_sentence[rows],
            centres=centres,
            labels=tuple(
                ", ".join(w for w in self.labels[t].split(", ") if w in words) for t in known
            ),
        )


def halved(vectors: Vectors) -> Vectors:
    """Vectors as a map keeps them: rounded to half precision, so that what was kept and what is new
    are compared alike.
    """
    rounded: Vectors = vectors.astype(np.float16).astype(np.float32)
    return rounded


def freeze(
    atoms: Atoms,
    places: NDArray[np.float64],
    *,
    model_version: str,
    parameters: UmapParameters,
    centres: Vectors,
    labels: tuple[str, ...],
) -> FrozenMap:
    """Fitted landmarks as a map to keep."""
    return FrozenMap(
        model_version=model_version,
        parameters=parameters,
        vectors=halved(atoms.vectors),
        places=places,
        documents=atoms.documents,
        document_of=atoms.document_of,
        is_sentence=atoms.is_sentence,
        centres=centres,
        labels=labels,
        notes=atoms.notes,
    )


def file_of(folder: Path, model_version: str, parameters: UmapParameters) -> Path:
    """Where the map of a model and parameters is kept: one, whatever index it shows."""
    key = digest(_FORMAT, model_version, canonical_json(asdict(parameters)))[:16]
    return folder / f"map-{key}.npz"


def save(path: Path, frozen: FrozenMap) -> None:
    """Write a map, forced to disk before it takes the place of an older one."""
    facts = {
        "model_version": frozen.model_version, "parameters": asdict(frozen.parameters),
        "documents": frozen.documents, "labels": frozen.labels, "notes": frozen.notes,
    }  # fmt: skip
    arrays = {name: getattr(frozen, name) for name in _ARRAYS}
    arrays["vectors"] = frozen.vectors.astype(np.float16)
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    save_arrays(path, arrays)


def save_arrays(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays as one file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two threads, or processes, may write the same.
    scratch = path.with_name(f"{_SCRATCH}{path.name}.{uuid.uuid4().hex}")
    try:
        with scratch.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays)
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what writers that were killed have left half written."""
    for path in folder.glob(f"{_SCRATCH}*"):
        path.unlink(missing_ok=True)


def load(path: Path) -> FrozenMap | None:
    """A kept map; None where there is none.

    Raises
    ------
    StoreError : the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in _ARRAYS}
            facts = json.loads(found["facts"].tobytes())
    except FileNotFoundError:
        return None
    except DAMAGED as error:
        raise StoreError(
            f"the map in {path} cannot be read: {error}. Delete the file; the next map is fitted "
            "anew."
        ) from error
    arrays["vectors"] = arrays["vectors"].astype(np.float32)
    return FrozenMap(
        model_version=facts["model_version"],
        parameters=UmapParameters(**facts["parameters"]),
        documents=tuple(facts["documents"]),
        labels=tuple(facts["labels"]),
        notes=tuple(facts["notes"]),
        **arrays,
    )
