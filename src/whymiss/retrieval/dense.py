"""Dense retrieval: cosine between the question's vector and every permitted chunk's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.candidates import Candidates, best_first
from whymiss.config import IndexConfig, RetrievalConfig
from whymiss.errors import ModelMismatchError
from whymiss.index import search_ann
from whymiss.nearest import DECIMALS
from whymiss.records import Query, Ranking
from whymiss.retrieval.space import SearchSpace, rows_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Encoder, Vectors
    from whymiss.retrieval.space import Mask

_QUERIES_AT_ONCE: Final = 64
"""Questions in one matrix product: more would only take memory."""

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
        chunks = self._space.snapshot.chunks
        return [
            Ranking.of(
                query.query_id,
                self.stage,
                [(chunks[row], s, {"dense": s}) for row, s in zip(*map(list, found), strict=True)],
            )
            for query, found in zip(queries, self.find(queries, vectors, depth=depth), strict=True)
        ]

    def find(self, queries: Sequence[Query], vectors: Vectors, *, depth: int) -> list[Candidates]:
        """The same as rows and scores, for many queries at a time."""
        if self._index.ann != "none":
            search = self._approximate
            pairs = zip(queries, vectors, strict=True)
            return [self._kept(query, search(query, vector, depth)) for query, vector in pairs]
        found = []
        for first in range(0, len(queries), _QUERIES_AT_ONCE):
            part = slice(first, first + _QUERIES_AT_ONCE)
            rough = vectors[part] @ self._space.snapshot.vectors.T
            found += [
                self._kept(query, self._exact(query, vector, row, depth))
                for query, vector, row in zip(queries[part], vectors[part], rough, strict=True)
            ]
        return found

    def _exact(self, query: Query, vector: Vectors, rough: Vectors, depth: int) -> Candidates:
        # A matrix product rounds a row differently beside other rows or other questions. The best
        # are therefore computed again one by one: a score depends on question and chunk alone,
        # never on how many hidden chunks stand in the index.
        near = rows_within(rough, self._searched(query), depth, slack=_SLACK)
        return best_first(near, cosines(self._space.snapshot.vectors[near], vector), depth)

    def _approximate(self, query: Query, vector: Vectors, depth: int) -> Candidates:
        mask = self._searched(query)
        found = search_ann(
            self._space.snapshot, vector, mask, depth=min(depth, len(mask)), config=self._index
        )
        # Scored as in exact search: a compressed index finds rows but blurs their distances.
        rows = [row for row, _ in found]
        return best_first(rows, cosines(self._space.snapshot.vectors[rows], vector))

    def _searched(self, query: Query) -> Mask:
        return self._space.visible(query, apply_where=self._retrieval.filter_mode == "pre")

    def _kept(self, query: Query, found: Candidates) -> Candidates:
        keep = found.scores >= self._retrieval.min_score
        if self._retrieval.filter_mode == "post":
            keep &= self._space.visible(query)[found.rows]
        return found if keep.all() else found.where(keep)


def cosines(vectors: Vectors, query: Vectors) -> NDArray[np.float64]:
    """Cosine of each unit vector with the query's, row by row: equal rows have equal scores."""
    products = vectors.astype(np.float64) * query.astype(np.float64)
    rounded: NDArray[np.float64] = np.round(products.sum(axis=1), DECIMALS)
    return rounded
