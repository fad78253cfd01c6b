"""Applying a reranker to the head of a ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping

from whymiss.errors import ModelError
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Hit, Query, Ranking


def rerank(
    query: Query,
    ranking: Ranking,
    chunks: Mapping[str, Chunk],
    reranker: Reranker,
    *,
    depth: int,
) -> Ranking:
    """Reorder the first `depth` hits by the reranker; the others keep their order behind them.

    Hits that were not read keep descending scores just below the lowest one read, so that scores
    stay in order; their `parts` lack "rerank".

    Returns
    -------
    Ranking
        Stage "rerank", with the same chunks. Ties by (doc_id, start).

    Raises
    ------
    ModelError : the reranker gave another number of scores than it was given chunks, or one that
        is not a finite number.
    """
    head, tail = ranking.hits[:depth], ranking.hits[depth:]
    scores = reranker.scores(query, [chunks[hit.chunk_id] for hit in head]) if head else []
    if len(scores) != len(head):
        raise ModelError(
            f"reranker {reranker.model_version} was given {len(head)} chunks and returned "
            f"{len(scores)} scores; it must return one for each."
        )
    if not all(map(math.isfinite, scores)):
        raise ModelError(
            f"reranker {reranker.model_version} returned a score that is not finite: nothing can "
            "be ordered by it. Check the model and its precision."
        )
    scored = [
        (chunks[hit.chunk_id], score, {**hit.parts, "rerank": score})
        for hit, score in zip(head, scores, strict=True)
    ]
    read = Ranking.of(query.query_id, "rerank", scored)
    floor = min(scores, default=0.0)
    behind = tuple(
        Hit(
            chunk_id=hit.chunk_id,
            doc_id=hit.doc_id,
            start=hit.start,
            score=floor - 1e-6 * i,
            rank=len(head) + i,
            parts=hit.parts,
        )
        for i, hit in enumerate(tail, start=1)
    )
    return Ranking(query_id=query.query_id, stage="rerank", hits=read.hits + behind)
