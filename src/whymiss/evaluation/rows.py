"""What an evaluation keeps of each question: one row of plain values, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.batch import Batch
from whymiss.candidates import Candidates
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.labels import Question
from whymiss.evaluation.log import Row
from whymiss.evaluation.losses import NOT_LOST, HandedOn, Spans, losing_stage
from whymiss.evaluation.measures import Measure, Outcome
from whymiss.evaluation.run import QUESTION_COLUMNS, typed_table, undefined_table
from whymiss.pipeline import Pipeline
from whymiss.records import Answer, Chunk
from whymiss.stages import STAGES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.retrieval import SearchSpace
    from whymiss.text import Interval

    Rows = NDArray[np.int64]

_BRANCHES: Final = ("dense", "bm25")


def rows_of(
    batch: Batch,
    pipeline: Pipeline,
    questions: Sequence[JudgedQuestion],
    measures: Sequence[Measure],
    *,
    alone: Mapping[str, Mapping[str, float]],
) -> list[Row]:
    """Run the batch's questions through a pipeline and judge what comes out.

    Parameters
    ----------
    questions : those of the batch, in its order.
    alone : seconds by stage of questions that were timed one by one, by query_id.

    Returns
    -------
    list
        One row per question, in the same order, ready for JSON: an undefined score is None and
        has its reason under "undefined". "seconds" is the question's share of the batch.
    """
    config, reranker = pipeline.config, pipeline.reranker
    stages = batch.rankings(config, reranker)
    contexts = batch.contexts(config, reranker)
    flags = batch.flags(config, reranker)
    answers: Sequence[Answer | None] = [None] * len(questions)
    if pipeline.generator is not None:
        answers = batch.answers(config, pipeline.generator, reranker)
    omega = any(measure.name == "precision_omega" for measure in measures)
    chunks = _spans_by_document(batch.space) if omega else None
    share = {s: spent / len(questions) for s, spent in batch.seconds(config, reranker).items()}
    rows = []
    for i, judged in enumerate(questions):
        retrieved = tuple(batch.spans(stages["select"][i]))
        outcome = Outcome(
            question=judged.question,
            retrieved=retrieved,
            context=contexts[i],
            answer=answers[i],
            seconds=alone.get(judged.question.query_id, {}),
            chunks=chunks,
            theta=judged.theta,
            spans=judged.spans(retrieved),
            documents=judged.documents(doc_id for doc_id, _, _ in retrieved),
        )
        candidates = {stage: found[i] for stage, found in stages.items()}
        lost_at = _lost_at(batch, judged, outcome, candidates, depth=config.rerank.depth)
        rows.append(_row(judged, outcome, measures, lost_at, flags[i], share))
    return rows


def _lost_at(
    batch: Batch,
    judged: JudgedQuestion,
    outcome: Outcome,
    stages: Mapping[str, Candidates],
    *,
    depth: int,
) -> str | None:
    """The stage that lost the evidence, "" if none did, None where nothing can be judged.

    An answer that abstains although the evidence was there has lost it too.
    """
    if not judged.judgeable:
        return None
    packed = _packed(outcome)
    if packed is not None and judged.holds(packed):
        abstained = outcome.answer is not None and outcome.answer.abstained
        return "answer" if abstained else NOT_LOST
    indexed, visible = judged.once("there", lambda: _there(batch.space, judged))
    passages = _passages(batch.space)
    read = {stage: [passages[r] for r in found.rows.tolist()] for stage, found in stages.items()}
    return losing_stage(
        judged.holds,
        HandedOn(
            indexed=indexed,
            visible=visible,
            branches={stage: read[stage] for stage in _BRANCHES if stage in read},
            fused=read.get("fuse"),
            reranked=read.get("rerank"),
            depth=depth,
            selected=read["select"],
            packed=packed,
        ),
    )


def _packed(outcome: Outcome) -> list[Retrieved] | None:
    if outcome.context is None:
        return None
    return [(p.doc_id, p.start, p.end) for p in outcome.context.passages]


def _passages(space: SearchSpace) -> Sequence[Retrieved]:
    """What is read of each row's chunk."""
    stale = space.stale_documents()
    return space.derived(
        "passages",
        lambda: [_passage(chunk, chunk.doc_id in stale) for chunk in space.snapshot.chunks],
    )


def _passage(chunk: Chunk, stale: bool) -> Retrieved:
    # As `context.reading.readings_of`: where the document has changed, no parent is read.
    if not stale and chunk.parent_start <= chunk.start and chunk.end <= chunk.parent_end:
        return chunk.doc_id, chunk.parent_start, chunk.parent_end
    return chunk.doc_id, chunk.start, chunk.end


def _there(space: SearchSpace, judged: JudgedQuestion) -> tuple[Spans, Spans]:
    """What could hold the evidence: of the index, and of what the question may find."""
    by_document = space.derived("rows by document", lambda: _rows_by_document(space))
    found = [by_document[doc_id] for doc_id in judged.doc_ids if doc_id in by_document]
    indexed = np.concatenate([np.empty(0, np.int64), *found])
    visible = indexed[space.visible(judged.question.query)[indexed]]
    passages = _passages(space)
    there, seen = (
        judged.telling(passages[row] for row in rows.tolist()) for rows in (indexed, visible)
    )
    return there, seen


def _rows_by_document(space: SearchSpace) -> dict[str, Rows]:
    numbers = space.snapshot.doc_numbers
    # Rows are sorted by document.
    borders = np.searchsorted(numbers, np.arange(len(space.snapshot.doc_ids) + 1))
    return {
        doc_id: np.arange(borders[i], borders[i + 1])
        for i, doc_id in enumerate(space.snapshot.doc_ids)
    }


def _spans_by_document(space: SearchSpace) -> Mapping[str, Sequence[Interval]]:
    def collect() -> dict[str, list[Interval]]:
        spans: dict[str, list[Interval]] = {}
        for chunk in space.snapshot.chunks:
            spans.setdefault(chunk.doc_id, []).append((chunk.start, chunk.end))
        return spans

    return space.derived("spans by document", collect)


def _row(
    judged: JudgedQuestion,
    outcome: Outcome,
    measures: Sequence[Measure],
    lost_at: str | None,
    flags: tuple[str, ...],
    share: Mapping[str, float],
) -> Row:
    scores = {measure.name: judged.score(measure, outcome) for measure in measures}
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


def tables_of(pairs: Sequence[tuple[Question, Row]], measures: Sequence[str]) -> dict[str, Any]:
    """What a run says of its questions: its table, its undefined scores and its seconds.

    Keys are the fields of `EvaluationRun`.
    """
    rows = [row for _, row in pairs]
    return {
        "table": _table(pairs, measures),
        "undefined": undefined_table(
            (q.query_id, name, why) for q, row in pairs for name, why in row["undefined"].items()
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
