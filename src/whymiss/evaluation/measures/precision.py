"""precision@k."""

from __future__ import annotations

from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.measures._score import name, undefined
from whymiss.records import Score


def precision_at_k(judgement: Judgement, k: int) -> Score:
    """Sum of what each of the first k hits is credited with, divided by k, from 0 to 1.

    A hit is credited with the share of a required span that it is the first to cover, 1 at most,
    however many spans it holds; a relevant document with 1 (`P_k` of trec_eval). The divisor is k
    even where fewer were retrieved. With fewer than k required spans it cannot reach 1.

    Undefined where nothing is judged; 0 where nothing was retrieved.

    Raises
    ------
    ConfigError : k is below 1.

    Examples
    --------
    >>> from whymiss.evaluation.judging import judge_documents
    >>> from whymiss.evaluation.labels import Question
    >>> from whymiss.records import Query
    >>> question = Question(query=Query(query_id="q", text="Refund?"), documents=["a", "b"])
    >>> precision_at_k(judge_documents(["c", "a", "b"], question), 4).value
    0.5
    """
    measure = name("precision", judgement, k)
    if judgement.undefined_because:
        return undefined(measure, judgement.undefined_because)
    best = judgement.best(k)
    credit: dict[int, float] = {}
    for rank, item, gained in best.finds:
        credit[rank] = credit.get(rank, 0.0) + gained / best.required[item].size
    return Score(measure=measure, value=sum(min(1.0, share) for share in credit.values()) / k)
