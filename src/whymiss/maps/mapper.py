"""A store's maps: fitted once, kept beside the store, placed anew for every index."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from whymiss.errors import IndexMismatchError, IndexNotFoundError
from whymiss.index import Store, read_catalogue, read_documents
from whymiss.maps.atoms import Atoms, gather
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.maps.frozen import FrozenMap, file_of, freeze, load, remove_leftovers, save
from whymiss.maps.looking import looked_at
from whymiss.maps.measured import (
    Measured,
    hubness,
    load_measured,
    measure,
    measured_file,
    save_measured,
    sentence_hubness,
)
from whymiss.maps.points import chunk_points, question_points
from whymiss.maps.topics import assigned, centres, labels, n_topics
from whymiss.projection.fitting import UmapParameters
from whymiss.projection.job import FitJob
from whymiss.projection.pca import principal_plane
from whymiss.projection.placing import radius
from whymiss.text import counted, words

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
Place = Callable[["Vectors"], "NDArray[np.float64]"]

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
        made = self._drawn(space, frozen, fitting=job, wait=wait)
        if case is not None:
            made = _with_case(made, case, frozen)
        return made if run is None else self._with_run(made, run, config, frozen)

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
                self._measured(space, frozen, anyway=True)

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
        self, space: SearchSpace, frozen: FrozenMap | None, *, fitting: FitJob | None, wait: bool
    ) -> EmbeddingMap:
        """The chunks of an index, among landmarks or on their principal plane."""
        vectors = space.snapshot.vectors
        places, measured = self._measured(space, frozen, anyway=wait)
        unknown = np.full(len(vectors), np.nan)
        points = chunk_points(
            space.snapshot.chunks,
            space.catalogue.documents,
            places,
            topics=_topics(vectors, frozen),
            labels=_labels(frozen),
            kept=measured.distortion.kept if measured is not None else unknown,
            hubness=measured.hubness if measured is not None else unknown,
        )
        return EmbeddingMap(
            frame=points,
            vectors=vectors,
            asked=np.empty((0, vectors.shape[1]), np.float32),
            projection="pca" if frozen is None else "umap",
            measured=measured.distortion if measured is not None else None,
            fitting=fitting,
            notes=_notes(space, frozen, measured),
        )

    def _measured(
        self, space: SearchSpace, frozen: FrozenMap | None, *, anyway: bool
    ) -> tuple[NDArray[np.float64], Measured | None]:
        """Places of an index's chunks, and what is known of them.

        Parameters
        ----------
        anyway : measure however long it takes; else only what is known or takes about a second.
        """
        vectors = space.snapshot.vectors
        now = anyway or len(vectors) <= _AT_ONCE
        if frozen is None:
            places = _place(vectors, frozen)(vectors)
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

    def _with_run(
        self,
        made: EmbeddingMap,
        run: EvaluationRun,
        config: PipelineConfig,
        frozen: FrozenMap | None,
    ) -> EmbeddingMap:
        """The questions of a run as points; they also tell what is close to many."""
        asked = self._models.encoder(config).encode_queries(run.table["text"].tolist())
        chunks = made.chunks.assign(hubness=hubness(asked, made.vectors))
        frame = pd.concat([chunks, made.questions], ignore_index=True)
        points = _questions(run.table, asked, made.vectors, frozen)
        note = f"hubness is by the {counted(len(asked), 'question')} of run {run.name!r}"
        notes = (*(n for n in made.notes if not n.startswith("hubness")), note)
        return replace(made, frame=frame, notes=notes).with_questions(points, asked)


def _keep(path: Path, frozen: FrozenMap) -> None:
    """Save a map; among no landmarks nothing can be placed, and the next map is fitted anew."""
    if len(frozen):
        save(path, frozen)
    else:
        path.unlink(missing_ok=True)


def _with_case(made: EmbeddingMap, case: Case, frozen: FrozenMap | None) -> EmbeddingMap:
    """The map with what one question's run says of every chunk, and the question itself."""
    query, judged = case.scene.question.query, case.run.truth.holds is not None
    asked = case.lab.vectors(case.scene, [query.text])
    table = pd.DataFrame(
        {
            "query_id": [query.query_id],
            "text": [query.text],
            "lost_at": [case.run.lost_at if judged or case.run.truth.missing else pd.NA],
        }
    )
    seen = replace(made, frame=looked_at(made.frame, case))
    points = _questions(table, asked, made.vectors, frozen, role="question")
    return seen.with_questions(points, asked)


def _questions(
    table: pd.DataFrame,
    asked: Vectors,
    vectors: Vectors,
    frozen: FrozenMap | None,
    *,
    role: str = "",
) -> pd.DataFrame:
    return question_points(
        table,
        _place(vectors, frozen)(asked),
        topics=_topics(asked, frozen),
        labels=_labels(frozen),
        role=role,
    )


def _place(vectors: Vectors, frozen: FrozenMap | None) -> Place:
    """Where any vector stands: among the landmarks, or on the principal plane of the chunks."""
    if frozen is not None:
        return frozen.place
    if not len(vectors):
        return lambda some: np.zeros((len(some), 2))
    plane = principal_plane(vectors)
    reach = radius(plane.place(vectors)) or 1.0
    return lambda some: plane.place(some) / reach


def _topics(vectors: Vectors, frozen: FrozenMap | None) -> NDArray[np.int64]:
    if frozen is None:
        return np.full(len(vectors), -1, np.int64)
    return assigned(vectors, frozen.centres)


def _labels(frozen: FrozenMap | None) -> tuple[str, ...]:
    return frozen.labels if frozen is not None else ()


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


def _notes(
    space: SearchSpace, frozen: FrozenMap | None, measured: Measured | None
) -> tuple[str, ...]:
    if frozen is None:
        return ("principal components: the first picture, without topics; UMAP is not fitted yet",)
    notes = [*frozen.notes]
    fitted = set(frozen.documents)
    hashes = space.catalogue.content_hashes
    later = sum(hashes.get(doc_id) not in fitted for doc_id in space.snapshot.doc_ids)
    if later:
        notes.append(
            f"{counted(later, 'document is', 'documents are')} not among the landmarks, because "
            "they came or changed after the fit or had no room in it; refit=True fits anew, and "
            "everything moves"
        )
    if measured is None:
        notes.append("how many true neighbours are kept, and hubness, are not measured yet: ask "
                     "with wait=True")  # fmt: skip
    elif frozen.is_sentence.any():
        notes.append(f"hubness is by {int(frozen.is_sentence.sum()):,} sentences, each against "
                     "chunks of other documents")  # fmt: skip
    else:
        notes.append("hubness is undefined: there are no sentences and no questions to tell it by")
    return tuple(notes)
