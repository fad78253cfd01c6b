"""The stages put together: a question in, a trace of everything out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from whymiss.answering import citation_precision, citation_recall, lexical_faithfulness
from whymiss.config import PipelineConfig
from whymiss.context import pack
from whymiss.errors import ConfigError
from whymiss.records import Answer, Chunk, Context, Document, Query, Ranking, Score, Trace
from whymiss.reranking import rerank
from whymiss.retrieval import (
    BM25Retriever,
    DenseRetriever,
    SearchSpace,
    reciprocal_rank_fusion,
    select_diverse,
    weighted_fusion,
)
from whymiss.retrieval.fusion import branch_weights
from whymiss.stages import STAGES

if TYPE_CHECKING:
    from whymiss.config import Mode
    from whymiss.protocols import Encoder, Generator, Reranker, Vectors

DocumentReader = Callable[[Sequence[str]], Mapping[str, Document]]

_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@runtime_checkable
class ReadsStoredTokens(Protocol):
    """A reranker that knows where tokens of chunks should be stored: see `lacks` of MaxSim."""

    def lacks(self, chunks: Sequence[Chunk]) -> bool:
        """Whether tokens of some of these chunks are not there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One configuration over one search space, ready for questions.

    `read_documents` gives the named documents with their text; `reranker` and `generator` may be
    None, and then their stages do not run. `query_hash` turns a question into its keyed hash.
    """

    config: PipelineConfig
    space: SearchSpace
    encoder: Encoder
    read_documents: DocumentReader
    query_hash: Callable[[str], str]
    reranker: Reranker | None = None
    generator: Generator | None = None

    def run(self, query: Query) -> Trace:
        """Every stage from retrieval to answer.

        Raises
        ------
        ModelMismatchError : the index holds vectors of another model.
        GenerationError : the generator failed.
        """
        clock = Clock()
        return self._completed(query, self._branches(query, clock), clock)

    def completed(
        self,
        query: Query,
        branches: Sequence[Ranking],
        *,
        seconds: Mapping[str, float] = _NOTHING,
    ) -> Trace:
        """Every stage behind the search, over candidates that are already there.

        Parameters
        ----------
        branches : the rankings that the configured mode asks for: "dense", "bm25" or both in this
            order; every chunk of theirs is in the space.
        seconds : what finding them took, by stage; the trace tells it too.

        Raises
        ------
        ConfigError : the branches are not those of the mode.
        GenerationError : the generator failed.
        """
        wanted = branch_stages(self.config.retrieval.mode)
        if (given := tuple(ranking.stage for ranking in branches)) != wanted:
            raise ConfigError(
                f"Pipeline.completed needs the rankings of {', '.join(wanted)} for retrieval.mode "
                f"{self.config.retrieval.mode!r}; got {', '.join(given) or 'none'}."
            )
        return self._completed(query, branches, Clock(seconds))

    def retrieve(self, query: Query) -> tuple[Ranking, ...]:
        """The ranking of every retrieval stage that ran, ending with "select"."""
        clock = Clock()
        return self._ranked(query, self._branches(query, clock), clock)

    def _completed(self, query: Query, branches: Sequence[Ranking], clock: Clock) -> Trace:
        rankings = self._ranked(query, branches, clock)
        chunks = self._chunks(rankings[-1])
        with clock("pack"):
            context = self._pack(chunks)
        answer = self._answer(query, context, clock)
        return self._trace(query, rankings, context, answer, clock)

    def _ranked(
        self, query: Query, branches: Sequence[Ranking], clock: Clock
    ) -> tuple[Ranking, ...]:
        rankings = list(branches)
        current = branches[0]
        if len(branches) > 1:
            with clock("fuse"):
                current = self._fuse(branches)
            rankings.append(current)
        if self.reranker is not None:
            with clock("rerank"):
                current = self._rerank(query, current, self.reranker)
            rankings.append(current)
        with clock("select"):
            rankings.append(self._select(current))
        return tuple(rankings)

    def _branches(self, query: Query, clock: Clock) -> list[Ranking]:
        knobs = self.config.retrieval
        with clock("filter"):
            # Computed here, so that its time is not booked on a branch; kept by the space.
            self.space.visible(query)
        stages = branch_stages(knobs.mode)
        rankings = []
        if "dense" in stages:
            dense = DenseRetriever(
                self.space, self.encoder, retrieval=knobs, index=self.config.index
            )
            # Loads the model if it is not loaded yet: that is no part of answering this question.
            _ = self.encoder.dimension
            with clock("embed"):
                vectors = self.encoder.encode_queries([query.text])
            with clock("dense"):
                rankings += dense.search_vectors([query], vectors, depth=knobs.candidate_depth)
        if "bm25" in stages:
            with clock("bm25"):
                bm25 = BM25Retriever(self.space, retrieval=knobs)
                rankings += bm25.search([query], depth=knobs.candidate_depth)
        return rankings

    def _fuse(self, branches: Sequence[Ranking]) -> Ranking:
        knobs = self.config.retrieval
        weights = branch_weights(knobs)
        if knobs.fusion == "weighted":
            return weighted_fusion(branches, weights=weights)
        return reciprocal_rank_fusion(branches, rank_constant=knobs.rank_constant, weights=weights)

    def _rerank(self, query: Query, ranking: Ranking, reranker: Reranker) -> Ranking:
        chunks = {chunk.chunk_id: chunk for chunk in self._chunks(ranking)}
        return rerank(
            query,
            ranking,
            chunks,
            reranker,
            config=self.config.rerank,
            rank_constant=self.config.retrieval.rank_constant,
        )

    def _select(self, ranking: Ranking) -> Ranking:
        knobs = self.config.retrieval
        return select_diverse(
            ranking,
            self._vectors(ranking),
            k=knobs.k,
            relevance_weight=knobs.mmr_lambda,
        )

    def _vectors(self, ranking: Ranking) -> Vectors:
        snapshot = self.space.snapshot
        return snapshot.vectors[[snapshot.row_of[hit.chunk_id] for hit in ranking.hits]]

    def _chunks(self, ranking: Ranking) -> list[Chunk]:
        snapshot = self.space.snapshot
        return [snapshot.chunks[snapshot.row_of[hit.chunk_id]] for hit in ranking.hits]

    def _pack(self, chunks: Sequence[Chunk]) -> Context:
        wanted = sorted({chunk.doc_id for chunk in chunks})
        return pack(
            chunks,
            documents=self.read_documents(wanted),
            tokenizer=self.encoder.tokenizer,
            config=self.config.context,
        )

    def _answer(self, query: Query, context: Context, clock: Clock) -> Answer | None:
        if self.generator is None:
            return None
        with clock("answer"):
            return self.generator.generate(query, context)

    def _trace(
        self,
        query: Query,
        rankings: tuple[Ranking, ...],
        context: Context,
        answer: Answer | None,
        clock: Clock,
    ) -> Trace:
        snapshot = self.space.snapshot
        return Trace(
            trace_id=uuid.uuid4().hex,
            asked_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            query_hash=self.query_hash(query.text),
            query_text=query.text,
            principals=query.principals,
            where=query.where,
            config_fingerprint=self.config.fingerprint(),
            index_name=snapshot.name,
            index_version=f"{self.space.catalogue.version}.{snapshot.version}",
            model_version=snapshot.manifest.model_version,
            rankings=rankings,
            context=context,
            answer=answer,
            scores=_scores(answer, context),
            seconds=clock.in_order(),
            flags=self._flags(rankings, context, answer),
        )

    def _flags(
        self, rankings: Sequence[Ranking], context: Context, answer: Answer | None
    ) -> tuple[str, ...]:
        dense = next((r for r in rankings if r.stage == "dense"), None)
        best = dense.hits[0].score if dense is not None and dense.hits else None
        selected = self._chunks(rankings[-1])
        flags = flags_of(
            self.config, self.space, selected, context, best_cosine=best, reranker=self.reranker
        )
        return (*flags, "abstained") if answer is not None and answer.abstained else flags


def branch_stages(mode: Mode) -> tuple[str, ...]:
    """The stages that find candidates in a retrieval mode.

    >>> branch_stages("hybrid")
    ('dense', 'bm25')
    """
    return ("dense", "bm25") if mode == "hybrid" else (mode,)


def flags_of(
    config: PipelineConfig,
    space: SearchSpace,
    selected: Sequence[Chunk],
    context: Context,
    *,
    best_cosine: float | None,
    reranker: Reranker | None,
) -> tuple[str, ...]:
    """What an operator should look at in one request, up to its packed context."""
    said = {
        "empty retrieval": not selected,
        "low score": best_cosine is not None and best_cosine < config.trace.low_score,
        "truncated context": any(reason == "over budget" for _, reason in context.dropped),
        "truncated chunk": any(chunk.n_truncated for chunk in selected),
        "no stored tokens": isinstance(reranker, ReadsStoredTokens) and reranker.lacks(selected),
        "stale chunk": not space.stale_documents().isdisjoint(c.doc_id for c in selected),
    }
    return tuple(flag for flag, holds in said.items() if holds)


class Clock:
    """Wall seconds by stage.

    >>> clock = Clock({"embed": 0.5})
    >>> with clock("embed"):
    ...     pass
    >>> clock.in_order()["embed"] >= 0.5
    True
    """

    def __init__(self, spent: Mapping[str, float] = _NOTHING) -> None:
        self._seconds = dict(spent)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Book the time of a block on a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self._seconds[stage] = self._seconds.get(stage, 0.0) + spent

    def in_order(self) -> dict[str, float]:
        """What each stage took so far, in the order of stages."""
        return {stage: self._seconds[stage] for stage in STAGES if stage in self._seconds}


def _scores(answer: Answer | None, context: Context) -> tuple[Score, ...]:
    if answer is None:
        return ()
    return (
        lexical_faithfulness(answer, context),
        citation_precision(answer, context),
        citation_recall(answer, context),
    )
