"""Merging rankings of several retrievers into one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.candidates import Candidates, best_first
from whymiss.config import RetrievalConfig
from whymiss.errors import ConfigError, MixedQueriesError
from whymiss.records import Hit, Ranking

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DECIMALS: Final = 12
"""Scores that differ less than this tie."""


def reciprocal_rank_fusion(
    rankings: Sequence[Ranking],
    *,
    rank_constant: int = 60,
    weights: Sequence[float] | None = None,
) -> Ranking:
    """Merge rankings of one query, trusting ranks and ignoring scores (Cormack et al. 2009).

    A chunk at rank r adds weight / (rank_constant + r); a ranking without it adds nothing.

    Parameters
    ----------
    rankings : one per retriever, all of the same query; an empty ranking is allowed.
    rank_constant : written k by Cormack et al.; larger flattens early ranks. At least 1.
    weights : one per ranking; all 1 when not given.

    Returns
    -------
    Ranking
        Stage "fuse"; every chunk seen at least once; ties by (doc_id, start). `parts` has what
        each ranking added as "rrf:<stage>", and the parts of the hits themselves.

    Raises
    ------
    MixedQueriesError : the rankings belong to different queries.
    ConfigError : the constant is below 1, or there is not one weight of at least 0 per ranking.

    Examples
    --------
    >>> def ranked(stage, ids):
    ...     hits = [Hit(chunk_id=c, doc_id="d", start=ord(c), score=1.0, rank=r)
    ...             for r, c in enumerate(ids, 1)]
    ...     return Ranking(query_id="q", stage=stage, hits=tuple(hits))
    >>> reciprocal_rank_fusion([ranked("dense", "ab"), ranked("bm25", "bc")]).chunk_ids
    ('b', 'a', 'c')
    """
    who = "reciprocal_rank_fusion"
    if rank_constant < 1:
        raise ConfigError(f"{who} needs a rank_constant of at least 1; got {rank_constant}.")
    given = _weights(rankings, [1.0] * len(rankings) if weights is None else weights, who)
    gains = [
        rrf_gains(len(ranking.hits), rank_constant=rank_constant, weight=weight)
        for ranking, weight in zip(rankings, given, strict=True)
    ]
    return _merge(rankings, gains, prefix="rrf", who=who)


def weighted_fusion(rankings: Sequence[Ranking], *, weights: Sequence[float]) -> Ranking:
    """Merge rankings of one query by a weighted sum of their scores, each scaled to 0..1.

    Scores are scaled by the least and greatest of the ranking at hand (min-max); a single hit, or
    hits that all tie, count 1. A ranking without a chunk adds nothing.

    Raises
    ------
    MixedQueriesError : the rankings belong to different queries.
    ConfigError : there is not one weight of at least 0 per ranking.
    """
    given = _weights(rankings, weights, "weighted_fusion")
    gains = [
        weighted_gains(np.array([hit.score for hit in ranking.hits]), weight=weight)
        for ranking, weight in zip(rankings, given, strict=True)
    ]
    return _merge(rankings, gains, prefix="weighted", who="weighted_fusion")


def branch_weights(retrieval: RetrievalConfig) -> tuple[float, float]:
    """What the dense and the BM25 branch weigh in hybrid mode."""
    weights = retrieval.dense_weight, 1 - retrieval.dense_weight
    if retrieval.fusion == "weighted":
        return weights
    # Doubled, so that the even weight of 0.5 is the plain formula of the paper.
    return 2 * weights[0], 2 * weights[1]


def fuse_candidates(branches: Sequence[Candidates], retrieval: RetrievalConfig) -> Candidates:
    """Dense and BM25 candidates of one query merged as configured: `Ranking` fusion in rows."""
    weights = branch_weights(retrieval)
    if retrieval.fusion == "weighted":
        gains = [weighted_gains(b.scores, weight=w) for b, w in zip(branches, weights, strict=True)]
    else:
        constant = retrieval.rank_constant
        gains = [
            rrf_gains(len(b.rows), rank_constant=constant, weight=w)
            for b, w in zip(branches, weights, strict=True)
        ]
    return add_up([branch.rows for branch in branches], gains)


def rrf_gains(n: int, *, rank_constant: int, weight: float) -> NDArray[np.float64]:
    """What reciprocal rank fusion adds for ranks 1 to n."""
    gains: NDArray[np.float64] = weight / (rank_constant + np.arange(1.0, n + 1))
    return gains


def weighted_gains(scores: NDArray[np.float64], *, weight: float) -> NDArray[np.float64]:
    """What weighted fusion adds for a ranking's scores: scaled to 0..1, times the weight."""
    if not len(scores):
        return np.empty(0)
    low, high = scores.min(), scores.max()
    if high == low:
        return np.full(len(scores), float(weight))
    gains: NDArray[np.float64] = weight * ((scores - low) / (high - low))
    return gains


def add_up(rows: Sequence[NDArray[np.int64]], gains: Sequence[NDArray[np.float64]]) -> Candidates:
    """Every row once, with the sum of what the rankings add to it, best first.

    >>> add_up([np.array([4, 2]), np.array([2])], [np.array([1., .5]), np.array([.75])]).rows
    array([2, 4])
    """
    union, place = np.unique(np.concatenate(rows), return_inverse=True)
    added = np.zeros((len(rows), len(union)))
    first = 0
    for number, mine in enumerate(gains):
        added[number, place[first : first + len(mine)]] = mine
        first += len(mine)
    # Sorted and rounded, so that a tie does not depend on the order in which floats were added.
    return best_first(union, np.round(np.sort(added, axis=0).sum(axis=0), _DECIMALS))


def _weights(rankings: Sequence[Ranking], weights: Sequence[float], who: str) -> list[float]:
    given = list(weights)
    if len(given) != len(rankings) or not all(w >= 0 and math.isfinite(w) for w in given):
        raise ConfigError(
            f"{who} needs one weight of at least 0 for each of {len(rankings)} rankings; "
            f"got {given}."
        )
    return given


def _merge(
    rankings: Sequence[Ranking], gains: Sequence[NDArray[np.float64]], *, prefix: str, who: str
) -> Ranking:
    if not rankings:
        raise MixedQueriesError(f"{who} needs at least one ranking; got none.")
    first = rankings[0]
    for other in rankings[1:]:
        if other.query_id != first.query_id:
            raise MixedQueriesError(
                f"{who} needs rankings of one query; got {first.query_id!r} ({first.stage}) and "
                f"{other.query_id!r} ({other.stage}). Retrieve both with the same Query, then fuse."
            )
    by_id = {hit.chunk_id: hit for ranking in reversed(rankings) for hit in ranking.hits}
    hits = sorted(by_id.values(), key=lambda hit: (hit.doc_id, hit.start, hit.chunk_id))
    number = {hit.chunk_id: i for i, hit in enumerate(hits)}
    rows = [np.array([number[c] for c in r.chunk_ids], dtype=np.int64) for r in rankings]
    fused = add_up(rows, gains)
    parts = _parts(rankings, gains, prefix)
    return Ranking(
        query_id=first.query_id,
        stage="fuse",
        hits=tuple(
            Hit(
                chunk_id=hits[row].chunk_id,
                doc_id=hits[row].doc_id,
                start=hits[row].start,
                score=float(score),
                rank=rank,
                parts=parts[hits[row].chunk_id],
            )
            for rank, (row, score) in enumerate(zip(*fused, strict=True), start=1)
        ),
    )


def _parts(
    rankings: Sequence[Ranking], gains: Sequence[NDArray[np.float64]], prefix: str
) -> dict[str, dict[str, float]]:
    """By chunk: the parts of its hits, and what each stage added."""
    parts: dict[str, dict[str, float]] = {}
    added: dict[str, dict[str, list[float]]] = {}
    for ranking, mine in zip(rankings, gains, strict=True):
        for hit, gain in zip(ranking.hits, mine, strict=True):
            parts.setdefault(hit.chunk_id, {}).update(hit.parts)
            # Two rankings may be of one stage: a question asked in two wordings, say.
            stages = added.setdefault(hit.chunk_id, {})
            stages.setdefault(f"{prefix}:{ranking.stage}", []).append(float(gain))
    for chunk_id, stages in added.items():
        parts[chunk_id].update({stage: math.fsum(values) for stage, values in stages.items()})
    return parts
