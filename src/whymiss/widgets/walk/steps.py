"""What the steps of the walk ask of the workbench, each returning what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from whymiss.diagnosis.locating import Given, Located, locate
from whymiss.errors import GenerationError, IndexNotFoundError, InvalidRecordError
from whymiss.evaluation.flow import flow_frame
from whymiss.records import Trace
from whymiss.widgets.walk.results import Outcome, Walked

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.diagnosis.records import Diagnosis
    from whymiss.diagnosis.repairs.repair import Repair
    from whymiss.evaluating import Questions
    from whymiss.evaluation.labels import EvidenceSpan, Question
    from whymiss.records import Query
    from whymiss.workbench import Workbench

Progress = Callable[[str, int, int], None]

_OTHER_CHUNKS: Final = (
    "It changes how documents are cut or embedded, and the stored index was made without it: to "
    "ask the question here, another index is built beside it."
)


def ask(workbench: Workbench, query: Query, config: PipelineConfig) -> Walked:
    """Ask a question; where no answer can be written, retrieval is shown all the same.

    Raises
    ------
    IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
    """
    unanswered = ""
    try:
        trace = workbench.run(query, config=config)
    except GenerationError as error:
        unanswered = str(error)
        trace = workbench.run(query, config=config, answer=False)
    wanted = {hit.chunk_id for ranking in trace.rankings for hit in ranking.hits}
    every = workbench.space(config).snapshot.chunks
    chunks = {chunk.chunk_id: chunk for chunk in every if chunk.chunk_id in wanted}
    return Walked(trace=trace, unanswered=unanswered, chunks=chunks)


def find(
    workbench: Workbench, given: Given | None, *, expected: str = "", question: str = ""
) -> Located:
    """Where in the stored documents the evidence stands.

    Raises
    ------
    InvalidRecordError : what was given is not understood.
    """
    documents = workbench.live.documents()
    return locate(given, documents, expected=expected or None, question=question)


def span_at(workbench: Workbench, doc_id: str, start: int, end: int) -> EvidenceSpan:
    """The span of some characters of a document, with its text.

    Raises
    ------
    DocumentError : there is no such document.
    InvalidRecordError : there is no visible text at this place.
    """
    found = locate((doc_id, start, end), [workbench.document(doc_id)])
    return found.evidence[0][0]


def diagnose(
    workbench: Workbench,
    question: Question,
    config: PipelineConfig,
    *,
    labelled: Questions | None,
    answers: bool,
    repairs: bool = False,
    rebuild: bool = False,
    progress: Progress | None = None,
) -> Diagnosis:
    """The verdict, and where `repairs` are asked for what rescues the question too."""
    return workbench.diagnose(
        question, config=config, labelled=labelled, repairs=repairs, rebuild=rebuild,
        answers=answers, progress=progress,
    )  # fmt: skip


def with_flow(workbench: Workbench, walked: Walked, config: PipelineConfig) -> Walked:
    """What was walked, with the way of every candidate from stage to stage."""
    diagnosis, trace = walked.diagnosis, walked.trace
    assert diagnosis is not None
    assert trace is not None
    try:
        flow = flow_frame(
            _of_index(trace, diagnosis.index_version),
            workbench.space(config).snapshot.chunks,
            config=config,
            evidence=[s for spans in diagnosis.question.evidence for s in spans if s.pinned],
        )
    except InvalidRecordError as error:
        return replace(walked, flow=None, no_flow=str(error))
    return replace(walked, flow=flow, no_flow="")


def _of_index(trace: Trace, version: str) -> Trace:
    if trace.index_version != version:
        raise InvalidRecordError(
            f"the question was asked of version {trace.index_version} of the index, and the "
            f"diagnosis is of version {version}: ask again."
        )
    return trace


def try_out(
    workbench: Workbench,
    repair: Repair,
    question: Question,
    *,
    labelled: Questions | None,
    answers: bool,
    progress: Progress | None = None,
) -> Outcome:
    """A repair applied: the question asked again with it, and judged as before.

    One that cuts the documents otherwise is asked where its own index is there.
    """
    config = repaired(repair)
    query = replace(question.query, where=(*question.query.where, *repair.where))
    outcome = Outcome(repair=repair, query=query, config=config)
    if not repair.changes and not repair.where:
        return outcome
    try:
        trace = workbench.run(query, config=config, answer=answers)
        diagnosis = diagnose(
            workbench, replace(question, query=query), config, labelled=labelled, answers=answers,
            progress=progress,
        )  # fmt: skip
    except IndexNotFoundError:
        return replace(outcome, because=_OTHER_CHUNKS, buildable=True)
    return replace(outcome, trace=trace, diagnosis=diagnosis)


def repaired(repair: Repair) -> PipelineConfig:
    """The pipeline with a repair in it.

    Where it cuts or embeds otherwise it has an index of its own, beside the one there is.
    """
    made = repair.apply()
    if made.index_knobs() == repair.base.index_knobs():
        return made
    return made.replace({"index.name": f"{made.index.name[:80]}-{made.fingerprint()}"})
