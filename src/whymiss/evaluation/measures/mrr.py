"""Reciprocal rank, whose mean over questions is MRR."""

from __future__ import annotations

from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.measures._score import name, undefined
from whymiss.records import Score


def mrr(judgement: Judgement, k: int | None = None) -> Score:
    """One divided by the first rank that completes something relevant; 0 where none does.

    Over spans: the rank at which enough (theta) of a required span of any alternative has been
    seen. Over documents: that of the first relevant document (`recip_rank` of trec_eval). `k`
    ignores later ranks; None looks at all of them. Voorhees (1999), TREC-8 question answering.

    Undefined where nothing is judged; 0 where nothing was retrieved.

    Raises
    ------
    ConfigError : k is below 1.

    Examples
    --------
    >>> from whymiss.evaluation.judging import judge_documents
    >>> from whymiss.evaluation.labels import Question
    >>> from whymiss.records import Query
    >>> question = Question(query=Query(query_id="q", text="Refund?"), documents=["a"])
    >>> mrr(judge_documents(["c", "a"], question)).value
    0.5
    """
    measure = name("mrr", judgement, k)
    if judgement.undefined_because:
        return undefined(measure, judgement.undefined_because)
    rank = judgement.first_found(k)
    return Score(measure=measure, value=0.0 if rank is None else 1 / rank)
