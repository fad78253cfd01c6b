"""One question over one layout: preview, then exact candidates until the ranking is settled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.candidates import Candidates, best_first
from whymiss.live.residuals import Forecast, forecast, hopes
from whymiss.live.settling import risk_by_drawing, risk_of_newcomers
from whymiss.records import Query, Ranking
from whymiss.retrieval import BM25Retriever, DenseRetriever
from whymiss.retrieval.dense import cosines
from whymiss.retrieval.fusion import fuse_candidates

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from whymiss.config import PipelineConfig
    from whymiss.live.layout import Layout
    from whymiss.protocols import Encoder, Vectors
    from whymiss.retrieval import SearchSpace

_FIRST_TOKENS: Final = 2048
_MORE_TOKENS: Final = 1024
"""Tokens embedded at a time: about a quarter of a second on two cores, so that a newer search waits
no longer than that."""
_LEARNT_FROM: Final = 256
"""Known chunks whose residuals are used: those with the best previews, as those to be judged."""
_FILL_TOKENS: Final = 2048


@dataclass(frozen=True)
class LiveSearch:
    """What one question asks of one layout.

    vector : of the question; None in mode "bm25", which needs none.
    risk : stop when the stated risk is below this.
    """

    query: Query
    vector: Vectors | None
    config: PipelineConfig
    layout: Layout
    encoder: Encoder
    risk: float
    _bm25: list[Candidates] = field(default_factory=list)

    @property
    def stage(self) -> str:
        """Name of the stage whose ranking is shown."""
        mode = self.config.retrieval.mode
        return "fuse" if mode == "hybrid" else mode

    @property
    def searched(self) -> NDArray[np.bool_]:
        """Rows that the asker may see, and that are searched."""
        pre = self.config.retrieval.filter_mode == "pre"
        return self.layout.space.visible(self.query, apply_where=pre)

    def preview(self) -> Ranking:
        """The ranking by preview vectors (by BM25 alone where that is all that is asked)."""
        return self.ranking_over(self.layout.space)

    def ranking_over(self, space: SearchSpace) -> Ranking:
        """The ranking over the vectors of a space with the same chunks as the layout."""
        if self.vector is None:
            return self.ranking(self.bm25().top(self.config.retrieval.k))
        dense = DenseRetriever(
            space, self.encoder, retrieval=self.config.retrieval, index=self.config.index
        )
        depth = self.config.retrieval.candidate_depth
        (found,) = dense.find([self.query], self.vector[None, :], depth=depth)
        return self.ranking(self._behind(found))

    def exact_rankings(self, check: Callable[[], None]) -> Iterator[tuple[float, Ranking | None]]:
        """Embed candidates; after each batch the stated risk, and the ranking once it is settled.

        The last item has the ranking. Candidates come in the order of their chance to change the
        result, at first that of their preview.

        Parameters
        ----------
        check : called before each batch; raises when the search is no longer wanted.
        """
        rows = np.flatnonzero(self.searched)
        previews = self._previews(rows)
        order = rows[np.argsort(-hopes(previews, self.layout.spreads[rows]), kind="stable")]
        if self.config.retrieval.mode == "hybrid":
            order = _first_of(self.bm25().rows, order)
        tokens = _FIRST_TOKENS
        while True:
            check()
            self.layout.embed(self._batch(order, tokens), self.encoder)
            tokens = _MORE_TOKENS
            waiting = rows[~self.layout.known[rows]]
            if not len(waiting):
                yield 0.0, self.embedded_ranking()
                return
            risk, chances = self._judged(rows, previews)
            if risk < self.risk:
                yield risk, self.embedded_ranking()
                return
            yield risk, None
            unknown = ~self.layout.known[rows]
            order = rows[unknown][np.argsort(-chances[unknown], kind="stable")]

    def embedded_ranking(self) -> Ranking:
        """The exact ranking of what is embedded so far, settled or not."""
        known = np.flatnonzero(self.layout.known & self.searched)
        depth = self.config.retrieval.candidate_depth
        return self.ranking(self._behind(best_first(known, self._scores(known), depth)))

    def rest(self) -> Iterator[list[int]]:
        """What is left to embed of the whole layout, in batches, in row order."""
        rows = np.flatnonzero(~self.layout.known)
        while len(rows):
            batch = self._batch(rows, _FILL_TOKENS)
            yield batch
            rows = rows[~self.layout.known[rows]]

    def ranking(self, found: Candidates) -> Ranking:
        """Candidates as a ranking."""
        chunks = self.layout.space.snapshot.chunks
        return Ranking.of(
            self.query.query_id,
            self.stage,
            [(chunks[row], score, {}) for row, score in zip(*map(list, found), strict=True)],
        )

    def bm25(self) -> Candidates:
        """Candidates by BM25, which are exact at once."""
        if not self._bm25:
            retriever = BM25Retriever(self.layout.space, retrieval=self.config.retrieval)
            depth = self.config.retrieval.candidate_depth
            self._bm25.append(retriever.find([self.query], depth=depth)[0])
        return self._bm25[0]

    def n_searched(self) -> tuple[int, int]:
        """Embedded rows, and all rows, of those that are searched."""
        searched = self.searched
        return int((self.layout.known & searched).sum()), int(searched.sum())

    def _previews(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        assert self.vector is not None
        return (self.layout.space.snapshot.vectors[rows] @ self.vector).astype(np.float64)

    def _batch(self, order: NDArray[np.int64], tokens: int) -> list[int]:
        waiting = order[~self.layout.known[order]]
        spent = np.cumsum(self.layout.n_tokens[waiting])
        return [int(row) for row in waiting[: max(1, int(np.searchsorted(spent, tokens, "right")))]]

    def _judged(
        self, rows: NDArray[np.int64], previews: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        """The stated risk, and each row's chance to change the result."""
        expected, exact = self._expected(rows, previews)
        knobs = self.config.retrieval
        if knobs.mode == "dense" and knobs.filter_mode == "pre":
            bar = max(_nth(exact.scores, knobs.k), knobs.min_score)
            chances = expected.chances_above(bar)
            return risk_of_newcomers(chances[~self.layout.known[rows]]), chances
        places = Candidates(np.searchsorted(rows, exact.rows), exact.scores)
        risk = risk_by_drawing(
            places,
            expected,
            np.flatnonzero(~self.layout.known[rows]),
            depth=knobs.candidate_depth,
            final=lambda found: self._behind(Candidates(rows[found.rows], found.scores)),
        )
        return risk, expected.chances_above(self._bar(exact))

    def _expected(
        self, rows: NDArray[np.int64], previews: NDArray[np.float64]
    ) -> tuple[Forecast, Candidates]:
        known = np.flatnonzero(self.layout.known[rows])
        exact = self._scores(rows[known])
        near = np.argsort(-previews[known], kind="stable")[:_LEARNT_FROM]
        expected = forecast(previews, self.layout.spreads[rows], known[near], exact[near])
        return expected, best_first(rows[known], exact)

    def _bar(self, exact: Candidates) -> float:
        """The exact score of the hit that stands last in the dense list: above it ranks count."""
        knobs = self.config.retrieval
        last = _nth(exact.scores, knobs.candidate_depth)
        hits = self._behind(exact.top(knobs.candidate_depth)).rows
        scores = exact.scores[np.isin(exact.rows, hits)]
        return max(float(scores.min()), last) if len(scores) else last

    def _scores(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        assert self.vector is not None
        return cosines(self.layout.vectors[rows], self.vector)

    def _behind(self, dense: Candidates) -> Candidates:
        """The first k of what the stages behind dense search make of its candidates."""
        knobs = self.config.retrieval
        keep = dense.scores >= knobs.min_score
        if knobs.filter_mode == "post":
            keep &= self.layout.space.visible(self.query)[dense.rows]
        kept = dense.where(keep)
        if knobs.mode == "hybrid":
            kept = fuse_candidates([kept, self.bm25()], knobs)
        return kept.top(knobs.k)


def _nth(scores: NDArray[np.float64], n: int) -> float:
    """The n-th of scores in falling order; minus infinity where there are fewer."""
    return float(scores[n - 1]) if len(scores) >= n else -np.inf


def _first_of(first: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order with some rows put in front, of those that are in it."""
    front = np.isin(order, first)
    return np.concatenate([order[front], order[~front]])
