"""Dense retrieval: cosine between the question's vector and every permitted chunk's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.config import IndexConfig, RetrievalConfig
from whymiss.errors import ModelMismatchError
from whymiss.index import search_ann
from whymiss.records import Query, Ranking
from whymiss.retrieval.space import SearchSpace, rows_within, top_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Encoder, Vectors

_DECIMALS: Final = 6
"""Scores are rounded here: what differs less says nothing, and ties by place."""

_SLACK: Final = 1e-5
"""More than the float32 product of two unit vectors can err."""


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
        rough = vectors @ self._space.snapshot.vectors.T
        return [
            self._exact(query, vector, row, depth)
            for query, vector, row in zip(queries, vectors, rough, strict=True)
        ]

    def _exact(self, query: Query, vector: Vectors, rough: Vectors, depth: int) -> Ranking:
        # A matrix product rounds a row differently beside other rows or other questions. The best
        # are therefore computed again one by one: a score depends on question and chunk alone,
        # never on how many hidden chunks stand in the index.
        mask = self._space.visible(query, apply_where=self._retrieval.filter_mode == "pre")
        near = rows_within(rough, mask, depth, slack=_SLACK)
        scores = cosines(self._space.snapshot.vectors[near], vector)
        best = top_rows(scores, np.ones(len(near), bool), depth)
        return self._ranking(query, [(int(near[i]), float(scores[i])) for i in best])

    def _approximate(self, query: Query, vector: Vectors, depth: int) -> Ranking:
        mask = self._space.visible(query, apply_where=self._retrieval.filter_mode == "pre")
        found = search_ann(
            self._space.snapshot, vector, mask, depth=min(depth, len(mask)), config=self._index
        )
        # Scored as in exact search: a compressed index finds rows but blurs their distances.
        rows = [row for row, _ in found]
        scores = cosines(self._space.snapshot.vectors[rows], vector)
        return self._ranking(query, list(zip(rows, scores.tolist(), strict=True)))

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


def cosines(vectors: Vectors, query: Vectors) -> NDArray[np.float64]:
    """Cosine of each unit vector with the query's, row by row: equal rows have equal scores."""
    products = vectors.astype(np.float64) * query.astype(np.float64)
    rounded: NDArray[np.float64] = np.round(products.sum(axis=1), _DECIMALS)
    return rounded
