"""Finding out about a store what the readiness checklist asks."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from whymiss.evaluation.facts import Probe, StoreFacts
from whymiss.evaluation.labels import Question
from whymiss.evaluation.readiness import FAILURES
from whymiss.evaluation.run import EvaluationRun
from whymiss.index import Progress
from whymiss.index.health import rows_by_model
from whymiss.records import Clause, Query
from whymiss.report.bench import Bench
from whymiss.report.reruns import rerun_all
from whymiss.traces import TraceLog

_MATCHES_NOTHING: Final = Clause(field="whymiss probe", op="eq", value="no document says so")

_FAILING: Final[Mapping[str, Mapping[str, Any]]] = {
    "empty retrieval": {},
    "low score": {"trace.low_score": 1.0},
    "truncated context": {"context.token_budget": 1},
}
"""The knobs that make any question fail in this way."""


def gather(
    workbench: Bench,
    run: EvaluationRun,
    questions: Sequence[Question],
    *,
    allowed: Sequence[str] | None = None,
    n_timed: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
) -> StoreFacts:
    """Find out by trying: ingest and build again, look at every vector, ask questions that fail.

    The store's documents, indexes and log stay as they are, unless the index was behind its
    documents: then the build brings it up to date, and the checklist says so.

    Parameters
    ----------
    run : the configuration looked at, and a question known to find something.
    questions : those to time, one at a time and without answers; a sample of at most `n_timed`,
        the same for the same seed.
    allowed : the `allowed` that folders were ingested with, where it was neither None nor ["*"].
    progress : called with (what, done, total).

    Raises
    ------
    IndexNotFoundError, IndexMismatchError : the run's index is gone or was built anew otherwise.
    """
    logged = [trace.flags for trace in workbench.log.all()]
    flags = Counter(flag for raised in logged for flag in raised)
    return StoreFacts(
        reruns=rerun_all(workbench, run.config, allowed=allowed),
        models=rows_by_model(workbench.store),
        probes=_probes(workbench, run),
        keeps_traces=run.config.trace.keep,
        logged={flag: flags[flag] for flag in FAILURES},
        n_logged=len(logged),
        timed=_timed(
            workbench, run, sample_queries(questions, n_timed, seed=seed), progress=progress
        ),
    )


def sample_queries(questions: Sequence[Question], n: int, *, seed: int) -> list[Query]:
    """At most n queries at random: the same for the same questions, in any order, and seed."""
    queries = sorted((question.query for question in questions), key=lambda q: q.query_id)
    return random.Random(seed).sample(queries, min(n, len(queries)))


def _timed(
    bench: Bench, run: EvaluationRun, queries: Sequence[Query], *, progress: Progress | None
) -> tuple[Mapping[str, float], ...]:
    pipeline = bench.pipeline(run.config, answer=False)
    # Once untimed: what is made on first use and then kept is no part of a question's time.
    for query in queries[:1]:
        pipeline.run(query)
    timed = []
    for n_done, query in enumerate(queries, start=1):
        timed.append(pipeline.run(query).seconds)
        if progress is not None:
            progress("timed questions", n_done, len(queries))
    return tuple(timed)


def _probes(bench: Bench, run: EvaluationRun) -> tuple[Probe, ...]:
    finding = run.table[run.table["n_hits"] > 0]
    if not len(finding):
        because = (
            "no question of the run found anything, so none could be made to fail on purpose; "
            "evaluate questions that find something"
        )
        return tuple(Probe(flag=flag, not_tried_because=because) for flag in _FAILING)
    row = finding.iloc[0]
    query = Query(query_id="probe", text=row["text"], principals=row["principals"])
    with TemporaryDirectory() as folder:
        log = TraceLog(Path(folder))
        try:
            return tuple(_probe(bench, run, query, flag=flag, log=log) for flag in _FAILING)
        finally:
            log.close()


def _probe(bench: Bench, run: EvaluationRun, query: Query, *, flag: str, log: TraceLog) -> Probe:
    config = run.config.replace(_FAILING[flag])
    if flag == "empty retrieval":
        query = replace(query, where=(_MATCHES_NOTHING,))
    trace = bench.pipeline(config, answer=False).run(query)
    log.keep(trace, raw_text=config.trace.raw_text)
    blind = flag == "low score" and config.retrieval.mode == "bm25"
    note = "retrieval.mode is 'bm25', which has no cosine for trace.low_score to judge"
    return Probe(flag=flag, logged=log.read(trace.trace_id).flags, note=note if blind else "")
