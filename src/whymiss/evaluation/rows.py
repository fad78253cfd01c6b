"""What an evaluation keeps of each question: one row of plain values, ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.batch import Batch
from whymiss.candidates import Candidates
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.log import Row
from whymiss.evaluation.losses import NOT_LOST, HandedOn, losing_stage
from whymiss.evaluation.measures import Measure, Outcome
from whymiss.pipeline import Pipeline
from whymiss.records import Answer

if TYPE_CHECKING:
    from whymiss.retrieval import SearchSpace
    from whymiss.text import Interval

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

    `alone` has the seconds by stage of questions that were timed one by one, by query_id.
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
    """The stage that lost the evidence, "" if none did, None where nothing can be judged."""
    if not judged.judgeable:
        return None
    packed = _packed(outcome)
    if packed is not None and judged.holds(packed):
        abstained = outcome.answer is not None and outcome.answer.abstained
        return "answer" if abstained else NOT_LOST
    indexed = _rows_of_evidence(batch.space, judged)
    visible = indexed.where(batch.space.visible(judged.question.query)[indexed.rows])
    return losing_stage(
        judged.holds,
        HandedOn(
            indexed=batch.spans(indexed),
            visible=batch.spans(visible),
            branches={stage: batch.spans(stages[stage]) for stage in _BRANCHES if stage in stages},
            fused=batch.spans(stages["fuse"]) if "fuse" in stages else None,
            reranked=batch.spans(stages["rerank"]) if "rerank" in stages else None,
            depth=depth,
            selected=outcome.retrieved,
            packed=packed,
        ),
    )


def _packed(outcome: Outcome) -> list[Retrieved] | None:
    if outcome.context is None:
        return None
    return [(p.doc_id, p.start, p.end) for p in outcome.context.passages]


def _rows_of_evidence(space: SearchSpace, judged: JudgedQuestion) -> Candidates:
    """All rows of the documents that hold the evidence."""
    wanted = judged.question.document_grades()
    by_document = space.derived("rows by document", lambda: _rows_by_document(space))
    rows = np.concatenate([np.empty(0, np.int64), *(by_document[d] for d in wanted
                           if d in by_document)])  # fmt: skip
    return Candidates(rows, np.zeros(len(rows)))


def _rows_by_document(space: SearchSpace) -> dict[str, np.ndarray]:
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
