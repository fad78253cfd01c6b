"""Which questions went worst, and each of them asked again alone for its whole trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whymiss.errors import MixedQueriesError
from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures import parse_measure
from whymiss.evaluation.pinning import pin
from whymiss.evaluation.run import EvaluationRun
from whymiss.index import Progress, read_documents
from whymiss.pages.markup import is_missing
from whymiss.records import Trace
from whymiss.report.bench import Bench
from whymiss.report.evidence import Expected, expected_evidence

Row = Mapping[str, Any]

_LOST, _WRONG, _LOW = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstQuestion:
    """A question that went wrong: its row of the run, why it is here, and its trace, asked anew.

    `question` has its quotes pinned, `expected` says where its evidence stood at every stage.

    `changed` tells what is not as it was in the run; empty when the trace shows the run's own
    index and configuration.
    """

    row: Row
    question: Question
    complaint: str
    trace: Trace
    expected: tuple[Expected, ...]
    changed: str = ""

    @property
    def query_id(self) -> str:
        """Id of the question."""
        return str(self.row["query_id"])


def worst_rows(run: EvaluationRun, n: int) -> list[tuple[Row, str]]:
    """At most n rows with what is wrong with each, in an order that never changes.

    First questions whose evidence was lost, then those answered or declined wrongly, then those
    that score below 1 in the first measure of the run that is a share; within each the lowest
    score first, then by query_id. A question with nothing wrong is not among them.
    """
    headline = _headline(run)
    found = []
    for record in run.table.to_dict(orient="records"):
        row = {str(name): value for name, value in record.items()}
        score = row.get(headline) if headline else None
        kind, complaint = _complaint(row, headline, score)
        if complaint:
            low = 2.0 if is_missing(score) else float(score or 0.0)
            found.append(((kind, low, str(row["query_id"])), row, complaint))
    found.sort(key=lambda item: item[0])
    return [(row, complaint) for _, row, complaint in found[:n]]


def _headline(run: EvaluationRun) -> str:
    shares = (m for m in map(parse_measure, run.measures) if m.unit == "share")
    return next((m.name for m in shares if m.higher_is_better), "")


def _complaint(row: Row, headline: str, score: Any) -> tuple[int, str]:
    lost, abstained = row["lost_at"], row["abstained"]
    lost = None if is_missing(lost) else lost
    if lost == "answer":
        return _WRONG, "abstained, though the evidence was delivered"
    if lost:
        return _LOST, f"evidence lost at {lost}"
    if not row["answerable"] and not is_missing(abstained) and not abstained:
        return _WRONG, "answered, though nothing the asker may read answers it"
    if not is_missing(score) and score < 1:
        return _LOW, f"{headline} is {score:.3f}"
    return _LOW, ""


def ask_again(
    bench: Bench,
    run: EvaluationRun,
    questions: Sequence[Question],
    *,
    n: int,
    progress: Progress | None = None,
) -> tuple[WorstQuestion, ...]:
    """The worst questions of a run, each asked again by itself, with an answer if the run wrote
    any.

    Raises
    ------
    MixedQueriesError : a question of the run is not among the questions given.
    """
    chosen = worst_rows(run, n)
    by_id = {question.query_id: question for question in questions}
    missing = [str(row["query_id"]) for row, _ in chosen if row["query_id"] not in by_id]
    if missing:
        raise MixedQueriesError(
            f"make_report needs the questions of the run; {missing[0]!r} is not among the "
            f"{len(by_id)} given. Pass those that the run was made with."
        )
    answers = bool(run.table["abstained"].notna().any())
    worst = []
    for n_done, (row, complaint) in enumerate(chosen, start=1):
        question = _pinned(bench, by_id[row["query_id"]])
        worst.append(_ask(bench, run, question, row=row, complaint=complaint, answers=answers))
        if progress is not None:
            progress("worst questions", n_done, len(chosen))
    return tuple(worst)


def _ask(
    bench: Bench, run: EvaluationRun, question: Question, *, row: Row, complaint: str, answers: bool
) -> WorstQuestion:
    trace = bench.run(question.query, config=run.config, answer=answers)
    snapshot = bench.space(run.config).snapshot
    changed = ""
    if trace.index_version != run.index_version:
        changed = (
            f"The store has changed: the run saw index version {run.index_version}, this trace "
            f"{trace.index_version}."
        )
    return WorstQuestion(
        row=row,
        question=question,
        complaint=complaint,
        trace=trace,
        expected=expected_evidence(
            question, trace, lambda chunk_id: snapshot.chunks[snapshot.row_of[chunk_id]].end
        ),
        changed=changed,
    )


def _pinned(bench: Bench, question: Question) -> Question:
    wanted = sorted({span.doc_id for spans in question.evidence for span in spans})
    return pin([question], read_documents(bench.store, wanted).values()).questions[0]
