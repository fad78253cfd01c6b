"""An evaluation gives the numbers of asking one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running_evaluations import KNOBS, pinned

import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation import MEASURES as KNOWN
from whymiss.evaluation import (
    EvaluationRun,
    EvidenceSpan,
    Measure,
    Outcome,
    Question,
    evaluate,
    parse_measure,
    running,
)
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder

RANKED = ("recall", "precision", "success", "mrr", "map", "ndcg")
MEASURES = (
    *(f"{name}@{k}" for name in RANKED for k in (1, 3, 10)),
    *(f"doc_{name}@{k}" for name in RANKED for k in (1, 3)),
    *(f"span_{name}@3" for name in ("recall", "precision", "iou")),
    *("mrr", "doc_mrr", "precision_omega", "delivered_evidence", "context_tokens"),
)
ANSWERS = (
    "lexical_faithfulness", "citation_precision", "citation_recall", "answer_f1", "answer_match",
    "abstention", "wrong_abstention",
)  # fmt: skip


def outcome_of(pipeline: Pipeline, question: Question, theta: float | None = None) -> Outcome:
    """What asking one question by itself leads to, seen from its trace alone."""
    trace = pipeline.run(question.query)
    chunks = {chunk.chunk_id: chunk for chunk in pipeline.space.snapshot.chunks}
    hits = [chunks[hit.chunk_id] for hit in trace.rankings[-1].hits]
    index: dict[str, list[tuple[int, int]]] = {}
    for chunk in chunks.values():
        index.setdefault(chunk.doc_id, []).append((chunk.start, chunk.end))
    return Outcome(
        question=question,
        retrieved=tuple((c.doc_id, c.start, c.end) for c in hits),
        context=trace.context,
        answer=trace.answer,
        seconds=trace.seconds,
        chunks=index,
        theta=theta,
    )


def assert_same_scores(
    run: EvaluationRun, pipeline: Pipeline, questions: Sequence[Question], theta: float | None
) -> None:
    reasons = run.undefined.set_index(["query_id", "measure"])["reason"].to_dict()
    table = run.table.set_index("query_id")
    for question in pinned(pipeline, questions):
        outcome = outcome_of(pipeline, question, theta)
        row = table.loc[question.query_id]
        assert row["n_hits"] == len(outcome.retrieved)
        for name in run.measures:
            score = parse_measure(name).score(outcome)
            where = (question.query_id, name)
            if score.undefined_because:
                assert pd.isna(row[name]), where
                assert reasons.pop(where) == score.undefined_because
            else:
                assert row[name] == score.value, where
        assert outcome.context is not None
        assert row["n_context_tokens"] == outcome.context.n_tokens
        assert row["n_dropped"] == len(outcome.context.dropped)
        assert row["answer"] == (outcome.answer.text if outcome.answer else None)
    assert not reasons


@pytest.mark.parametrize("answers", [False, True], ids=["no answers", "answers"])
@pytest.mark.parametrize("knobs", KNOBS.values(), ids=list(KNOBS))
def test_every_score_is_the_one_of_asking_that_question_alone(
    stored: Path,
    config: PipelineConfig,
    questions: list[Question],
    knobs: dict[str, Any],
    answers: bool,
) -> None:
    chosen = config.replace({**knobs, "answer.min_support": 0.2})
    with whymiss.open(stored, encoder=HashingEncoder(), config=chosen) as wb:
        measures = MEASURES + (ANSWERS if answers else ())
        run = wb.evaluate(questions, measures=measures, answers=answers, resume=False)
        assert run.table["query_id"].tolist() == [q.query_id for q in questions]
        assert_same_scores(run, wb.pipeline(answer=answers), questions, None)


@pytest.mark.parametrize("theta", [0.3, 1.0])
@pytest.mark.parametrize("depth", [1, 5, 50])
def test_so_it_is_behind_a_reranker_and_for_any_theta(
    stored: Path,
    config: PipelineConfig,
    questions: list[Question],
    by_length: type,
    depth: int,
    theta: float,
) -> None:
    chosen = config.replace({"rerank.depth": depth})
    with whymiss.open(stored, encoder=HashingEncoder(), config=chosen, reranker=by_length()) as wb:
        pipeline = wb.pipeline(answer=False)
        run = evaluate({"one": pipeline}, questions, measures=MEASURES, theta=theta)["one"]
        assert_same_scores(run, pipeline, questions, theta)


def test_configurations_run_together_have_the_numbers_of_each_alone(
    stored: Path, config: PipelineConfig, questions: list[Question]
) -> None:
    with whymiss.open(stored, encoder=HashingEncoder(), config=config) as wb:
        pipelines = {
            name: wb.pipeline(config.replace(knobs), answer=False) for name, knobs in KNOBS.items()
        }
        together = evaluate(pipelines, questions, measures=MEASURES)
        assert list(together) == list(KNOBS)
        for name, pipeline in pipelines.items():
            alone = evaluate({name: pipeline}, questions, measures=MEASURES)[name]
            pd.testing.assert_frame_equal(together[name].table, alone.table)
            pd.testing.assert_frame_equal(together[name].undefined, alone.undefined)


def test_blocks_do_not_show(
    stored: Path, config: PipelineConfig, questions: list[Question], monkeypatch: Any
) -> None:
    with whymiss.open(stored, encoder=HashingEncoder(), config=config) as wb:
        whole = wb.evaluate(questions, measures=MEASURES)
        monkeypatch.setattr(running, "_BLOCK", 7)
        pd.testing.assert_frame_equal(wb.evaluate(questions, measures=MEASURES).table, whole.table)


def test_a_span_in_a_document_that_the_document_labels_do_not_name_still_counts(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    texts = {"a": "refund ten days", "b": "phone seat", "c": "refund plan"}
    pipeline = pipeline_of(
        [Document(doc_id=name, text=text, allowed=["*"]) for name, text in texts.items()],
        {"retrieval.k": 1},
    )
    question = Question(
        query=Query(query_id="q", text="refund ten days"),
        evidence=((EvidenceSpan(doc_id="a", start=0, end=15),),),
        documents=["b"],
    )
    both = evaluate(
        {"one": pipeline, "three": replace(pipeline, config=pipeline.config.replace(
            {"retrieval.mode": "bm25", "retrieval.k": 3}))},
        [question, replace(question, query=Query(query_id="r", text="phone seat"))],
        measures=["recall@5", "doc_recall@5", "delivered_evidence"],
    )  # fmt: skip
    assert both["one"].table["recall@5"].tolist() == [1.0, 0.0]
    assert both["one"].table["doc_recall@5"].tolist() == [0.0, 1.0]
    assert both["one"].table["lost_at"].tolist() == ["", "select"]


def test_every_measure_that_needs_no_clock_is_tested_here() -> None:
    tested = {name.partition("@")[0] for name in (*MEASURES, *ANSWERS)}
    assert {name.partition("@")[0] for name in KNOWN} - tested == {
        "latency_pN",
        "latency_pN:stage",
    }
    assert isinstance(parse_measure(MEASURES[0]), Measure)
