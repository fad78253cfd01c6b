"""Questions through configurations in batches: every question judged, every finished one kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from whymiss.batch import Batch
from whymiss.embedding import CachedEncoder
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.formats.jsonl import question_entry
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.labels import Question
from whymiss.evaluation.log import EvaluationLog, Row
from whymiss.evaluation.measures import Measure, parse_measure
from whymiss.evaluation.pinning import LabelProblem, pin
from whymiss.evaluation.rows import rows_of
from whymiss.evaluation.run import QUESTION_COLUMNS, UNDEFINED, EvaluationRun, typed_table
from whymiss.pipeline import Pipeline
from whymiss.records import canonical_json, digest
from whymiss.stages import STAGES

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

NO_MATTER: Final = (
    "trace.keep", "trace.raw_text", "embedding.device", "embedding.allow_download",
)  # fmt: skip
"""Knobs that change no row."""

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
    finished: Callable[[EvaluationRun], None] | None = None,
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
    finished : called with each run before its rows leave the log; a finished run is not resumed.
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
    keyed = {question_key(question): question for question in asked}
    _run(jobs, keyed, parsed, theta, log, progress)
    runs = {
        job.name: _finished(job, keyed, parsed, problems=problems, confidence=confidence)
        for job in jobs
    }
    for job in jobs:
        if finished is not None:
            finished(runs[job.name])
        if log is not None:
            log.forget(job.key)
    return runs


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
    knobs = {k: v for k, v in pipeline.config.flat().items() if not k.startswith(NO_MATTER)}
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


def question_key(question: Question) -> str:
    """Names a question with its labels."""
    return digest(canonical_json(question_entry(question)))


def _run(
    jobs: Sequence[_Job],
    questions: Mapping[str, Question],
    measures: Sequence[Measure],
    theta: float | None,
    log: EvaluationLog | None,
    progress: Progress | None,
) -> None:
    todo = [key for key in questions if any(key not in job.rows for job in jobs)]
    total = len(questions) * len(jobs)
    done = total - sum(key not in job.rows for key in todo for job in jobs)
    size = _SLOW_BLOCK if any(_slow(job.pipeline) for job in jobs) else _BLOCK
    first = jobs[0].pipeline
    asked = [questions[key] for key in todo]
    alone = {job.name: _alone(job.pipeline, asked, measures) for job in jobs}
    with _vectors_at_hand(first.encoder, [q.query.text for q in asked]) as vectors:
        for start in range(0, len(todo), size):
            part = slice(start, start + size)
            batch = Batch(
                [question.query for question in asked[part]],
                space=first.space,
                encoder=first.encoder,
                vectors=partial(_part, vectors, part),
                read_documents=first.read_documents,
            )
            judged = [JudgedQuestion(question, theta) for question in asked[part]]
            for job in jobs:
                missing = [key for key in todo[part] if key not in job.rows]
                if not missing:
                    continue
                fresh = rows_of(batch, job.pipeline, judged, measures, alone=alone[job.name])
                rows = dict(zip(todo[part], fresh, strict=True))
                if log is not None:
                    log.add(job.key, rows)
                job.rows.update(rows)
                done += len(missing)
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


def _finished(
    job: _Job,
    questions: Mapping[str, Question],
    measures: Sequence[Measure],
    *,
    problems: tuple[LabelProblem, ...],
    confidence: float,
) -> EvaluationRun:
    pairs = [(question, job.rows[key]) for key, question in questions.items()]
    space = job.pipeline.space
    return EvaluationRun(
        name=job.name,
        config=job.pipeline.config,
        fingerprint=job.pipeline.config.fingerprint(),
        index_name=space.snapshot.name,
        index_version=f"{space.catalogue.version}.{space.snapshot.version}",
        model_version=space.snapshot.manifest.model_version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        measures=tuple(measure.name for measure in measures),
        problems=problems,
        n_reused=sum(key in job.reused for key in questions),
        confidence=confidence,
        **_tables(pairs, [measure.name for measure in measures]),
    )


def _tables(pairs: Sequence[tuple[Question, Row]], measures: Sequence[str]) -> dict[str, Any]:
    """What a run says of its questions: its table, its undefined scores and its seconds."""
    rows = [row for _, row in pairs]
    return {
        "table": _table(pairs, measures),
        "undefined": pd.DataFrame(
            [(q.query_id, name, why) for q, row in pairs for name, why in row["undefined"].items()],
            columns=list(UNDEFINED),
        ),
        "seconds": _total(row["seconds"] for row in rows),
    }


def _total(seconds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    spent: dict[str, float] = {}
    for row in seconds:
        for stage, value in row.items():
            spent[stage] = spent.get(stage, 0.0) + value
    return {stage: spent[stage] for stage in STAGES if stage in spent}


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
                **row["scores"],
            }
        )
    return typed_table(lines, measures)
