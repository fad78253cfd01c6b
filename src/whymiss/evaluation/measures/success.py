"""Success@k."""

from __future__ import annotations

from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.measures._score import name, undefined
from whymiss.records import Score


def success_at_k(judgement: Judgement, k: int) -> Score:
    """1 when the first k ranks hold something relevant, else 0; also called hit rate.

    Over spans: enough (theta) of one required span of any alternative, in one hit or in several
    together. Over documents: one relevant document (`success_k` of trec_eval).

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
    >>> [success_at_k(judge_documents(["c", "a"], question), k).value for k in (1, 2)]
    [0.0, 1.0]
    """
    measure = name("success", judgement, k)
    if judgement.undefined_because:
        return undefined(measure, judgement.undefined_because)
    return Score(measure=measure, value=float(judgement.first_found(k) is not None))
