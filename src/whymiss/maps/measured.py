"""What is known of chunks on a map besides their place: how far it is true, and who is a hub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.maps.frozen import DAMAGED, FrozenMap, save_arrays
from whymiss.nearest import members
from whymiss.neighbourhood.occurrence import shares
from whymiss.projection.distortion import Distortion, distortion
from whymiss.records import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

    Floats = NDArray[np.float64]

_NOTHING: Final = np.empty(0, np.int64)

_KEPT: Final = 24
"""Measured sets of chunks that stay on disk, the last used ones; all can be measured again."""

_VALUES: Final = ("kept", "trustworthiness", "continuity", "hubness")


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Chunks on a map: places of shape (n, 2), what the plane distorts, and k-occurrence.

    hubness : share of queries that have the chunk among their ten nearest; NaN without queries.
    """

    places: Floats
    distortion: Distortion
    hubness: Floats


def measure(vectors: Vectors, places: Floats, hubness: Floats) -> Measured:
    """Measure what a plane does to chunks: all pairs are looked at."""
    return Measured(places=places, distortion=distortion(vectors, places), hubness=hubness)


def sentence_hubness(frozen: FrozenMap, vectors: Vectors, documents: list[str]) -> Floats:
    """How many of a map's sentences, those of other documents, have each chunk near.

    Parameters
    ----------
    documents : the content hash of each chunk's document.
    """
    number = {content_hash: i for i, content_hash in enumerate(frozen.documents)}
    own = members(np.array([number.get(content_hash, -1) for content_hash in documents], np.int64))
    sentences = frozen.is_sentence
    of = frozen.document_of[sentences].tolist()
    return shares(
        frozen.vectors[sentences], vectors, without=[own.get(document, _NOTHING) for document in of]
    )


def measured_file(folder: Path, frozen: FrozenMap, vectors: Vectors) -> Path:
    """Where the measures of these vectors on this map are kept."""
    return folder / f"chunks-{digest(frozen.stamp, vectors.tobytes())[:16]}.npz"


def save_measured(path: Path, found: Measured) -> None:
    """Keep measures; those of chunks that were not looked at for longest go."""
    what = {"k": found.distortion.k, "undefined_because": found.distortion.undefined_because}
    arrays: dict[str, NDArray[np.generic]] = {
        "places": found.places,
        "facts": np.frombuffer(json.dumps(what).encode(), np.uint8),
        "hubness": found.hubness,
        **{name: getattr(found.distortion, name) for name in _VALUES if name != "hubness"},
    }
    save_arrays(path, arrays)
    kept = sorted(path.parent.glob("chunks-*.npz"), key=lambda p: p.stat().st_mtime_ns)
    for old in kept[:-_KEPT]:
        old.unlink(missing_ok=True)


def load_measured(path: Path) -> Measured | None:
    """Kept measures; None where there are none, or the file is damaged: they are made again."""
    try:
        with np.load(path, allow_pickle=False) as found:
            values = {name: found[name] for name in _VALUES}
            places, facts = found["places"], json.loads(found["facts"].tobytes())
        path.touch()
    except DAMAGED:
        return None
    own = values.pop("hubness")
    return Measured(places=places, distortion=Distortion(**values, **facts), hubness=own)
