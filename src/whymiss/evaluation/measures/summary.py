"""Scores of many questions as one number, with what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.measures._score import undefined
from whymiss.evaluation.measures.latency import percentile_of
from whymiss.evaluation.measures.outcome import Outcome
from whymiss.evaluation.measures.registry import Measure
from whymiss.records import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One measure over many questions.

    score : mean, or percentile, over the questions where the measure is defined.
    n_scored : how many these are.
    n_empty : how many of these retrieved nothing; they count, as 0 in measures of retrieval.
    undefined : (query_id, reason) of all the others.
    """

    score: Score
    n_scored: int
    n_empty: int
    undefined: tuple[tuple[str, str], ...]


def summarise(measure: Measure, outcomes: Sequence[Outcome]) -> Summary:
    """Score every outcome and sum up.

    Undefined when the measure is undefined for every question.

    Examples
    --------
    >>> from whymiss.evaluation.labels import Question
    >>> from whymiss.evaluation.measures import parse_measure
    >>> from whymiss.records import Query
    >>> def asked(query_id, documents):
    ...     return Question(query=Query(query_id=query_id, text="Refund?"), documents=documents)
    >>> found = Outcome(question=asked("q1", ["faq"]), retrieved=(("faq", 0, 9),))
    >>> empty = Outcome(question=asked("q2", ["faq"]), retrieved=())
    >>> unjudged = Outcome(question=asked("q3", []), retrieved=())
    >>> summary = summarise(parse_measure("doc_recall@5"), [found, empty, unjudged])
    >>> summary.score.value, summary.n_scored, summary.n_empty, summary.undefined
    (0.5, 2, 1, (('q3', 'nothing is judged'),))
    """
    return summarise_scores(measure, outcomes, [measure.score(outcome) for outcome in outcomes])


def summarise_scores(
    measure: Measure, outcomes: Sequence[Outcome], scores: Sequence[Score]
) -> Summary:
    """The same from scores that are known already, one per outcome, in the same order.

    Raises
    ------
    InvalidRecordError : there are not as many scores as outcomes.
    """
    if len(outcomes) != len(scores):
        raise InvalidRecordError(
            f"summarise_scores needs one score per outcome; got {len(scores)} for {len(outcomes)}."
        )
    pairs = list(zip(outcomes, scores, strict=True))
    scored = [(outcome, score) for outcome, score in pairs if not score.undefined_because]
    return Summary(
        score=_total(measure, [score.value for _, score in scored]),
        n_scored=len(scored),
        n_empty=sum(outcome.empty for outcome, _ in scored),
        undefined=tuple(
            (outcome.question.query_id, score.undefined_because)
            for outcome, score in pairs
            if score.undefined_because
        ),
    )


def _total(measure: Measure, values: Sequence[float]) -> Score:
    if not values:
        return undefined(measure.name, "it is defined for no question")
    if measure.percentile is None:
        return Score(measure=measure.name, value=sum(values) / len(values))
    value = percentile_of(values, measure.percentile, None).value
    return Score(measure=measure.name, value=value)
