"""Maximal marginal relevance (Carbonell and Goldstein 1998): trade relevance for variety."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whymiss.records import Hit, Ranking

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    scores = np.array([hit.score for hit in hits])
    chosen = pick_diverse(scores, vectors, k=k, relevance_weight=relevance_weight)
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


def pick_diverse(
    scores: NDArray[np.float64], vectors: Vectors, *, k: int, relevance_weight: float
) -> list[int]:
    """The positions that `select_diverse` picks, in the order of picking."""
    wanted = min(k, len(scores))
    if relevance_weight >= 1 or len(scores) <= 1:
        return list(range(wanted))
    spread = scores.max() - scores.min()
    relevance = (scores - scores.min()) / spread if spread else np.ones(len(scores))
    similarity = vectors @ vectors.T
    chosen: list[int] = []
    nearest = np.full(len(scores), -1.0)
    while len(chosen) < wanted:
        value = relevance_weight * relevance - (1 - relevance_weight) * nearest
        value[chosen] = -np.inf
        best = int(np.argmax(np.round(value, 9)))
        chosen.append(best)
        nearest = np.maximum(nearest, similarity[best])
    return chosen
