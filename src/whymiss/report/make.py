"""A run becomes a report: facts found out, checklist computed, the worst questions asked again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from whymiss.evaluation.labels import Question
from whymiss.evaluation.readiness import Thresholds, readiness
from whymiss.evaluation.run import EvaluationRun
from whymiss.evaluation.statistics import Comparison
from whymiss.index import Progress
from whymiss.report.bench import Bench
from whymiss.report.probes import gather
from whymiss.report.record import Report
from whymiss.report.worst import ask_again


def make_report(
    workbench: Bench,
    run: EvaluationRun,
    questions: Sequence[Question],
    *,
    holdout: EvaluationRun | None = None,
    comparison: Comparison | None = None,
    thresholds: Thresholds | None = None,
    n_worst: int = 10,
    allowed: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Everything worth knowing of a run, on one page.

    Ingest and build are done a second time, a sample of the questions is timed, and the worst
    questions are asked again, each leaving its trace in the log where `trace.keep` is on.

    Parameters
    ----------
    questions : those that the run was made with; others among them are left alone.
    holdout : a run of the same configuration over the questions of split "holdout", with answers.
    comparison : this configuration against others.
    thresholds : what counts as ready.
    n_worst : at most so many questions are shown with their trace.
    allowed : the `allowed` that folders were ingested with, where it was neither None nor ["*"].
    progress : called with (what, done, total).

    Raises
    ------
    MixedQueriesError : a question of the run is not among `questions`.
    IndexNotFoundError, IndexMismatchError : the run's index is gone or was built anew otherwise.
    """
    ids = set(run.table["query_id"])
    asked = [question for question in questions if question.query_id in ids]
    facts = gather(workbench, run, asked, allowed=allowed, progress=progress)
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        run=run,
        facts=facts,
        checks=readiness(run=run, facts=facts, holdout=holdout, thresholds=thresholds),
        worst=ask_again(workbench, run, asked, n=n_worst, progress=progress),
        holdout=holdout,
        comparison=comparison,
    )
