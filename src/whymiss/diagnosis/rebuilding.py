"""The whole index of a scene made anew, under the same configuration or another."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.diagnosis.edits import embed, rechunk
from whymiss.diagnosis.scene import ModelSource, Scene
from whymiss.index import Snapshot
from whymiss.index.schema import Manifest
from whymiss.records import Chunk, canonical_json
from whymiss.retrieval import SearchSpace

if TYPE_CHECKING:
    from whymiss.protocols import Vectors

_CUT_KEPT: Final = 20_000
_SPACES_KEPT: Final = 4


@dataclass
class Rebuilds:
    """Makes indexes in memory; chunks of unchanged documents are cut once, vectors are cached.

    An index of the same documents under the same settings is made once.
    """

    # The models are kept beside what they made, so that no id comes twice.
    _cut: OrderedDict[tuple[str, ...], tuple[list[Chunk], ModelSource]] = field(
        default_factory=OrderedDict
    )
    _spaces: OrderedDict[tuple[str, ...], tuple[SearchSpace, ModelSource]] = field(
        default_factory=OrderedDict
    )

    def rebuilt(self, scene: Scene) -> Scene:
        """The scene over an index that was just built from its stored documents."""
        return replace(scene, space=self._space(scene))

    def _space(self, scene: Scene) -> SearchSpace:
        states = scene.space.catalogue.states
        settings = canonical_json(scene.config.index_knobs())
        key = (
            settings, scene.encoder.model_version, str(id(scene.models)),
            canonical_json(states), canonical_json(scene.space.catalogue.row_hashes),
        )  # fmt: skip
        if key not in self._spaces:
            chunks = [c for doc_id in sorted(states) for c in self._chunks(scene, doc_id, settings)]
            self._spaces[key] = _space_of(scene, chunks), scene.models
            if len(self._spaces) > _SPACES_KEPT:
                self._spaces.popitem(last=False)
        self._spaces.move_to_end(key)
        return self._spaces[key][0]

    def _chunks(self, scene: Scene, doc_id: str, settings: str) -> list[Chunk]:
        # The limit of the encoder decides what is marked as truncated.
        version = f"{scene.encoder.model_version} {id(scene.models)}"
        key = (f"{doc_id} {scene.space.catalogue.states[doc_id]}", settings, version)
        if key not in self._cut:
            document = scene.document(doc_id)
            made = rechunk(scene, document) if document is not None else []
            self._cut[key] = made, scene.models
            if len(self._cut) > _CUT_KEPT:
                self._cut.popitem(last=False)
        return self._cut[key][0]


def _space_of(scene: Scene, chunks: list[Chunk]) -> SearchSpace:
    chunks.sort(key=lambda c: (c.doc_id, c.start, c.chunk_id))
    old = scene.space.snapshot
    encoder = scene.encoder
    manifest = Manifest(
        knobs=scene.config.index_knobs(),
        model_version=encoder.model_version,
        dimension=encoder.dimension,
        created="rebuilt",
    )
    vectors: Vectors = np.empty((0, encoder.dimension), np.float32)
    if chunks:
        vectors = embed(scene, chunks)
    states = {}
    documents = scene.space.catalogue.states
    for chunk in chunks:
        states[chunk.doc_id] = documents[chunk.doc_id]
    snapshot = Snapshot(
        name=old.name, version=old.version, manifest=manifest, chunks=tuple(chunks),
        vectors=vectors, states=states,
    )  # fmt: skip
    return SearchSpace(snapshot, scene.space.catalogue)
