"""Merging rankings of several retrievers into one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from whymiss.errors import ConfigError, MixedQueriesError
from whymiss.records import Hit, Ranking


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
    added = [
        {hit.chunk_id: weight / (rank_constant + hit.rank) for hit in ranking.hits}
        for ranking, weight in zip(rankings, given, strict=True)
    ]
    return _merge(rankings, added, prefix="rrf", who=who)


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
    added = [
        {chunk_id: weight * score for chunk_id, score in _min_max(ranking).items()}
        for ranking, weight in zip(rankings, given, strict=True)
    ]
    return _merge(rankings, added, prefix="weighted", who="weighted_fusion")


def _weights(rankings: Sequence[Ranking], weights: Sequence[float], who: str) -> list[float]:
    given = list(weights)
    if len(given) != len(rankings) or not all(w >= 0 and math.isfinite(w) for w in given):
        raise ConfigError(
            f"{who} needs one weight of at least 0 for each of {len(rankings)} rankings; "
            f"got {given}."
        )
    return given


def _min_max(ranking: Ranking) -> dict[str, float]:
    scores = {hit.chunk_id: hit.score for hit in ranking.hits}
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    if high == low:
        return dict.fromkeys(scores, 1.0)
    return {chunk_id: (score - low) / (high - low) for chunk_id, score in scores.items()}


def _merge(
    rankings: Sequence[Ranking], added: Sequence[Mapping[str, float]], *, prefix: str, who: str
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
    hits: dict[str, Hit] = {}
    parts: dict[str, dict[str, float]] = {}
    shares: dict[str, dict[str, list[float]]] = {}
    for ranking, contributions in zip(rankings, added, strict=True):
        for hit in ranking.hits:
            hits.setdefault(hit.chunk_id, hit)
            parts.setdefault(hit.chunk_id, {}).update(hit.parts)
            mine = shares.setdefault(hit.chunk_id, {})
            # Two rankings may be of one stage: a question asked in two wordings, say.
            mine.setdefault(f"{prefix}:{ranking.stage}", []).append(contributions[hit.chunk_id])
    for chunk_id, mine in shares.items():
        parts[chunk_id].update({stage: math.fsum(values) for stage, values in mine.items()})
    # fsum and rounding, so that a tie does not depend on the order in which floats were added.
    score = {
        chunk_id: round(math.fsum(v for values in mine.values() for v in values), 12)
        for chunk_id, mine in shares.items()
    }
    order = sorted(hits.values(), key=lambda h: (-score[h.chunk_id], h.doc_id, h.start, h.chunk_id))
    return Ranking(
        query_id=first.query_id,
        stage="fuse",
        hits=tuple(
            Hit(
                chunk_id=hit.chunk_id,
                doc_id=hit.doc_id,
                start=hit.start,
                score=score[hit.chunk_id],
                rank=rank,
                parts=parts[hit.chunk_id],
            )
            for rank, hit in enumerate(order, start=1)
        ),
    )
