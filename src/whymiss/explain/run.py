"""One question through its pipeline, and where any chunk stands in it: retrieved, hidden or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from whymiss.batch import Batch
from whymiss.candidates import Candidates, best_first
from whymiss.explain.fusion import Merger
from whymiss.explain.ledger import Standing
from whymiss.explain.terms import TermScore
from whymiss.pipeline import Pipeline
from whymiss.records import Chunk, Query
from whymiss.reranking.rerank import checked_scores
from whymiss.retrieval import BM25Retriever
from whymiss.retrieval.dense import cosines
from whymiss.retrieval.fusion import branch_weights
from whymiss.text import counted

if TYPE_CHECKING:
    from whymiss.protocols import Reranker, Vectors


class Run:
    """A question run through the retrieval stages of a pipeline as `Batch` runs it.

    `stages` has the candidates of every stage; that of "reranker" is the reranker's own list.
    """

    def __init__(self, query: Query, pipeline: Pipeline) -> None:
        self.query = query
        self.config = pipeline.config
        self.space = pipeline.space
        self.encoder = pipeline.encoder
        self.reranker = pipeline.reranker
        self._batch = Batch(
            [query],
            space=self.space,
            encoder=self.encoder,
            vectors=lambda: self._vectors,
            read_documents=pipeline.read_documents,
        )
        kept = _Remembering(pipeline.reranker) if pipeline.reranker is not None else None
        found = self._batch.rankings(self.config, kept)
        self.stages = {stage: candidates for stage, (candidates,) in found.items()}
        if kept is not None:
            rows = [self.space.snapshot.row_of[chunk_id] for chunk_id in kept.known]
            read = best_first(rows, list(kept.known.values()))
            last = list(self.stages)
            at = last.index("rerank")
            self.stages = {
                **{stage: self.stages[stage] for stage in last[:at]},
                "reranker": read,
                **{stage: self.stages[stage] for stage in last[at:]},
            }

    @property
    def vector(self) -> Vectors:
        """The question's unit vector."""
        vector: Vectors = self._vectors[0]
        return vector

    @property
    def ranked(self) -> Candidates:
        """The final ranking: what select picks, and all behind it where it picks from the top."""
        if self.config.retrieval.mmr_lambda < 1:
            return self.stages["select"]
        return self.stages[self.last]

    @property
    def last(self) -> str:
        """The stage whose order select picks from."""
        return [stage for stage in self.stages if stage != "select"][-1]

    @property
    def before_reranking(self) -> str:
        """The stage whose candidates a reranker reads."""
        return "fuse" if "fuse" in self.stages else next(iter(self.stages))

    def chunk(self, row: int) -> Chunk:
        """The chunk of a row."""
        return self.space.snapshot.chunks[row]

    def standings(self, row: int) -> tuple[Standing, ...]:
        """Where a row stands at every stage that ran."""
        return tuple(self.standing(stage, row) for stage in self.stages)

    def standing(self, stage: str, row: int) -> Standing:
        """Where a row stands at a stage."""
        found = self.stages[stage]
        chunk_id, n = self.chunk(row).chunk_id, len(found.rows)
        for at in np.flatnonzero(found.rows == row).tolist():
            score = float(found.scores[at])
            return Standing(stage=stage, chunk_id=chunk_id, score=score, rank=at + 1, n=n)
        note, would_be = self._why_not(stage, row)
        score_anyway = self._score_anyway(stage, row)
        return Standing(
            stage=stage, chunk_id=chunk_id, score=score_anyway, n=n, would_be=would_be, note=note
        )

    def terms(self, row: int) -> TermScore:
        """A row's BM25, ready to be taken apart."""
        knobs = self.config.retrieval
        pre = knobs.filter_mode == "pre"
        return TermScore(
            query=self.query,
            chunk=self.chunk(row),
            statistics=BM25Retriever(self.space, retrieval=knobs).statistics(self.query),
            config=knobs,
            counted=bool(self.space.visible(self.query, apply_where=pre)[row]),
        )

    def merger(self, stage: str) -> Merger | None:
        """How the lists of a stage were merged; None where none were."""
        knobs = self.config.retrieval
        if stage == "fuse":
            lists = {name: self.stages[name] for name in ("dense", "bm25")}
            return Merger(
                lists=lists, weights=branch_weights(knobs), method=knobs.fusion,
                rank_constant=knobs.rank_constant,
            )  # fmt: skip
        blend = self.config.rerank.blend
        if stage != "rerank" or blend == "replace":
            return None
        lists = {name: self.stages[name] for name in (self.before_reranking, "reranker")}
        return Merger(
            lists=lists, weights=(1.0, 1.0), method=blend, rank_constant=knobs.rank_constant
        )

    def hidden(self, row: int) -> str:
        """Why the asker cannot see a row; empty where nothing hides it."""
        doc_id = self.chunk(row).doc_id
        if doc_id not in self.space.catalogue.documents:
            return f"its document {doc_id} is no longer stored"
        if not self.space.visible(self.query, apply_where=False)[row]:
            return "hidden: the asker may not read its document"
        if not self.space.visible(self.query)[row]:
            return "hidden by the filter"
        return ""

    @cached_property
    def _vectors(self) -> Vectors:
        return self.encoder.encode_queries([self.query.text])

    @cached_property
    def _unlimited(self) -> dict[str, Candidates]:
        """The same stages up to fusion with no list cut, searched exactly."""
        n = max(len(self.space.snapshot), self.config.retrieval.k)
        config = self.config.replace(
            {"retrieval.candidate_depth": n, "retrieval.min_score": -1.0, "index.ann": "none"}
        )
        found = self._batch.rankings(config)
        return {stage: candidates for stage, (candidates,) in found.items() if stage != "select"}

    def _score_anyway(self, stage: str, row: int) -> float | None:
        """What a row that is no candidate would score."""
        if stage == "dense":
            vectors = self.space.snapshot.vectors[[row]]
            return float(cosines(vectors, self.vector)[0])
        if stage == "bm25":
            return self.terms(row).score(())
        if stage == "reranker" and self.reranker is not None:
            return float(checked_scores(self.reranker, self.query, [self.chunk(row)])[0])
        return None

    def _why_not(self, stage: str, row: int) -> tuple[str, int | None]:
        """Why a row is no candidate of a stage, and the rank it would have."""
        found = self.stages[stage]
        if hidden := self.hidden(row):
            return hidden, None
        if stage in ("dense", "bm25", "fuse"):
            return self._not_found(stage, row)
        if stage == "reranker":
            score = self._score_anyway(stage, row)
            assert score is not None
            tied = (found.scores == score) & (found.rows < row)
            would_be = 1 + int(((found.scores > score) | tied).sum())
            read = counted(len(found.rows), "chunk")
            return f"not among the {read} that it read; would be rank {would_be} of them and it", (
                would_be
            )
        if stage == "rerank":
            return f"not among the {len(found.rows)} candidates", None
        return f"not among the {counted(len(found.rows), 'chunk')} that were picked", None

    def _not_found(self, stage: str, row: int) -> tuple[str, int | None]:
        found, every = self.stages[stage], self._unlimited[stage]
        held = np.flatnonzero(every.rows == row)
        if not len(held):
            return "shares no term with the question", None
        would_be = int(held[0]) + 1
        floor = self.config.retrieval.min_score
        if stage == "dense" and (self._score_anyway(stage, row) or 0.0) < floor:
            return f"below min_score {floor}; would be rank {would_be}", would_be
        among = f"not among the first {len(found.rows)}"
        if stage == "dense" and would_be <= len(found.rows):
            among = "missed by approximate search"
        # Fused scores are scaled by the lists they come from: this rank is of another fusion.
        whole = ", were no list cut" if stage == "fuse" else ""
        return f"{among}; would be rank {would_be} of {len(every.rows)}{whole}", would_be


class _Remembering:
    """A reranker that keeps the scores it gave."""

    def __init__(self, inner: Reranker) -> None:
        self._inner = inner
        self.known: dict[str, float] = {}

    @property
    def model_version(self) -> str:
        return self._inner.model_version

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        scores = self._inner.scores(query, chunks)
        self.known.update({c.chunk_id: s for c, s in zip(chunks, scores, strict=False)})
        return scores
