"""Many queries through the stages at once; what configurations share is computed once.

The same numbers as `Pipeline`, query by query: both are built on the same row-level functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from whymiss.candidates import Candidates
from whymiss.config import ContextConfig, PipelineConfig
from whymiss.context import Packer
from whymiss.pipeline import flags_of
from whymiss.records import Answer, Chunk, Context, Document, Query
from whymiss.reranking import LateInteractionReranker
from whymiss.reranking.rerank import checked_scores, reordered
from whymiss.retrieval import BM25Retriever, DenseRetriever, SearchSpace
from whymiss.retrieval.fusion import fuse_candidates
from whymiss.retrieval.mmr import pick_diverse

if TYPE_CHECKING:
    from whymiss.protocols import Encoder, Generator, Reranker, Vectors

T = TypeVar("T")

Key = tuple[Hashable, ...]


class Batch:
    """Queries over one search space, for any configuration that searches it.

    Each stage is computed once for all queries and each setting of the knobs that it depends on:
    a second k or fusion weight searches nothing again. Rerankers and generators are asked query by
    query.

    Parameters
    ----------
    vectors : of the queries, shape (len(queries), dimension); asked for when first needed.
    read_documents : gives the named documents with their text.
    """

    def __init__(
        self,
        queries: Sequence[Query],
        *,
        space: SearchSpace,
        encoder: Encoder,
        vectors: Callable[[], Vectors],
        read_documents: Callable[[Sequence[str]], Mapping[str, Document]],
    ) -> None:
        self.queries = list(queries)
        self.space = space
        self._encoder = encoder
        self._vectors = vectors
        self._read_documents = read_documents
        self._known: dict[Key, Any] = {}
        self._seconds: dict[Key, float] = {}
        self._documents: dict[str, Document] = {}
        self._asked_for: set[str] = set()
        self._packers: dict[ContextConfig, Packer] = {}
        self._packed: dict[Key, Context] = {}
        self._pair_scores: dict[tuple[str, int, int], float] = {}

    def rankings(
        self, config: PipelineConfig, reranker: Reranker | None = None
    ) -> dict[str, list[Candidates]]:
        """Candidates of every query after each retrieval stage that runs, in stage order."""
        keys = _keys(config, reranker)
        stages: dict[str, list[Candidates]] = {}
        if "dense" in keys:
            # Before the search, so that its time is not booked there.
            vectors = self._once(("embed",), self._vectors)
            stages["dense"] = self._once(keys["dense"], lambda: self._dense(config, vectors))
        if "bm25" in keys:
            stages["bm25"] = self._once(keys["bm25"], lambda: self._bm25(config))
        current = next(iter(stages.values()))
        if "fuse" in keys:
            branches = list(zip(*stages.values(), strict=True))
            stages["fuse"] = current = self._once(
                keys["fuse"],
                lambda: [fuse_candidates(pair, config.retrieval) for pair in branches],
            )
        if reranker is not None:
            before = current
            stages["rerank"] = current = self._once(
                keys["rerank"], lambda: self._reranked(before, config, reranker)
            )
        last = current
        stages["select"] = self._once(keys["select"], lambda: self._selected(last, config))
        return stages

    def contexts(self, config: PipelineConfig, reranker: Reranker | None = None) -> list[Context]:
        """The packed context of every query."""
        selected = self.rankings(config, reranker)["select"]
        key = _keys(config, reranker)["pack"]
        return self._once(key, lambda: self._pack(selected, config))

    def answers(
        self,
        config: PipelineConfig,
        generator: Generator,
        reranker: Reranker | None = None,
        *,
        done: Callable[[int], None] | None = None,
    ) -> list[Answer]:
        """The answer to every query; `done` is called with 1 after each."""
        contexts = self.contexts(config, reranker)

        def write() -> list[Answer]:
            answers = []
            for query, context in zip(self.queries, contexts, strict=True):
                answers.append(generator.generate(query, context))
                if done is not None:
                    done(1)
            return answers

        key = _keys(config, reranker)["pack"]
        return self._once(("answer", config.answer, generator.name, key), write)

    def flags(
        self, config: PipelineConfig, reranker: Reranker | None = None
    ) -> list[tuple[str, ...]]:
        """What an operator should look at, query by query; nothing of the answer."""
        stages = self.rankings(config, reranker)
        contexts = self.contexts(config, reranker)
        return [
            flags_of(
                config,
                self.space,
                self.chunks(stages["select"][i]),
                contexts[i],
                best_cosine=_first(stages["dense"][i]) if "dense" in stages else None,
                reranker=reranker,
            )
            for i in range(len(self.queries))
        ]

    def chunks(self, candidates: Candidates) -> list[Chunk]:
        """The chunks of candidates, best first."""
        every = self.space.snapshot.chunks
        return [every[row] for row in candidates.rows.tolist()]

    def spans(self, candidates: Candidates) -> list[tuple[str, int, int]]:
        """(doc_id, start, end) of candidates, best first."""
        snapshot = self.space.snapshot
        places = self.space.derived(
            "places", lambda: [(c.doc_id, c.start, c.end) for c in snapshot.chunks]
        )
        return [places[row] for row in candidates.rows.tolist()]

    def seconds(self, config: PipelineConfig, reranker: Reranker | None = None) -> dict[str, float]:
        """Wall seconds that each stage took for all queries, as far as it has run.

        A stage that several configurations share is told in full for each of them.
        """
        keys = _keys(config, reranker)
        if "dense" in keys:
            keys = {"embed": ("embed",), **keys}
        return {stage: self._seconds[key] for stage, key in keys.items() if key in self._seconds}

    def _once(self, key: Key, compute: Callable[[], T]) -> T:
        if key not in self._known:
            start = time.perf_counter()
            self._known[key] = compute()
            self._seconds[key] = time.perf_counter() - start
        found: T = self._known[key]
        return found

    def _dense(self, config: PipelineConfig, vectors: Vectors) -> list[Candidates]:
        retriever = DenseRetriever(
            self.space, self._encoder, retrieval=config.retrieval, index=config.index
        )
        return retriever.find(self.queries, vectors, depth=config.retrieval.candidate_depth)

    def _bm25(self, config: PipelineConfig) -> list[Candidates]:
        retriever = BM25Retriever(self.space, retrieval=config.retrieval)
        return retriever.find(self.queries, depth=config.retrieval.candidate_depth)

    def _reranked(
        self, before: Sequence[Candidates], config: PipelineConfig, reranker: Reranker
    ) -> list[Candidates]:
        if isinstance(reranker, LateInteractionReranker):
            reranker.read(self.queries)
        return [
            self._reranked_one(i, candidates, config, reranker)
            for i, candidates in enumerate(before)
        ]

    def _reranked_one(
        self, i: int, candidates: Candidates, config: PipelineConfig, reranker: Reranker
    ) -> Candidates:
        head = candidates.rows[: config.rerank.depth].tolist()
        known, model = self._pair_scores, reranker.model_version
        new = [row for row in head if (model, i, row) not in known]
        every = self.space.snapshot.chunks
        scores = checked_scores(reranker, self.queries[i], [every[row] for row in new])
        known.update({(model, i, row): s for row, s in zip(new, scores, strict=True)})
        return reordered(
            candidates,
            [known[model, i, row] for row in head],
            blend=config.rerank.blend,
            rank_constant=config.retrieval.rank_constant,
        )

    def _selected(self, before: Sequence[Candidates], config: PipelineConfig) -> list[Candidates]:
        knobs = config.retrieval
        if knobs.mmr_lambda >= 1:
            return [candidates.top(knobs.k) for candidates in before]
        selected = []
        for candidates in before:
            chosen = pick_diverse(
                candidates.scores,
                self.space.snapshot.vectors[candidates.rows],
                k=knobs.k,
                relevance_weight=knobs.mmr_lambda,
            )
            selected.append(Candidates(candidates.rows[chosen], candidates.scores[chosen]))
        return selected

    def _pack(self, selected: Sequence[Candidates], config: PipelineConfig) -> list[Context]:
        chosen = [self.chunks(candidates) for candidates in selected]
        wanted = {chunk.doc_id for chunks in chosen for chunk in chunks}
        documents = self._documents_of(wanted)
        knobs = config.context
        packer = self._packers.setdefault(
            knobs, Packer(tokenizer=self._encoder.tokenizer, config=knobs)
        )
        packer.look_at([chunk for chunks in chosen for chunk in chunks], documents=documents)
        contexts = []
        for chunks in chosen:
            # Configurations often select the same chunks, and questions too.
            key = (knobs, *(chunk.chunk_id for chunk in chunks))
            if key not in self._packed:
                self._packed[key] = packer.pack(chunks, documents=documents)
            contexts.append(self._packed[key])
        return contexts

    def _documents_of(self, doc_ids: set[str]) -> Mapping[str, Document]:
        if missing := sorted(doc_ids - self._asked_for):
            self._documents |= self._read_documents(missing)
            self._asked_for |= doc_ids
        return self._documents


def _keys(config: PipelineConfig, reranker: Reranker | None) -> dict[str, Key]:
    """Each stage that runs, with all that its result depends on."""
    knobs = config.retrieval
    shared = knobs.candidate_depth, knobs.filter_mode
    keys: dict[str, Key] = {}
    if knobs.mode != "bm25":
        keys["dense"] = ("dense", *shared, knobs.min_score, config.index)
    if knobs.mode != "dense":
        terms = knobs.bm25_k1, knobs.bm25_b, knobs.bm25_engine, knobs.stemmer, knobs.stop_words
        keys["bm25"] = ("bm25", *shared, *terms)
    last: Key = tuple(keys.values())
    if len(keys) > 1:
        rank = knobs.rank_constant if knobs.fusion == "rrf" else 0
        keys["fuse"] = last = ("fuse", knobs.fusion, rank, knobs.dense_weight, last)
    if reranker is not None:
        blend = config.rerank.blend
        rank = knobs.rank_constant if blend == "rrf" else 0
        read = reranker.model_version, config.rerank.depth
        keys["rerank"] = last = ("rerank", *read, blend, rank, last)
    keys["select"] = last = ("select", knobs.k, knobs.mmr_lambda, last)
    keys["pack"] = ("pack", config.context, last)
    return keys


def _first(candidates: Candidates) -> float | None:
    return float(candidates.scores[0]) if len(candidates.scores) else None
