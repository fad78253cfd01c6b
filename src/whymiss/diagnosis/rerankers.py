"""Rerankers around a reranker, to see what is wrong with the one inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from whymiss.diagnosis.scene import Replaced, Scene
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Query
from whymiss.text import Interval

PART: Final = 200
"""Characters of a part: short enough for a reranker that reads only the beginning of a passage."""


@dataclass(frozen=True)
class Turned:
    """A reranker whose scores are turned round: what it puts last comes first."""

    inner: Reranker

    @property
    def model_version(self) -> str:
        """The reranker's, marked."""
        return f"turned:{self.inner.model_version}"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """The reranker's scores times -1."""
        return [-score for score in self.inner.scores(query, chunks)]


@dataclass(frozen=True)
class InParts:
    """A reranker that is given a passage part by part; the best part counts."""

    inner: Reranker

    @property
    def model_version(self) -> str:
        """The reranker's, marked."""
        return f"parts:{self.inner.model_version}"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """The highest score of any part of each chunk."""
        parts = [(i, part) for i, chunk in enumerate(chunks) for part in parts_of(chunk)]
        scored = self.inner.scores(query, [part for _, part in parts])
        best = [float("-inf")] * len(chunks)
        for (i, _), score in zip(parts, scored, strict=True):
            best[i] = max(best[i], score)
        return best


def parts_of(chunk: Chunk) -> list[Chunk]:
    """Stretches of a chunk of about `PART` characters, each overlapping the next by half."""
    size = len(chunk.text)
    starts = range(0, max(1, size - PART // 2), PART // 2)
    places: list[Interval] = [(start, min(size, start + PART)) for start in starts]
    return [
        replace(
            chunk,
            chunk_id=f"{chunk.chunk_id}:{start}",
            start=chunk.start + start,
            end=chunk.start + end,
            text=chunk.text[start:end],
        )
        for start, end in places
    ]


def with_reranker(scene: Scene, make: Callable[[Reranker], Reranker]) -> Scene:
    """The scene with its reranker put into another."""
    made: dict[int, Reranker] = {}

    def replaced(found: Reranker | None) -> Reranker | None:
        if found is None:
            return None
        return made.setdefault(id(found), make(found))

    return replace(scene, models=Replaced(source=scene.models, replace_reranker=replaced))


def without_reranker(scene: Scene) -> Scene:
    """The scene without its reranker, the caller's own too."""
    models = Replaced(source=scene.models, replace_reranker=lambda _: None)
    return replace(scene.configured({"rerank.model": ""}), models=models)
