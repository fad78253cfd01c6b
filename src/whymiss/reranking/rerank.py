"""Applying a reranker to the head of a ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from whymiss.errors import ModelError
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Query, Ranking

_STEP: Final = 1e-6


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
    read = [chunks[hit.chunk_id] for hit in ranking.hits[:depth]]
    scores = checked_scores(reranker, query, read)
    order, new = reordered(
        scores, [(c.doc_id, c.start, c.chunk_id) for c in read], len(ranking.hits)
    )
    hits = []
    for rank, (i, score) in enumerate(zip(order, new, strict=True), start=1):
        hit = ranking.hits[i]
        parts = {**hit.parts, "rerank": score} if i < len(read) else hit.parts
        hits.append(replace(hit, score=score, rank=rank, parts=parts))
    return Ranking(query_id=query.query_id, stage="rerank", hits=tuple(hits))


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
    scores: Sequence[float], places: Sequence[Any], n: int
) -> tuple[list[int], list[float]]:
    """Positions 0..n-1 in their new order, with their new scores.

    The first len(scores) positions are ordered by score, equal ones by place; the others keep
    their order behind them, just below the lowest score.

    >>> reordered([0.1, 0.9], ["a", "b"], 3)
    ([1, 0, 2], [0.9, 0.1, 0.099999])
    """
    head = sorted(range(len(scores)), key=lambda i: (-scores[i], places[i]))
    floor = min(scores, default=0.0)
    behind = range(len(scores), n)
    below = [floor - _STEP * (i - len(scores) + 1) for i in behind]
    return [*head, *behind], [*(float(scores[i]) for i in head), *below]
