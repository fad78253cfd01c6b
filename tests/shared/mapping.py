"""Small stores whose maps are made in no time: three subjects, and fits by principal components."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import whymiss
from whymiss.config import PipelineConfig
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.maps.frozen import FrozenMap, load
from whymiss.maps.points import chunk_points
from whymiss.projection.job import FitJob
from whymiss.projection.pca import principal_plane
from whymiss.projection.placing import unit_radius
from whymiss.records import Chunk, Document
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

SUBJECTS = {
    "billing": "invoice payment refund card bank fee",
    "storage": "folder upload quota file sync backup",
    "security": "password login token secret device lock",
}
MANNERS = ("quickly", "slowly", "monthly", "rarely")

CONFIG = PipelineConfig().replace({"chunking.strategy": "recursive", "chunking.size": 40})
SMALLER = CONFIG.replace({"chunking.size": 24})


def page(subject: str, number: int, n_sentences: int = 6, **fields: Any) -> Document:
    """A document of so many sentences, each with more than eight tokens."""
    words = SUBJECTS[subject].split()
    text = " ".join(
        f"The {words[i % 6]} of case {subject}{number}{i} is {MANNERS[(number + i) % 4]} handled "
        f"by the {words[(i + number) % 6]} desk."
        for i in range(n_sentences)
    )
    return Document(
        doc_id=f"{subject}-{number}.md", text=text,
        **{"title": f"{subject.title()} {number}", "allowed": ["*"], **fields},
    )  # fmt: skip


PAGES = [
    # The first of each is short enough to be one chunk under either size.
    page(subject, number, 1 if number == 0 else 6, metadata={"subject": subject})
    for subject in SUBJECTS
    for number in range(4)
]


SOON = 10.0
"""Seconds in which a fit that takes no time must have ended."""


class PlainJob(FitJob):
    """A job whose fit takes no time, once its gate is open; all else is the real one's."""

    gate: ClassVar[threading.Event]
    made: ClassVar[list[PlainJob]]

    def __init__(self, *args: Any, **fields: Any) -> None:
        self.gathered = threading.Event()
        super().__init__(*args, **fields)
        # Last, so that whoever sees it can cancel it.
        self.made.append(self)

    def _fit(self, folder: Path) -> None:
        vectors = self._vectors()
        self.gathered.set()
        while not self.gate.wait(0.005):
            if self._state == "cancelled":
                return
        places = unit_radius(principal_plane(vectors).place(vectors))
        assert self._then is not None
        self._then(places)
        with self._lock:
            if self._state == "running":
                self._places, self._state = places, "done"


def opened(folder: Path, config: PipelineConfig = CONFIG, **fields: Any) -> Workbench:
    """A workbench with the fast encoder."""
    return whymiss.open(folder, config=config, encoder=HashingEncoder(), **fields)


def places_of(frame: Any) -> dict[str, tuple[float, float]]:
    """Where each point stands, by its id."""
    return {row.id: (row.x, row.y) for row in frame.itertuples()}


def piece(doc_id: str, start: int, end: int, text: str = "", **fields: Any) -> Chunk:
    """A chunk at this place of its document."""
    text = text.ljust(end - start)[: end - start]
    return Chunk(
        chunk_id=f"{doc_id}:{start}-{end}", doc_id=doc_id, start=start, end=end, text=text,
        n_tokens=3, parent_start=start, parent_end=end, **fields,
    )  # fmt: skip


def drawn(
    chunks: Sequence[Chunk],
    vectors: Any,
    places: Any = None,
    *,
    documents: Sequence[Document] = (),
    topics: Any = None,
    labels: Sequence[str] = ("",),
    **fields: Any,
) -> EmbeddingMap:
    """A map made by hand of chunks with their vectors and places."""
    n = len(chunks)
    points = chunk_points(
        chunks,
        {document.doc_id: document for document in documents},
        np.zeros((n, 2)) if places is None else np.asarray(places, float),
        topics=np.zeros(n, np.int64) if topics is None else np.asarray(topics),
        labels=labels,
        kept=np.full(n, np.nan),
        hubness=np.full(n, np.nan),
    )
    return EmbeddingMap(
        **{
            "frame": points, "vectors": vectors, "asked": vectors[:0], "projection": "umap",
            **fields,
        }
    )  # fmt: skip


def spread(n: int, dimension: int = 16, seed: int = 0) -> Any:
    """Unit vectors at random."""
    rows = np.random.default_rng(seed).normal(size=(n, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def nearest_by_hand(query: Any, vectors: Any, k: int, without: Collection[int] = ()) -> list[int]:
    """The k rows of most cosine, by sorting them all; equal ones by row."""
    cosines = (vectors * query.astype(np.float32)).sum(axis=1, dtype=np.float64)
    order = np.argsort(-cosines, kind="stable").tolist()
    return [row for row in order if row not in set(without)][:k]


def maps_of(wb: Workbench) -> list[Path]:
    """The files of a store's maps."""
    return sorted((wb.store.state / "maps").glob("map-*.npz"))


def kept(wb: Workbench) -> FrozenMap:
    """The only map of a store, as it is kept."""
    (path,) = maps_of(wb)
    found = load(path)
    assert found is not None
    return found
