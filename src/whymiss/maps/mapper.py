"""A store's maps: fitted once, kept beside the store, placed anew for every index."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.errors import IndexMismatchError, IndexNotFoundError
from whymiss.index import Store, read_catalogue, read_documents
from whymiss.maps.asking import with_case, with_run
from whymiss.maps.atoms import Atoms, gather
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.maps.frozen import FrozenMap, file_of, freeze, load, remove_leftovers, save
from whymiss.maps.measured import (
    Measured,
    load_measured,
    measure,
    measured_file,
    save_measured,
    sentence_hubness,
)
from whymiss.maps.notes import notes_of
from whymiss.maps.points import chunk_points
from whymiss.maps.surface import FirstPicture, Surface
from whymiss.maps.topics import assigned, centres, labels, n_topics
from whymiss.projection.fitting import UmapParameters
from whymiss.projection.job import FitJob
from whymiss.text import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.config import PipelineConfig
    from whymiss.diagnosis.case import Case
    from whymiss.evaluation.run import EvaluationRun
    from whymiss.models import Models
    from whymiss.protocols import Vectors
    from whymiss.retrieval import SearchSpace
    from whymiss.spaces import Spaces

Progress = Callable[[str, int, int], None]

_AT_ONCE: Final = 5_000
"""Chunks of which neighbours are compared while somebody waits: about a second's work."""


class Mapper:
    """Makes maps of a store's indexes; `Workbench` holds one. Safe for threads."""

    def __init__(self, store: Store, models: Models, spaces: Spaces) -> None:
        self._store = store
        self._models = models
        self._spaces = spaces
        self._folder = store.state / "maps"
        self._lock = threading.Lock()
        self._jobs: dict[Path, FitJob] = {}
        self._loaded: dict[Path, tuple[int, FrozenMap]] = {}

    def map(
        self,
        config: PipelineConfig,
        *,
        case: Case | None = None,
        run: EvaluationRun | None = None,
        parameters: UmapParameters | None = None,
        refit: bool = False,
        wait: bool = True,
        progress: Progress | None = None,
    ) -> EmbeddingMap:
        """The map of a configuration's index; `Workbench.map` tells the parameters.

        Parameters
        ----------
        case : the run of a question that is looked at.
        """
        space = case.scene.space if case is not None else self._space(config, progress)
        parameters = parameters or UmapParameters()
        frozen, job = self._frozen(
            config, space, parameters, refit=refit, wait=wait, progress=progress
        )
        surface = FirstPicture.of(space.snapshot.vectors) if frozen is None else frozen
        made = self._drawn(space, surface, frozen, fitting=job, wait=wait)
        if case is not None:
            made = with_case(made, case, surface)
        if run is not None:
            asked = self._models.encoder(config).encode_queries(run.table["text"].tolist())
            made = with_run(made, run, asked, surface)
        return made

    def purge(self) -> int:
        """Erase landmarks of texts that are no longer stored; says of how many documents.

        Their vectors tell much of the text, and so do the words and centres of topics. What else is
        on a map stays where it is.
        """
        erased = 0
        with self._lock:
            for path in sorted(self._folder.glob("map-*.npz")):
                frozen = load(path)
                if frozen is not None and (kept := self._of_stored(frozen)) is not frozen:
                    _keep(path, kept)
                    erased += len(frozen.documents) - len(kept.documents)
            for path in self._folder.glob("chunks-*.npz"):
                path.unlink(missing_ok=True)
            remove_leftovers(self._folder)
        return erased

    def close(self) -> None:
        """Stop what is being fitted."""
        for job in list(self._jobs.values()):
            job.cancel()

    def _space(self, config: PipelineConfig, progress: Progress | None) -> SearchSpace:
        try:
            return self._spaces.space(config)
        except (IndexNotFoundError, IndexMismatchError):
            # No such index is stored: the one that building it would give, in memory.
            return self._spaces.trial(config, progress=progress)

    def _frozen(
        self,
        config: PipelineConfig,
        space: SearchSpace,
        parameters: UmapParameters,
        *,
        refit: bool,
        wait: bool,
        progress: Progress | None,
    ) -> tuple[FrozenMap | None, FitJob | None]:
        """The kept map, or the one that is fitted now; None while that goes on elsewhere."""
        path = file_of(self._folder, space.snapshot.manifest.model_version, parameters)
        with self._lock:
            job = self._running(path)
            kept = self._kept(path)
            if job is None and (refit or kept is None) and len(space.snapshot):
                job = self._start(path, config, space, parameters, progress)
        if job is not None and wait:
            job.wait()
            return self._kept(path), None
        return kept, job

    def _running(self, path: Path) -> FitJob | None:
        job = self._jobs.get(path)
        return job if job is not None and job.state == "running" else None

    def _kept(self, path: Path) -> FrozenMap | None:
        modified = path.stat().st_mtime_ns if path.exists() else 0
        if path in self._loaded and self._loaded[path][0] == modified:
            return self._loaded[path][1]
        found = load(path)
        if found is not None:
            self._loaded[path] = modified, found
        return found

    def _start(
        self,
        path: Path,
        config: PipelineConfig,
        space: SearchSpace,
        parameters: UmapParameters,
        progress: Progress | None,
    ) -> FitJob:
        gathered: list[Atoms] = []

        def vectors() -> Vectors:
            gathered.append(self._atoms(config, space))
            return gathered[0].vectors

        def keep(places: NDArray[np.float64]) -> None:
            frozen = _frozen_of(gathered[0], places, space, parameters)
            with self._lock:
                # What was deleted while it was fitted, and may be purged by now, is not kept.
                frozen = self._of_stored(frozen)
                _keep(path, frozen)
            if len(frozen):
                self._measured(space, frozen, frozen, anyway=True)

        job = FitJob(vectors, parameters, progress=progress, then=keep)
        self._jobs[path] = job
        return job

    def _atoms(self, config: PipelineConfig, space: SearchSpace) -> Atoms:
        stale = space.stale_documents()
        hashes = {d: h for d, h in space.catalogue.content_hashes.items() if d not in stale}
        offered = self._models.token_encoder(config) is not None
        return gather(
            read_documents(self._store, sorted(hashes)).values(),
            space.snapshot.chunks,
            space.snapshot.vectors,
            hashes=hashes,
            tokens=self._models.token_store(config) if offered else None,
        )

    def _of_stored(self, frozen: FrozenMap) -> FrozenMap:
        """A map without what is of texts that are no longer stored; itself where nothing is."""
        hashes = read_catalogue(self._store).content_hashes
        gone = set(frozen.documents) - set(hashes.values())
        if not gone:
            return frozen
        stored = read_documents(self._store, sorted(hashes)).values()
        return frozen.without(gone, words={w for found in stored for w in words(found.text)})

    def _drawn(
        self,
        space: SearchSpace,
        surface: Surface,
        frozen: FrozenMap | None,
        *,
        fitting: FitJob | None,
        wait: bool,
    ) -> EmbeddingMap:
        """The chunks of an index on a surface."""
        vectors = space.snapshot.vectors
        places, measured = self._measured(space, surface, frozen, anyway=wait)
        unknown = np.full(len(vectors), np.nan)
        points = chunk_points(
            space.snapshot.chunks,
            space.catalogue.documents,
            places,
            topics=surface.topics(vectors),
            labels=surface.labels,
            kept=measured.distortion.kept if measured is not None else unknown,
            hubness=measured.hubness if measured is not None else unknown,
        )
        return EmbeddingMap(
            frame=points,
            vectors=vectors,
            asked=np.empty((0, vectors.shape[1]), np.float32),
            projection=surface.projection,
            measured=measured.distortion if measured is not None else None,
            fitting=fitting,
            notes=notes_of(space, frozen, measured),
        )

    def _measured(
        self, space: SearchSpace, surface: Surface, frozen: FrozenMap | None, *, anyway: bool
    ) -> tuple[NDArray[np.float64], Measured | None]:
        """Places of an index's chunks, and what is known of them.

        Parameters
        ----------
        anyway : measure however long it takes; else only what is known or takes about a second.
        """
        vectors = space.snapshot.vectors
        now = anyway or len(vectors) <= _AT_ONCE
        if frozen is None:
            places = surface.place(vectors)
            unknown = np.full(len(vectors), np.nan)
            return places, measure(vectors, places, unknown) if now else None
        path = measured_file(self._folder, frozen, vectors)
        known = load_measured(path)
        if known is not None:
            return known.places, known
        places = frozen.place(vectors)
        if not now:
            return places, None
        hashes = space.catalogue.content_hashes
        documents = [hashes.get(chunk.doc_id, "") for chunk in space.snapshot.chunks]
        found = measure(vectors, places, sentence_hubness(frozen, vectors, documents))
        save_measured(path, found)
        return places, found


def _keep(path: Path, frozen: FrozenMap) -> None:
    """Save a map; among no landmarks nothing can be placed, and the next map is fitted anew."""
    if len(frozen):
        save(path, frozen)
    else:
        path.unlink(missing_ok=True)


def _frozen_of(
    atoms: Atoms, places: NDArray[np.float64], space: SearchSpace, parameters: UmapParameters
) -> FrozenMap:
    groups = centres(atoms.vectors, n_topics(len(space.snapshot)), seed=parameters.seed)
    return freeze(
        atoms,
        places,
        model_version=space.snapshot.manifest.model_version,
        parameters=parameters,
        centres=groups,
        labels=labels(atoms.texts, assigned(atoms.vectors, groups), len(groups)),
    )
