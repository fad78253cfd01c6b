"""recall@k."""

from __future__ import annotations

from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.measures._score import name, undefined
from whymiss.records import Score


def recall_at_k(judgement: Judgement, k: int) -> Score:
    """Share of the required evidence that the first k ranks bring, from 0 to 1.

    The mean over the required spans of the share of each that is covered; over documents, the
    share of the relevant ones that are there (`recall_k` of trec_eval). Every span counts the
    same, short or long: `span_recall` counts characters instead. Grades play no part.

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
    >>> recall_at_k(judge_documents(["c", "a", "b"], question), 2).value
    0.5
    """
    measure = name("recall", judgement, k)
    if judgement.undefined_because:
        return undefined(measure, judgement.undefined_because)
    return Score(measure=measure, value=judgement.best(k).coverage)
