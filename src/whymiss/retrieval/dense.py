"""Dense retrieval: cosine between the question's vector and every permitted chunk's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.config import IndexConfig, RetrievalConfig
from whymiss.errors import ModelMismatchError
from whymiss.index import search_ann
from whymiss.records import Query, Ranking
from whymiss.retrieval.space import SearchSpace, top_rows

if TYPE_CHECKING:
    from whymiss.protocols import Encoder, Vectors

_DECIMALS: Final = 6
"""Scores are rounded here: below float32's own error, so equal texts tie in batches of any size."""


class DenseRetriever:
    """Ranks by cosine, exactly, over one matrix; or approximately through LanceDB.

    Raises
    ------
    ModelMismatchError : the index holds vectors of another model than the encoder's.
    """

    stage = "dense"

    def __init__(
        self,
        space: SearchSpace,
        encoder: Encoder,
        *,
        retrieval: RetrievalConfig,
        index: IndexConfig,
    ) -> None:
        stored = space.snapshot.manifest.model_version
        if stored != encoder.model_version:
            raise ModelMismatchError(
                f"index {space.snapshot.name!r} holds vectors of {stored}; the question would be "
                f"encoded by {encoder.model_version}. Use the same model, or build an index with "
                "this one."
            )
        self._space = space
        self._encoder = encoder
        self._retrieval = retrieval
        self._index = index

    def search(self, queries: Sequence[Query], *, depth: int) -> list[Ranking]:
        """One ranking per query, at most `depth` hits."""
        if not queries:
            return []
        vectors = self._encoder.encode_queries([query.text for query in queries])
        return self.search_vectors(queries, vectors, depth=depth)

    def search_vectors(
        self, queries: Sequence[Query], vectors: Vectors, *, depth: int
    ) -> list[Ranking]:
        """The same for query vectors at hand, shape (len(queries), dimension)."""
        if self._index.ann != "none":
            return [
                self._approximate(query, vector, depth)
                for query, vector in zip(queries, vectors, strict=True)
            ]
        scores = np.round(vectors @ self._space.snapshot.vectors.T, _DECIMALS)
        return [self._exact(query, row, depth) for query, row in zip(queries, scores, strict=True)]

    def _exact(self, query: Query, scores: Vectors, depth: int) -> Ranking:
        mask = self._space.visible(query, apply_where=self._retrieval.filter_mode == "pre")
        rows = top_rows(scores, mask, depth)
        return self._ranking(query, [(row, float(scores[row])) for row in rows])

    def _approximate(self, query: Query, vector: Vectors, depth: int) -> Ranking:
        mask = self._space.visible(query, apply_where=self._retrieval.filter_mode == "pre")
        found = search_ann(
            self._space.snapshot, vector, mask, depth=depth, config=self._index
        )
        return self._ranking(query, [(row, round(score, _DECIMALS)) for row, score in found])

    def _ranking(self, query: Query, scored: Sequence[tuple[int, float]]) -> Ranking:
        if self._retrieval.filter_mode == "post":
            mask = self._space.visible(query)
            scored = [(row, score) for row, score in scored if mask[row]]
        chunks = self._space.snapshot.chunks
        return Ranking.of(
            query.query_id,
            self.stage,
            [
                (chunks[row], score, {"dense": score})
                for row, score in scored
                if score >= self._retrieval.min_score
            ],
        )
