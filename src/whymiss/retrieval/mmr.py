"""Maximal marginal relevance (Carbonell and Goldstein 1998): trade relevance for variety."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whymiss.records import Hit, Ranking

if TYPE_CHECKING:
    from whymiss.protocols import Vectors


def select_diverse(
    ranking: Ranking, vectors: Vectors, *, k: int, relevance_weight: float
) -> Ranking:
    """Pick k hits, each time the best of weight x relevance - (1 - weight) x nearest picked.

    "Nearest picked" is the greatest cosine to a hit picked before; ties go to the better rank.

    Parameters
    ----------
    ranking : candidates; relevance is their score scaled to 0..1 within the ranking.
    vectors : unit vectors of the candidates, one row per hit, in rank order.
    k : how many to pick.
    relevance_weight : lambda of the paper; 1 keeps the ranking as it is.

    Returns
    -------
    Ranking
        Stage "select". Scores stay those of the input; ranks are the order of picking.
    """
    hits = ranking.hits
    if relevance_weight >= 1 or len(hits) <= 1:
        chosen = list(range(min(k, len(hits))))
    else:
        chosen = _pick(np.array([h.score for h in hits]), vectors, k, relevance_weight)
    return Ranking(
        query_id=ranking.query_id,
        stage="select",
        hits=tuple(
            Hit(
                chunk_id=hits[i].chunk_id,
                doc_id=hits[i].doc_id,
                start=hits[i].start,
                score=hits[i].score,
                rank=rank,
                parts=hits[i].parts,
            )
            for rank, i in enumerate(chosen, start=1)
        ),
    )


def _pick(scores: Vectors, vectors: Vectors, k: int, weight: float) -> list[int]:
    spread = scores.max() - scores.min()
    relevance = (scores - scores.min()) / spread if spread else np.ones(len(scores))
    similarity = vectors @ vectors.T
    chosen: list[int] = []
    nearest = np.full(len(scores), -1.0)
    while len(chosen) < min(k, len(scores)):
        value = weight * relevance - (1 - weight) * nearest
        value[chosen] = -np.inf
        best = int(np.argmax(np.round(value, 9)))
        chosen.append(best)
        nearest = np.maximum(nearest, similarity[best])
    return chosen
