"""A fix made in a broken scene; what is sound comes from the scene as it was before it broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from whymiss.diagnosis.edits import ingested, reindexed, with_documents, with_rows
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.scene import ModelSource, Scene
from whymiss.drills.fixes import ALL, Fix
from whymiss.errors import DrillError

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.embedding import CachedEncoder
    from whymiss.protocols import Chunker, Generator, Reranker
    from whymiss.records import Document
    from whymiss.retrieval import SearchSpace


@dataclass(frozen=True)
class Swapped:
    """The models of one source, one part of them from another."""

    source: ModelSource
    sound: ModelSource
    part: str

    def encoder(self, config: PipelineConfig) -> CachedEncoder:
        """The source's own."""
        return self.source.encoder(config)

    def reranker(self, config: PipelineConfig, space: SearchSpace | None = None) -> Reranker | None:
        """The reranker."""
        return self._from("reranker").reranker(config, space)

    def generator(self, config: PipelineConfig) -> Generator:
        """The generator."""
        return self._from("generator").generator(config)

    def chunker(self, config: PipelineConfig) -> Chunker:
        """The chunker."""
        return self._from("chunker").chunker(config)

    def _from(self, part: str) -> ModelSource:
        return self.sound if self.part == part else self.source


def applied(fix: Fix, scene: Scene, base: Scene) -> Scene:
    """The broken scene with a fix in it.

    Raises
    ------
    DrillError : a document or row is not there.
    ConfigError : knobs that do not go together.
    """
    made = scene
    for verb, value in fix.steps:
        made = _STEPS[verb](made, value, base)
    return made


def n_rows_anew(before: Scene, after: Scene) -> int:
    """How many rows of the fixed scene are not those of the broken one, by id or vector."""
    if before.space.snapshot is after.space.snapshot:
        return 0
    known = dict(_rows(before))
    return sum(known.get(chunk_id) != vector for chunk_id, vector in _rows(after))


def _rows(scene: Scene) -> list[tuple[str, bytes]]:
    snapshot = scene.space.snapshot
    return [
        (chunk.chunk_id, vector.tobytes())
        for chunk, vector in zip(snapshot.chunks, snapshot.vectors, strict=True)
    ]


def _set_knobs(scene: Scene, changes: Mapping[str, Any], base: Scene) -> Scene:
    return scene.configured(changes)


def _index_again(scene: Scene, doc_ids: str | Sequence[str], base: Scene) -> Scene:
    if doc_ids == ALL:
        return Rebuilds().rebuilt(scene)
    for doc_id in doc_ids:
        _stored(scene, doc_id)
    return reindexed(scene, doc_ids)


def _read_again(scene: Scene, doc_id: str, base: Scene) -> Scene:
    source = base.document(doc_id)
    if source is None:
        raise DrillError(f"there is no source of a document {doc_id!r}.")
    return ingested(scene, [source])


def _tag(scene: Scene, given: tuple[str, Mapping[str, Any]], base: Scene) -> Scene:
    doc_id, more = given
    document = _stored(scene, doc_id)
    tagged = replace(document, metadata={**document.metadata, **more})
    return with_documents(scene, {doc_id: tagged})


def _allow(scene: Scene, given: tuple[str, str], base: Scene) -> Scene:
    doc_id, principal = given
    document = _stored(scene, doc_id)
    opened = replace(document, allowed=(*document.allowed, principal))
    return with_documents(scene, {doc_id: opened})


def _remove_rows(scene: Scene, chunk_ids: Sequence[str], base: Scene) -> Scene:
    rows = {chunk.chunk_id: row for row, chunk in enumerate(scene.space.snapshot.chunks)}
    unknown = [chunk_id for chunk_id in chunk_ids if chunk_id not in rows]
    if unknown:
        raise DrillError(f"the index has no row {unknown[0]!r}.")
    return with_rows(scene, drop={rows[chunk_id] for chunk_id in chunk_ids})


def _swap(scene: Scene, part: str, base: Scene) -> Scene:
    return replace(scene, models=Swapped(scene.models, base.models, part))


_STEPS: Any = {
    "set_knobs": _set_knobs, "index_again": _index_again, "read_again": _read_again,
    "tag": _tag, "allow": _allow, "remove_rows": _remove_rows, "swap": _swap,
}  # fmt: skip


def _stored(scene: Scene, doc_id: str) -> Document:
    document = scene.document(doc_id)
    if document is None:
        raise DrillError(f"no document {doc_id!r} is stored here.")
    return document
