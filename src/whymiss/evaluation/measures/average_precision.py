"""Average precision at k, whose mean over questions is MAP@k."""

from __future__ import annotations

from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.measures._score import name, undefined
from whymiss.records import Score


def map_at_k(judgement: Judgement, k: int) -> Score:
    """Mean precision at the ranks where required items are found, over all required items.

    The i-th item found, at rank r, adds i / r; one that the first k ranks do not bring adds 0. A
    hit that completes several spans at once adds 1 at most for each of them. Over documents this
    is `map_cut_k` of trec_eval. A span is found at the rank where enough (theta) of it is there.

    Undefined where nothing is judged; 0 where nothing was retrieved.

    Raises
    ------
    ConfigError : k is below 1.

    Examples
    --------
    Found at ranks 1 and 3 of three relevant documents: (1/1 + 2/3 + 0) / 3.

    >>> from whymiss.evaluation.judging import judge_documents
    >>> from whymiss.evaluation.labels import Question
    >>> from whymiss.records import Query
    >>> question = Question(query=Query(query_id="q", text="Refund?"), documents=["a", "b", "c"])
    >>> round(map_at_k(judge_documents(["a", "x", "b"], question), 3).value, 4)
    0.5556
    """
    measure = name("map", judgement, k)
    if judgement.undefined_because:
        return undefined(measure, judgement.undefined_because)
    best = judgement.best(k)
    precisions = [min(1.0, i / rank) for i, (rank, _) in enumerate(best.found, start=1)]
    return Score(measure=measure, value=sum(precisions) / len(best.required))
