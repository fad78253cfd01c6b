"""Normalised discounted cumulative gain at k."""

from __future__ import annotations

from itertools import accumulate
from math import log2

from whymiss.evaluation.judgement import Alternative, Judgement
from whymiss.evaluation.measures._score import name, undefined
from whymiss.records import Score


def ndcg_at_k(judgement: Judgement, k: int) -> Score:
    """Graded gain, discounted by rank, as a share of what the ideal order reaches, from 0 to 1.

    Gain is linear (the grade, times the share of the span that is new), discounted by
    log2(rank + 1); the ideal puts every judged item, best grade first, at a rank of its own. Over
    documents this is `ndcg_cut_k` of trec_eval. Järvelin and Kekäläinen (2002), with the discount
    of Burges et al. (2005).

    A hit may hold more than the ideal has at its rank, several required spans say. What is beyond
    the ideal is carried to the next rank, so that no ranking exceeds 1 and none is punished for
    chunks that hold much.

    Undefined where nothing is judged; 0 where nothing was retrieved.

    Raises
    ------
    ConfigError : k is below 1.

    Examples
    --------
    Gains 0, 2 and 1 against an ideal of 2 and 1: (2/log2(3) + 1/2) / (2 + 1/log2(3)).

    >>> from whymiss.evaluation.judging import judge_documents
    >>> from whymiss.evaluation.labels import Question
    >>> from whymiss.records import Query
    >>> question = Question(query=Query(query_id="q", text="Refund?"), documents={"a": 2, "b": 1})
    >>> round(ndcg_at_k(judge_documents(["x", "a", "b"], question), 3).value, 4)
    0.6697
    """
    measure = name("ndcg", judgement, k)
    if judgement.undefined_because:
        return undefined(measure, judgement.undefined_because)
    best = judgement.best(k)
    last = max((find.rank for find in best.finds), default=0)
    ranks = min(k, max(len(best.required), last))
    ideal = _running_total(sorted((item.grade for item in best.required), reverse=True), ranks)
    reached = [min(got, most) for got, most in zip(_seen(best, ranks), ideal, strict=True)]
    # Rounding alone can exceed 1.
    return Score(measure=measure, value=min(1.0, _discounted(reached) / _discounted(ideal)))


def _seen(alternative: Alternative, ranks: int) -> list[float]:
    """Total gain up to each rank."""
    gains = [0.0] * ranks
    for rank, item, gained in alternative.finds:
        required = alternative.required[item]
        gains[rank - 1] += required.grade * gained / required.size
    return list(accumulate(gains))


def _running_total(gains: list[float], ranks: int) -> list[float]:
    padded = gains[:ranks] + [0.0] * (ranks - len(gains))
    return list(accumulate(padded))


def _discounted(totals: list[float]) -> float:
    """Sum of what each rank adds to the total, divided by log2(rank + 1)."""
    added = (now - before for now, before in zip(totals, [0.0, *totals], strict=False))
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(added, start=1))
