"""Traces of another system judged by labelled questions, with the measures of any run."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.judging import check_theta
from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures import Measure, Outcome, parse_measure
from whymiss.evaluation.pinning import pin
from whymiss.evaluation.run import typed_table, undefined_table
from whymiss.evaluation.running import check_questions, default_measures
from whymiss.foreign.losses import lost_stage
from whymiss.foreign.placing import NOTHING, Placed, Placer
from whymiss.foreign.records import ForeignTrace
from whymiss.foreign.run import RANKS, UNJUDGED, ForeignRun
from whymiss.records import Answer, Context, Document, Passage, Score
from whymiss.text import normalise_whitespace

BRANCHES: Final = ("dense", "bm25")
_OWN: Final = (
    "context_tokens", "precision_omega", "lexical_faithfulness", "citation_precision",
    "citation_recall", "abstention", "wrong_abstention",
)  # fmt: skip
"""Measures of what a foreign trace does not tell: its tokens, its chunks, its citations."""


def judge_traces(
    traces: Iterable[ForeignTrace],
    questions: Iterable[Question],
    documents: Iterable[Document],
    *,
    name: str = "theirs",
    measures: Sequence[str] | None = None,
    branches: Sequence[str] = BRANCHES,
    theta: float | None = None,
    confidence: float = 0.95,
) -> ForeignRun:
    """Judge what another system retrieved, question by question.

    Rank measures judge the last stage that does not fill the context; `delivered_evidence` judges
    what was handed on at last. A passage that is given as words is located in the documents.
    Where it cannot be told what a stage held, nothing is guessed: its measures are undefined and
    the question is listed in `unjudged` with the reason.

    Parameters
    ----------
    traces : one per question at most; found by query_id, or by the question's text where only one
        question has it.
    questions : labelled; those whose labels do not fit the documents are listed in `problems`.
    documents : all that the other system searched: `workbench.live.documents()` has those of a
        store.
    measures : as for `Workbench.evaluate`, but for those of tokens, chunks, citations and time.
    branches : names of stages that search side by side, where a trace has them.
    theta : share of a required span that counts as found; see `evaluation.judging.judge`.

    Returns
    -------
    ForeignRun
        Its `table` can be compared with that of any run: see `evaluation.statistics.compare`.

    Raises
    ------
    InvalidRecordError : no question, two with one id, two traces of one question, or stages in an
        order that cannot be.
    ConfigError : a measure is unknown, or cannot be measured from outside.

    Examples
    --------
    >>> from whymiss.evaluation.labels import EvidenceSpan
    >>> from whymiss.foreign.retrieving import ask_retriever
    >>> from whymiss.records import Query
    >>> faq = Document(doc_id="faq", text="Refunds take ten days. Cards are quicker.")
    >>> span = EvidenceSpan(doc_id="faq", quote="ten days")
    >>> asked = [Question(query=Query(query_id="q1", text="Refund?"), evidence=[[span]])]
    >>> found = ask_retriever(lambda question: ["Cards are quicker.", "Refunds take ten days."],
    ...                       asked)
    >>> run = judge_traces(found, asked, [faq], measures=["mrr"])
    >>> run.table[["query_id", "lost_at", "mrr"]].values.tolist()
    [['q1', '', 0.5]]
    """
    given, stored = list(questions), list(documents)
    check_questions(given, who="judge_traces")
    check_theta(theta)
    names = tuple(dict.fromkeys(measures or _defaults(given)))
    parsed = tuple(_measure(measure) for measure in names)
    report = pin(given, stored)
    matched, strangers = _matched(traces, given)
    placer = Placer(stored)
    judged = [
        _judged(JudgedQuestion(question, theta), matched.get(question.query_id), placer, branches)
        for question in report.sound
    ]
    scores = [{m.name: _scored(m, one) for m in parsed} for one in judged]
    return ForeignRun(
        name=name,
        measures=names,
        table=typed_table(
            [_row(one, some) for one, some in zip(judged, scores, strict=True)], names
        ),
        ranks=_ranks(judged),
        undefined=undefined_table(
            (one.question.query_id, score.measure, score.undefined_because)
            for one, some in zip(judged, scores, strict=True)
            for score in some.values()
            if score.undefined_because
        ),
        unjudged=_unjudged(judged, strangers),
        problems=report.problems,
        confidence=confidence,
    )


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """One question: what its trace holds as spans, and what came of it.

    outcome : None where there is no trace. measured, last : the stages that measures read, empty
        where there is none. lost_at : None where it cannot be told. why : the reason.
    """

    question: Question
    judged: JudgedQuestion
    outcome: Outcome | None = None
    measured: Placed = NOTHING
    last: Placed = NOTHING
    lost_at: str | None = None
    why: str = ""
    ranks: tuple[dict[str, Any], ...] = ()


def _defaults(questions: Sequence[Question]) -> list[str]:
    names = default_measures(questions, answers=False)
    return [name for name in names if name not in _OWN]


def _measure(name: str) -> Measure:
    measure = parse_measure(name)
    if name in _OWN or measure.unit == "ms":
        raise ConfigError(
            f"judge_traces cannot measure {name}: a foreign trace does not tell the tokens, "
            "chunks, citations and times that it is made of. Leave it out."
        )
    return measure


def _matched(
    traces: Iterable[ForeignTrace], questions: Sequence[Question]
) -> tuple[dict[str, ForeignTrace], list[tuple[str, str]]]:
    """Traces by the question that they are of, and those of none with the reason."""
    known = {question.query_id for question in questions}
    times = Counter(normalise_whitespace(question.query.text) for question in questions)
    by_text = {normalise_whitespace(question.query.text): question.query_id
               for question in questions}  # fmt: skip
    found: dict[str, ForeignTrace] = {}
    strangers = []
    for trace in traces:
        text = normalise_whitespace(trace.question)
        query_id = trace.query_id or by_text.get(text, "")
        if query_id not in known:
            strangers.append((trace.asked, "the trace is of no labelled question"))
        elif not trace.query_id and times[text] > 1:
            why = f"{times[text]} labelled questions have this text; give query_id in the trace"
            strangers.append((trace.asked, why))
        elif query_id in found:
            raise InvalidRecordError(
                f"judge_traces needs one trace of a question; {query_id!r} has two. Keep one."
            )
        else:
            found[query_id] = trace
    return found, strangers


def _judged(
    judged: JudgedQuestion, trace: ForeignTrace | None, placer: Placer, branches: Sequence[str]
) -> _Judged:
    question = judged.question
    if trace is None:
        return _Judged(question=question, judged=judged, why="there is no trace of it")
    stages = {
        stage: placer.placed(stage, passages, judged) for stage, passages in trace.stages.items()
    }
    unsure = next((placed.unsure for placed in stages.values() if placed.unsure), "")
    lost_at = None
    if judged.judgeable and not unsure:
        spans = {stage: placed.spans for stage, placed in stages.items()}
        lost_at = lost_stage(judged.holds, spans, branches=branches)
    measured, last = stages[trace.retrieved], stages[trace.last]
    return _Judged(
        question=question,
        judged=judged,
        outcome=Outcome(
            question=question,
            retrieved=measured.spans,
            context=_context(last),
            answer=None if trace.answer is None else Answer(text=trace.answer, generator="foreign"),
            theta=judged.theta,
            spans=judged.spans(measured.spans),
            documents=judged.documents(doc_id for doc_id, _, _ in measured.spans),
        ),
        measured=measured,
        last=last,
        lost_at=lost_at,
        why=unsure,
        ranks=tuple(_rank(judged, stage, placed) for stage, placed in stages.items()),
    )


def _context(last: Placed) -> Context:
    """The passages that were handed on, of which only the places are known."""
    passages = tuple(
        Passage(number=n, chunk_ids=(), doc_id=doc_id, start=start, end=end, text="")
        for n, (doc_id, start, end) in enumerate(last.spans, start=1)
    )
    return Context(passages=passages, dropped=(), text="", n_tokens=0, budget=0)


def _ranks(judged: Sequence[_Judged]) -> pd.DataFrame:
    table = pd.DataFrame([rank for one in judged for rank in one.ranks], columns=list(RANKS))
    return table.astype({"n": "Int64", "first": "Int64", "complete": "Int64"})


def _rank(judged: JudgedQuestion, stage: str, placed: Placed) -> dict[str, Any]:
    """Where the evidence stands in the list of one stage."""
    spans = placed.spans
    first = complete = None
    if judged.judgeable and not placed.unsure:
        first = next((n for n, span in enumerate(spans, 1) if judged.telling([span])), None)
        if judged.holds(spans):
            # What the first ones hold, more of them hold too.
            complete = bisect_left(range(len(spans)), True, key=lambda n: judged.holds(spans[:n]))
    return {
        "query_id": judged.question.query_id, "stage": stage, "n": len(spans), "first": first,
        "complete": complete, "unsure": placed.unsure,
    }  # fmt: skip


def _scored(measure: Measure, one: _Judged) -> Score:
    if one.outcome is None:
        return Score(measure=measure.name, value=float("nan"), undefined_because=one.why)
    if measure.reads == "passages":
        unsure = one.last.unsure
    elif measure.name.startswith("doc_"):
        unsure = one.measured.unsure_documents
    else:
        unsure = "" if measure.name.startswith("answer_") else one.measured.unsure
    if unsure:
        return Score(measure=measure.name, value=float("nan"), undefined_because=unsure)
    return one.judged.score(measure, one.outcome)


def _row(one: _Judged, scores: Mapping[str, Score]) -> dict[str, Any]:
    query, outcome = one.question.query, one.outcome
    return {
        "query_id": query.query_id,
        "text": query.text,
        "split": one.question.split,
        "tags": query.tags,
        "principals": query.principals,
        "answerable": not one.question.unanswerable,
        "n_hits": len(one.measured.spans),
        "lost_at": one.lost_at,
        "n_context_tokens": None,
        "n_dropped": None,
        "flags": (),
        "answer": outcome.answer.text if outcome and outcome.answer else None,
        "abstained": None,
        **{name: score.value for name, score in scores.items()},
    }


def _unjudged(judged: Sequence[_Judged], strangers: Sequence[tuple[str, str]]) -> pd.DataFrame:
    rows = [(one.question.query_id, one.question.query.text, one.why) for one in judged if one.why]
    rows += [("", asked, why) for asked, why in strangers]
    return pd.DataFrame(rows, columns=list(UNJUDGED))
