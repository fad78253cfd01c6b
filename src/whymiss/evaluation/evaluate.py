"""Questions through configurations in batches: every question judged, every finished one kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.batch import Batch
from whymiss.candidates import Candidates
from whymiss.embedding import CachedEncoder
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.formats.jsonl import question_entry
from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.labels import Question
from whymiss.evaluation.log import EvaluationLog, Row
from whymiss.evaluation.losses import NOT_LOST, HandedOn, holds_evidence, losing_stage
from whymiss.evaluation.measures import Measure, Outcome, parse_measure
from whymiss.evaluation.pinning import LabelProblem, pin
from whymiss.evaluation.run import QUESTION_COLUMNS, UNDEFINED, EvaluationRun
from whymiss.pipeline import Pipeline
from whymiss.records import Answer, canonical_json, digest
from whymiss.retrieval import SearchSpace
from whymiss.stages import STAGES
from whymiss.text import Interval

if TYPE_CHECKING:
    from whymiss.protocols import Encoder, Vectors

SPAN_MEASURES: Final = (
    "recall@5", "success@5", "mrr", "ndcg@10", "delivered_evidence", "context_tokens",
)  # fmt: skip
DOCUMENT_MEASURES: Final = (
    "doc_recall@5", "doc_success@5", "doc_mrr", "doc_ndcg@10", "context_tokens",
)  # fmt: skip
ANSWER_MEASURES: Final = (
    "lexical_faithfulness", "citation_precision", "citation_recall", "answer_f1", "answer_match",
    "abstention", "wrong_abstention",
)  # fmt: skip

_ROWS: Final = 1
"""Version of the rows in the log: another one, and earlier rows are not taken for these."""

_BLOCK: Final = 256
_SLOW_BLOCK: Final = 16
"""Questions between two commits; few where a model reads or writes for each of them."""

_NO_MATTER: Final = ("trace.", "embedding.device", "embedding.allow_download")

Progress = Callable[[str, int, int], None]


def default_measures(questions: Sequence[Question], *, answers: bool) -> tuple[str, ...]:
    """Measures of spans where any question has some, else of documents; of answers on request."""
    spans = any(question.evidence for question in questions)
    return (*(SPAN_MEASURES if spans else DOCUMENT_MEASURES), *(ANSWER_MEASURES if answers else ()))


def evaluate(
    pipelines: Mapping[str, Pipeline],
    questions: Sequence[Question],
    *,
    measures: Sequence[str] | None = None,
    theta: float | None = None,
    log: EvaluationLog | None = None,
    resume: bool = True,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> dict[str, EvaluationRun]:
    """Run questions through pipelines that search one space, and judge what comes out.

    The numbers are those of `Pipeline.run` question by question, computed in batches: vectors of
    all questions at once, one matrix product for many, and what pipelines share only once.

    Parameters
    ----------
    pipelines : by name; all over the same search space. A pipeline with a generator answers.
    questions : labelled; quotes are located in the documents and spans checked against them. A
        question one of whose labels does not fit is not asked, but listed in `problems`.
    measures : names for `parse_measure`; by default those of `default_measures`. A measure of
        latency runs every question once more, alone.
    theta : share of a required span that counts as found; see `judging.judge`.
    log, resume : rows of an interrupted run with the same configuration, index, documents and
        measures are taken from the log; without `resume` everything is computed anew.
    progress : called with (what, done, total).

    Raises
    ------
    ConfigError : no pipeline, pipelines over different spaces, or an unknown measure.
    InvalidRecordError : no question, or two with one id.
    """
    spaces = {id(pipeline.space): pipeline.space for pipeline in pipelines.values()}
    if len(spaces) != 1:
        raise ConfigError(f"evaluate needs pipelines over one space; got {len(spaces)} spaces.")
    asked, problems = _pinned(questions, next(iter(pipelines.values())))
    answers = any(pipeline.generator is not None for pipeline in pipelines.values())
    names = tuple(measures) if measures else default_measures(asked, answers=answers)
    parsed = tuple(parse_measure(name) for name in dict.fromkeys(names))
    jobs = [
        _Job.of(name, pipeline, parsed, theta, log, resume) for name, pipeline in pipelines.items()
    ]
    _run(jobs, asked, parsed, theta, log, progress)
    return {
        job.name: _finished(job, asked, parsed, problems=problems, confidence=confidence)
        for job in jobs
    }


def _pinned(
    questions: Sequence[Question], pipeline: Pipeline
) -> tuple[list[Question], tuple[LabelProblem, ...]]:
    ids = [question.query_id for question in questions]
    if not ids or len(set(ids)) < len(ids):
        twice = next((i for i in ids if ids.count(i) > 1), None)
        what = "none" if twice is None else f"{twice!r} twice"
        raise InvalidRecordError(f"evaluate needs questions, each id once; got {what}.")
    wanted = sorted(
        {span.doc_id for q in questions for spans in q.evidence for span in spans}
        | {doc_id for q in questions for doc_id in q.documents}
    )
    report = pin(questions, pipeline.read_documents(wanted).values())
    return list(report.sound), report.problems


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One pipeline, the key of its rows in the log, and the rows found there or made since."""

    name: str
    pipeline: Pipeline
    key: str
    rows: dict[str, Row]
    reused: frozenset[str]

    @classmethod
    def of(
        cls,
        name: str,
        pipeline: Pipeline,
        measures: Sequence[Measure],
        theta: float | None,
        log: EvaluationLog | None,
        resume: bool,
    ) -> _Job:
        key = _run_key(pipeline, measures, theta)
        if log is not None and not resume:
            log.forget(key)
        rows = log.rows(key) if log is not None else {}
        return cls(name=name, pipeline=pipeline, key=key, rows=rows, reused=frozenset(rows))


def _run_key(pipeline: Pipeline, measures: Sequence[Measure], theta: float | None) -> str:
    space = pipeline.space
    knobs = {k: v for k, v in pipeline.config.flat().items() if not k.startswith(_NO_MATTER)}
    models = [
        pipeline.encoder.model_version,
        pipeline.reranker.model_version if pipeline.reranker else None,
        pipeline.generator.name if pipeline.generator else None,
    ]
    decides = [
        _ROWS, knobs, models, space.snapshot.stamp, space.catalogue.version,
        [measure.name for measure in measures], theta,
    ]  # fmt: skip
    return digest(canonical_json(decides))


def _question_key(question: Question) -> str:
    return digest(canonical_json(question_entry(question)))


def _run(
    jobs: Sequence[_Job],
    questions: Sequence[Question],
    measures: Sequence[Measure],
    theta: float | None,
    log: EvaluationLog | None,
    progress: Progress | None,
) -> None:
    keys = {question.query_id: _question_key(question) for question in questions}
    todo = [q for q in questions if any(keys[q.query_id] not in job.rows for job in jobs)]
    total = len(questions) * len(jobs)
    done = total - sum(keys[q.query_id] not in job.rows for q in todo for job in jobs)
    size = _SLOW_BLOCK if any(_slow(job.pipeline) for job in jobs) else _BLOCK
    first = jobs[0].pipeline
    alone = {job.name: _alone(job.pipeline, todo, measures) for job in jobs}
    with _vectors_at_hand(first.encoder, [q.query.text for q in todo]) as vectors:
        for start in range(0, len(todo), size):
            block = todo[start : start + size]
            batch = Batch(
                [question.query for question in block],
                space=first.space,
                encoder=first.encoder,
                vectors=partial(_part, vectors, slice(start, start + size)),
                read_documents=first.read_documents,
            )
            for job in jobs:
                if all(keys[q.query_id] in job.rows for q in block):
                    continue
                fresh = _block_rows(
                    batch, job.pipeline, block, measures, theta=theta, alone=alone[job.name]
                )
                rows = {keys[q.query_id]: row for q, row in zip(block, fresh, strict=True)}
                if log is not None:
                    log.add(job.key, rows)
                done += sum(key not in job.rows for key in rows)
                job.rows.update(rows)
                if progress is not None:
                    progress("evaluate", done, total)


def _alone(
    pipeline: Pipeline, questions: Sequence[Question], measures: Sequence[Measure]
) -> dict[str, Mapping[str, float]]:
    """Seconds by stage of each question asked alone; only where a latency is measured."""
    if not any(measure.unit == "ms" for measure in measures):
        return {}
    return {question.query_id: pipeline.run(question.query).seconds for question in questions}


def _part(vectors: Callable[[], Vectors], part: slice) -> Vectors:
    return vectors()[part]


def _slow(pipeline: Pipeline) -> bool:
    return pipeline.generator is not None or pipeline.reranker is not None


@contextmanager
def _vectors_at_hand(encoder: Encoder, texts: Sequence[str]) -> Iterator[Callable[[], Vectors]]:
    """The vectors of all questions, encoded when first asked for and at once."""
    if isinstance(encoder, CachedEncoder):
        # Labelled questions are no secret of their askers: their vectors may be remembered.
        with encoder.at_hand(texts) as vectors:
            yield vectors
        return
    made: list[Vectors] = []

    def encode() -> Vectors:
        if not made:
            made.append(encoder.encode_queries(list(texts)))
        return made[0]

    yield encode


def _block_rows(
    batch: Batch,
    pipeline: Pipeline,
    questions: Sequence[Question],
    measures: Sequence[Measure],
    *,
    theta: float | None,
    alone: Mapping[str, Mapping[str, float]],
) -> list[Row]:
    config, reranker = pipeline.config, pipeline.reranker
    stages = batch.rankings(config, reranker)
    contexts = batch.contexts(config, reranker)
    flags = batch.flags(config, reranker)
    answers: Sequence[Answer | None] = [None] * len(questions)
    if pipeline.generator is not None:
        answers = batch.answers(config, pipeline.generator, reranker)
    chunks = _spans_by_document(batch.space) if _omega(measures) else None
    share = {s: spent / len(questions) for s, spent in batch.seconds(config, reranker).items()}
    rows = []
    for i, question in enumerate(questions):
        outcome = Outcome(
            question=question,
            retrieved=_spans(batch, stages["select"][i]),
            context=contexts[i],
            answer=answers[i],
            seconds=alone.get(question.query_id, {}),
            chunks=chunks,
            theta=theta,
        )
        handed_on = {stage: candidates[i] for stage, candidates in stages.items()}
        lost_at = _lost_at(batch, pipeline, outcome, handed_on)
        rows.append(_row(outcome, measures, lost_at, flags[i], share))
    return rows


def _omega(measures: Sequence[Measure]) -> bool:
    return any(measure.name == "precision_omega" for measure in measures)


def _spans(batch: Batch, candidates: Candidates) -> tuple[Retrieved, ...]:
    return tuple((c.doc_id, c.start, c.end) for c in batch.chunks(candidates))


def _spans_by_document(space: SearchSpace) -> Mapping[str, Sequence[Interval]]:
    def collect() -> dict[str, list[Interval]]:
        spans: dict[str, list[Interval]] = {}
        for chunk in space.snapshot.chunks:
            spans.setdefault(chunk.doc_id, []).append((chunk.start, chunk.end))
        return spans

    return space.derived("spans by document", collect)


def _lost_at(
    batch: Batch, pipeline: Pipeline, outcome: Outcome, stages: Mapping[str, Candidates]
) -> str | None:
    """The stage that lost the evidence, "" if none did, None where nothing can be judged."""
    question, context, answer = outcome.question, outcome.context, outcome.answer
    holds = holds_evidence(question, outcome.theta)
    if holds is None:
        return None
    packed = [(p.doc_id, p.start, p.end) for p in context.passages] if context else None
    if packed is not None and holds(packed):
        return "answer" if answer is not None and answer.abstained else NOT_LOST
    indexed, visible = _rows_of_evidence(batch.space, question)
    return losing_stage(
        holds,
        HandedOn(
            indexed=_spans(batch, indexed),
            visible=_spans(batch, visible),
            branches={s: _spans(batch, stages[s]) for s in ("dense", "bm25") if s in stages},
            fused=_spans(batch, stages["fuse"]) if "fuse" in stages else None,
            reranked=_spans(batch, stages["rerank"]) if "rerank" in stages else None,
            depth=pipeline.config.rerank.depth,
            selected=outcome.retrieved,
            packed=packed,
        ),
    )


def _rows_of_evidence(space: SearchSpace, question: Question) -> tuple[Candidates, Candidates]:
    """The rows of the documents that hold the evidence: all, and those that may be seen."""
    wanted = question.document_grades()
    numbers = [i for i, doc_id in enumerate(space.snapshot.doc_ids) if doc_id in wanted]
    rows = np.flatnonzero(np.isin(space.snapshot.doc_numbers, numbers))
    every = Candidates(rows, np.zeros(len(rows)))
    return every, every.where(space.visible(question.query)[rows])


def _row(
    outcome: Outcome,
    measures: Sequence[Measure],
    lost_at: str | None,
    flags: tuple[str, ...],
    share: Mapping[str, float],
) -> Row:
    scores = {measure.name: measure.score(outcome) for measure in measures}
    context, answer = outcome.context, outcome.answer
    abstained = answer is not None and answer.abstained
    return {
        "n_hits": len(outcome.retrieved),
        "lost_at": lost_at,
        "n_context_tokens": context.n_tokens if context else None,
        "n_dropped": len(context.dropped) if context else None,
        "flags": [*flags, "abstained"] if abstained else list(flags),
        "answer": answer.text if answer else None,
        "abstained": answer.abstained if answer else None,
        "scores": {name: _number(score.value) for name, score in scores.items()},
        "undefined": {n: s.undefined_because for n, s in scores.items() if s.undefined_because},
        "seconds": dict(share),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _finished(
    job: _Job,
    questions: Sequence[Question],
    measures: Sequence[Measure],
    *,
    problems: tuple[LabelProblem, ...],
    confidence: float,
) -> EvaluationRun:
    rows = [job.rows[_question_key(question)] for question in questions]
    space = job.pipeline.space
    pairs = list(zip(questions, rows, strict=True))
    return EvaluationRun(
        name=job.name,
        config=job.pipeline.config,
        fingerprint=job.pipeline.config.fingerprint(),
        index_name=space.snapshot.name,
        index_version=f"{space.catalogue.version}.{space.snapshot.version}",
        model_version=space.snapshot.manifest.model_version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        measures=tuple(measure.name for measure in measures),
        table=_table(pairs, [measure.name for measure in measures]),
        undefined=pd.DataFrame(
            [(q.query_id, name, why) for q, row in pairs for name, why in row["undefined"].items()],
            columns=list(UNDEFINED),
        ),
        problems=problems,
        seconds={
            stage: sum(row["seconds"].get(stage, 0.0) for row in rows)
            for stage in STAGES
            if any(stage in row["seconds"] for row in rows)
        },
        n_reused=sum(_question_key(q) in job.reused for q in questions),
        confidence=confidence,
    )


def _table(pairs: Sequence[tuple[Question, Row]], measures: Sequence[str]) -> pd.DataFrame:
    lines: list[dict[str, Any]] = []
    for question, row in pairs:
        query = question.query
        lines.append(
            {
                "query_id": query.query_id,
                "text": query.text,
                "split": question.split,
                "tags": query.tags,
                "principals": query.principals,
                "answerable": not question.unanswerable,
                **{name: row[name] for name in QUESTION_COLUMNS if name in row},
                "flags": tuple(row["flags"]),
                **row["scores"],
            }
        )
    table = pd.DataFrame(lines, columns=[*QUESTION_COLUMNS, *measures], dtype=object)
    types: dict[str, Any] = dict.fromkeys(measures, "float64")
    types |= {"n_hits": "int64", "n_context_tokens": "Int64", "n_dropped": "Int64"}
    table["lost_at"] = table["lost_at"].where(table["lost_at"].notna(), pd.NA)
    return table.astype(types)
