"""One question over one layout: candidates of the search, and the trace that comes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from whymiss.candidates import Candidates, best_first
from whymiss.pipeline import Clock, Pipeline, branch_stages
from whymiss.records import Chunk, Query, Ranking, Trace, canonical_json
from whymiss.retrieval import BM25Retriever, DenseRetriever
from whymiss.retrieval.dense import cosines
from whymiss.retrieval.fusion import fuse_candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.config import PipelineConfig
    from whymiss.live.kept_scores import KeptScores
    from whymiss.live.layout import Layout
    from whymiss.protocols import Encoder, Vectors
    from whymiss.retrieval import SearchSpace


@dataclass(frozen=True, kw_only=True)
class LiveSearch:
    """What one question asks of one layout.

    vector : of the question; None in mode "bm25", which needs none.
    reranker : None where the stage does not run.
    spent : what was spent on the layout, on the question and on embedding, by stage.
    check : raises when the search is no longer wanted.
    """

    query: Query
    vector: Vectors | None
    config: PipelineConfig
    layout: Layout
    encoder: Encoder
    reranker: KeptScores | None
    query_hash: Callable[[str], str]
    spent: Clock
    check: Callable[[], None]

    @property
    def reads_vectors(self) -> bool:
        """Whether the result depends on vectors of chunks."""
        return self.vector is not None or self.config.retrieval.mmr_lambda < 1

    @property
    def searched(self) -> NDArray[np.bool_]:
        """Rows that the asker may see, and that are searched."""
        pre = self.config.retrieval.filter_mode == "pre"
        return self.layout.space.visible(self.query, apply_where=pre)

    def over(self, space: SearchSpace) -> Trace:
        """The trace over the vectors of a space with the chunks of the layout."""
        clock, found = Clock(self.spent.in_order()), None
        if self.vector is not None:
            dense = DenseRetriever(
                space, self.encoder, retrieval=self.config.retrieval, index=self.config.index
            )
            depth = self.config.retrieval.candidate_depth
            with clock("filter"):
                space.visible(self.query)
            with clock("dense"):
                (found,) = dense.find([self.query], self.vector[None, :], depth=depth)
        return self._completed(found, space, clock)

    def embedded(self, space: SearchSpace) -> Trace:
        """The trace over what is embedded so far, settled or not; every score in it is exact.

        Parameters
        ----------
        space : the layout's chunks with the vectors that there are.
        """
        clock, found = Clock(self.spent.in_order()), None
        if self.vector is not None:
            known = np.flatnonzero(self.layout.known & self.searched)
            depth = self.config.retrieval.candidate_depth
            with clock("dense"):
                found = self._kept(best_first(known, self.exact_scores(known), depth))
        return self._completed(found, space, clock)

    def exact_scores(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cosines of embedded rows."""
        assert self.vector is not None
        return cosines(self.layout.vectors[rows], self.vector)

    def merged(self, dense: Candidates) -> Candidates:
        """What goes to reranking and selection of candidates by exact score, before any filter."""
        kept = self._kept(dense)
        if self.config.retrieval.mode != "hybrid":
            return kept
        return fuse_candidates([kept, self.bm25()], self.config.retrieval)

    def bm25(self) -> Candidates:
        """Candidates by BM25, which are exact at once."""
        knobs = asdict(self.config.retrieval)
        for name in ("k", "fusion", "rank_constant", "dense_weight", "mmr_lambda", "min_score"):
            del knobs[name]
        where = [(c.field, c.op, c.value) for c in self.query.where]
        key = (self.query.text, self.query.principals, canonical_json([where, knobs]))

        def find() -> Candidates:
            retriever = BM25Retriever(self.layout.space, retrieval=self.config.retrieval)
            return retriever.find([self.query], depth=self.config.retrieval.candidate_depth)[0]

        return self.layout.once(key, find)

    def n_searched(self) -> tuple[int, int]:
        """Embedded rows, and all rows, of those that are searched."""
        searched = self.searched
        return int((self.layout.known & searched).sum()), int(searched.sum())

    def chunks(self, trace: Trace) -> tuple[Chunk, ...]:
        """The chunks of the final ranking."""
        snapshot = self.layout.space.snapshot
        ids = trace.rankings[-1].chunk_ids
        return tuple(snapshot.chunks[snapshot.row_of[chunk_id]] for chunk_id in ids)

    def _completed(self, dense: Candidates | None, space: SearchSpace, clock: Clock) -> Trace:
        branches = []
        for stage in branch_stages(self.config.retrieval.mode):
            with clock(stage):
                found = dense if stage == "dense" else self.bm25()
                assert found is not None
                branches.append(self._ranking(stage, found))
        pipeline = Pipeline(
            config=self.config,
            space=space,
            encoder=self.encoder,
            read_documents=self.layout.corpus.named,
            query_hash=self.query_hash,
            reranker=self.reranker,
        )
        return pipeline.completed(self.query, branches, seconds=clock.in_order())

    def _ranking(self, stage: str, found: Candidates) -> Ranking:
        rows, scores = found.rows.tolist(), found.scores.tolist()
        chunks = self.layout.chunks.some(rows)
        scored = [(c, score, {stage: score}) for c, score in zip(chunks, scores, strict=True)]
        return Ranking.of(self.query.query_id, stage, scored)

    def _kept(self, dense: Candidates) -> Candidates:
        """Dense candidates that pass what is asked of them after the search."""
        knobs = self.config.retrieval
        keep = dense.scores >= knobs.min_score
        if knobs.filter_mode == "post":
            keep &= self.layout.space.visible(self.query)[dense.rows]
        return dense.where(keep)
