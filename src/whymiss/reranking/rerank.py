"""Applying a reranker to the head of a ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from whymiss.candidates import Candidates, best_first
from whymiss.config import Blend, RerankConfig
from whymiss.errors import ModelError
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Query, Ranking
from whymiss.retrieval.fusion import add_up, rrf_gains, weighted_gains

_STEP: Final = 1e-6


def rerank(
    query: Query,
    ranking: Ranking,
    chunks: Mapping[str, Chunk],
    reranker: Reranker,
    *,
    config: RerankConfig,
    rank_constant: int = 60,
) -> Ranking:
    """Let a reranker read the first `config.depth` hits, and put all in order anew.

    See `reordered` for the order. `parts` gain "rerank", the reranker's own score, where it read.

    Returns
    -------
    Ranking
        Stage "rerank", with the same chunks. Ties by (doc_id, start).

    Raises
    ------
    ModelError : the reranker gave another number of scores than it was given chunks, or one that
        is not a finite number.
    """
    hits = sorted(ranking.hits, key=lambda hit: (hit.doc_id, hit.start, hit.chunk_id))
    number = {hit.chunk_id: row for row, hit in enumerate(hits)}
    before = Candidates(
        np.array([number[hit.chunk_id] for hit in ranking.hits], dtype=np.int64),
        np.array([hit.score for hit in ranking.hits], dtype=np.float64),
    )
    read = [hit.chunk_id for hit in ranking.hits[: config.depth]]
    scores = checked_scores(reranker, query, [chunks[chunk_id] for chunk_id in read])
    own = {chunk_id: {"rerank": score} for chunk_id, score in zip(read, scores, strict=True)}
    after = reordered(before, scores, blend=config.blend, rank_constant=rank_constant)
    new = []
    for rank, (row, score) in enumerate(zip(*after, strict=True), start=1):
        hit = hits[row]
        parts = {**hit.parts, **own.get(hit.chunk_id, {})}
        new.append(replace(hit, score=float(score), rank=rank, parts=parts))
    return Ranking(query_id=query.query_id, stage="rerank", hits=tuple(new))


def checked_scores(reranker: Reranker, query: Query, chunks: Sequence[Chunk]) -> list[float]:
    """The reranker's scores, one finite number per chunk.

    Raises
    ------
    ModelError : they are not.
    """
    scores = list(reranker.scores(query, chunks)) if chunks else []
    if len(scores) != len(chunks):
        raise ModelError(
            f"reranker {reranker.model_version} was given {len(chunks)} chunks and returned "
            f"{len(scores)} scores; it must return one for each."
        )
    if not all(map(math.isfinite, scores)):
        raise ModelError(
            f"reranker {reranker.model_version} returned a score that is not finite: nothing can "
            "be ordered by it. Check the model and its precision."
        )
    return scores


def reordered(
    before: Candidates, scores: Sequence[float], *, blend: Blend, rank_constant: int = 60
) -> Candidates:
    """Candidates in their new order, the first len(scores) of which a reranker has scored.

    "replace": those come first, by the reranker's score alone; the others keep their order and have
    descending scores just below. "rrf" and "weighted" merge two lists, the candidates as they came
    and the reranker's, as `retrieval.fusion` merges those of two retrievers.

    >>> before = Candidates(np.array([7, 4, 9]), np.array([0.3, 0.2, 0.1]))
    >>> reordered(before, [0.1, 0.9], blend="replace")
    Candidates(rows=array([4, 7, 9]), scores=array([0.9     , 0.1     , 0.099999]))
    >>> reordered(before, [0.1, 0.9], blend="weighted").rows
    array([4, 7, 9])
    """
    read = best_first(before.rows[: len(scores)], scores)
    if blend == "replace":
        floor = min(scores, default=0.0)
        behind = before.rows[len(scores) :]
        below = floor - _STEP * np.arange(1, len(behind) + 1)
        return Candidates(np.concatenate([read.rows, behind]), np.concatenate([read.scores, below]))
    if blend == "weighted":
        gains = [weighted_gains(some.scores, weight=1.0) for some in (before, read)]
    else:
        gains = [
            rrf_gains(len(some.rows), rank_constant=rank_constant, weight=1.0)
            for some in (before, read)
        ]
    return add_up([before.rows, read.rows], gains)
