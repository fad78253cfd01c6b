"""Questions through configurations in batches: every question judged, every finished one kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from whymiss.batch import Batch
from whymiss.embedding import CachedEncoder
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.judging import check_theta
from whymiss.evaluation.keys import question_key, run_key
from whymiss.evaluation.labels import Question
from whymiss.evaluation.log import EvaluationLog, Row
from whymiss.evaluation.measures import Measure, parse_measure
from whymiss.evaluation.pinning import LabelProblem, pin
from whymiss.evaluation.rows import rows_of, tables_of
from whymiss.evaluation.run import EvaluationRun
from whymiss.pipeline import Pipeline
from whymiss.reranking import LateInteractionReranker

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

_BLOCK: Final = 256
_SLOW_BLOCK: Final = 16
"""Questions between two commits; few where a model reads or writes for each of them."""

Progress = Callable[[str, int, int], None]


def default_measures(questions: Sequence[Question], *, answers: bool) -> tuple[str, ...]:
    """Measures of spans where any question has some, else of documents; of answers on request.

    >>> from whymiss.records import Query
    >>> query = Query(query_id="q1", text="Refund?")
    >>> default_measures([Question(query=query, documents=["faq"])], answers=False)[:2]
    ('doc_recall@5', 'doc_success@5')
    """
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
    pipelines : by name; all over the same search space and with the same encoder of queries. A
        pipeline with a generator answers.
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

    Examples
    --------
    `Workbench.evaluate` makes the pipeline and calls this.

    >>> from tempfile import mkdtemp
    >>> import whymiss
    >>> from whymiss.evaluation import EvidenceSpan
    >>> from whymiss.testing import HashingEncoder
    >>> wb = whymiss.open(mkdtemp(), encoder=HashingEncoder())
    >>> text = "Refunds take ten days."
    >>> _ = wb.ingest([whymiss.Document(doc_id="faq", text=text, allowed=["*"])])
    >>> question = Question(
    ...     query=whymiss.Query(query_id="q1", text="How long do refunds take?"),
    ...     evidence=[[EvidenceSpan(doc_id="faq", quote="ten days")]],
    ... )
    >>> run = evaluate({"main": wb.pipeline(answer=False)}, [question])["main"]
    >>> run.table[["query_id", "recall@5", "lost_at"]].values.tolist()
    [['q1', 1.0, '']]
    """
    _check_alike(pipelines)
    check_questions(questions)
    check_theta(theta)
    answers = any(pipeline.generator is not None for pipeline in pipelines.values())
    names = tuple(measures) if measures else default_measures(questions, answers=answers)
    parsed = tuple(parse_measure(name) for name in dict.fromkeys(names))
    asked, problems = _pinned(questions, next(iter(pipelines.values())))
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


def check_questions(questions: Sequence[Question], *, who: str = "evaluate") -> None:
    """Refuse questions that no table of them can tell apart.

    Raises
    ------
    InvalidRecordError : there is none, or an id stands twice.
    """
    times = Counter(question.query_id for question in questions)
    twice = next((query_id for query_id, n in times.items() if n > 1), None)
    if not times or twice is not None:
        what = "none" if twice is None else f"{twice!r} twice"
        raise InvalidRecordError(f"{who} needs questions, each id once; got {what}.")


def _check_alike(pipelines: Mapping[str, Pipeline]) -> None:
    spaces = {id(pipeline.space) for pipeline in pipelines.values()}
    if len(spaces) != 1:
        raise ConfigError(f"evaluate needs pipelines over one space; got {len(spaces)} spaces.")
    encoders = {(p.encoder.model_version, p.config.embedding.query_prefix) for p in
                pipelines.values()}  # fmt: skip
    if len(encoders) != 1:
        raise ConfigError(
            f"evaluate needs pipelines that encode queries alike; got {len(encoders)} encoders or "
            "query prefixes. Evaluate them one after the other."
        )


def _pinned(
    questions: Sequence[Question], pipeline: Pipeline
) -> tuple[list[Question], tuple[LabelProblem, ...]]:
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
        key = run_key(pipeline, [measure.name for measure in measures], theta)
        if log is not None and not resume:
            log.forget(key)
        rows = log.rows(key) if log is not None else {}
        return cls(name=name, pipeline=pipeline, key=key, rows=rows, reused=frozenset(rows))


def _run(
    jobs: Sequence[_Job],
    questions: Mapping[str, Question],
    measures: Sequence[Measure],
    theta: float | None,
    log: EvaluationLog | None,
    progress: Progress | None,
) -> None:
    total = len(questions) * len(jobs)
    done = sum(key in job.rows for key in questions for job in jobs)
    for todo, keys in _blocks(jobs, questions):
        asked = [questions[key] for key in keys]
        # Before the vectors are at hand: to encode a question is a part of its latency.
        alone = {job.name: _alone(job.pipeline, asked, measures) for job in todo}
        first = todo[0].pipeline
        with _vectors_at_hand(first.encoder, [q.query.text for q in asked]) as vectors:
            batch = Batch(
                [question.query for question in asked],
                space=first.space,
                encoder=first.encoder,
                vectors=vectors,
                read_documents=first.read_documents,
            )
            judged = [JudgedQuestion(question, theta) for question in asked]
            for job in todo:
                fresh = rows_of(batch, job.pipeline, judged, measures, alone=alone[job.name])
                rows = dict(zip(keys, fresh, strict=True))
                if log is not None:
                    log.add(job.key, rows)
                job.rows.update(rows)
                done += len(rows)
                if progress is not None:
                    progress("evaluate", done, total)


def _blocks(
    jobs: Sequence[_Job], questions: Iterable[str]
) -> Iterator[tuple[list[_Job], list[str]]]:
    """Questions that the same jobs have still to answer, some at a time, with those jobs."""
    size = _SLOW_BLOCK if any(_slow(job.pipeline) for job in jobs) else _BLOCK
    waiting: dict[tuple[int, ...], list[str]] = {}
    for key in questions:
        missing = tuple(n for n, job in enumerate(jobs) if key not in job.rows)
        waiting.setdefault(missing, []).append(key)
    waiting.pop((), None)
    for missing, keys in waiting.items():
        for start in range(0, len(keys), size):
            yield [jobs[n] for n in missing], keys[start : start + size]


def _alone(
    pipeline: Pipeline, questions: Sequence[Question], measures: Sequence[Measure]
) -> dict[str, Mapping[str, float]]:
    """Seconds by stage of each question asked alone; only where a latency is measured."""
    if not any(measure.unit == "ms" for measure in measures):
        return {}
    # What is made once for an index is no latency of the question that happens to be first.
    pipeline.retrieve(questions[0].query)
    return {question.query_id: pipeline.run(question.query).seconds for question in questions}


def _slow(pipeline: Pipeline) -> bool:
    # Late interaction has read the passages before.
    quick = pipeline.reranker is None or isinstance(pipeline.reranker, LateInteractionReranker)
    return pipeline.generator is not None or not quick


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
        **tables_of(pairs, [measure.name for measure in measures]),
    )
