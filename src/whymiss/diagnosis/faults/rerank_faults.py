"""Faults of reranking: an order turned round, passages read in part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.rerankers import with_reranker
from whymiss.diagnosis.scene import Scene
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Query

_READ: Final = {1: 200, 2: 80, 3: 25}
"""Characters that are read of a passage."""


@dataclass(frozen=True)
class DistanceReranker:
    """Gives what another reranker says with the sign of a distance."""

    reranker: Reranker

    @property
    def model_version(self) -> str:
        """That of the other reranker: the model is the same."""
        return self.reranker.model_version

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """One score per chunk."""
        return [-score for score in self.reranker.scores(query, chunks)]


@dataclass(frozen=True)
class HeadReranker:
    """Shows another reranker the first characters of every passage only."""

    reranker: Reranker
    n_characters: int

    @property
    def model_version(self) -> str:
        """That of the other reranker: the model is the same."""
        return self.reranker.model_version

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """One score per chunk."""
        return self.reranker.scores(query, [self._head(chunk) for chunk in chunks])

    def _head(self, chunk: Chunk) -> Chunk:
        text = chunk.text[: self.n_characters]
        return replace(chunk, text=text, end=chunk.start + len(text))


def inverted_reranker(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Distances where scores belong, so that the worst comes first."""
    return with_reranker(run.scene, DistanceReranker) if severity == 1 else None


def truncating_reranker(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """A reranker that reads 200, 80 or 25 characters of every passage."""
    return with_reranker(run.scene, lambda found: HeadReranker(found, _READ[severity]))


def reranked(scene: Scene) -> tuple[Scene, ...]:
    """As it is, and with the reranker alone deciding the order; none where there is no reranker."""
    if scene.reranker is None:
        return ()
    blends = dict.fromkeys((scene.config.rerank.blend, "replace"))
    return tuple(scene.configured({"rerank.blend": blend}) for blend in blends)


FAULTS: Final = (
    Fault(
        name="inverted_reranker", title="the reranker's scores have the wrong sign",
        cause="S7", stage="rerank", prepare=reranked, plant=inverted_reranker,
    ),
    Fault(
        name="truncating_reranker", title="the reranker reads the beginning of a passage only",
        cause="S7", stage="rerank", prepare=reranked, plant=truncating_reranker,
    ),
)  # fmt: skip
