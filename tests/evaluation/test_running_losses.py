"""The stage that lost the evidence is the one that a trace shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running_evaluations import KNOBS, asked, pinned

import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation import EvidenceSpan, Question, evaluate
from whymiss.evaluation.losses import holds_evidence
from whymiss.pipeline import Pipeline
from whymiss.records import Answer, Context, Document, Query, Trace
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench


def given_to(trace: Trace, pipeline: Pipeline, stage: str) -> list[list[tuple[str, int, int]]]:
    """What a stage was given, seen from a trace: one list of spans, or one for each branch."""
    chunks = {chunk.chunk_id: chunk for chunk in pipeline.space.snapshot.chunks}
    spans = {
        ranking.stage: [
            (chunks[i].doc_id, chunks[i].start, chunks[i].end) for i in ranking.chunk_ids
        ]
        for ranking in trace.rankings
    }
    every = [(c.doc_id, c.start, c.end) for c in chunks.values()]
    mask = pipeline.space.visible(
        Query(query_id="x", text="x", principals=trace.principals, where=trace.where)
    )
    visible = [span for span, seen in zip(every, mask, strict=True) if seen]
    branches = [spans[name] for name in ("dense", "bm25") if name in spans]
    found = [span for branch in branches for span in branch]
    assert trace.context is not None
    packed = [(p.doc_id, p.start, p.end) for p in trace.context.passages]
    return {
        "filter": [every],
        "dense": [visible],
        "fuse": [found],
        "rerank": [spans.get("fuse", found)],
        "select": [spans.get("rerank", spans.get("fuse", found))],
        "pack": [spans["select"]],
        "answer": [packed],
    }[stage]


@pytest.mark.parametrize("reranked", [False, True])
@pytest.mark.parametrize("knobs", KNOBS.values(), ids=list(KNOBS))
def test_the_stage_that_is_named_was_given_the_evidence_and_what_follows_lacks_it(
    stored: Path,
    config: PipelineConfig,
    questions: list[Question],
    by_length: type,
    knobs: dict[str, Any],
    reranked: bool,
) -> None:
    chosen = config.replace({**knobs, "rerank.depth": 5})
    parts = {"reranker": by_length()} if reranked else {}
    with whymiss.open(stored, encoder=HashingEncoder(), config=chosen, **parts) as wb:
        pipeline = wb.pipeline(answer=False)
        table = wb.evaluate(questions).table.set_index("query_id")
        for question in pinned(pipeline, questions):
            lost_at = table.loc[question.query_id, "lost_at"]
            holds = holds_evidence(question)
            if holds is None:
                assert lost_at is pd.NA
                continue
            trace = pipeline.run(question.query)
            assert trace.context is not None
            delivered = holds(given_to(trace, pipeline, "answer")[0])
            assert (lost_at == "") == delivered
            if lost_at:
                first = lost_at.partition(",")[0].replace("bm25", "dense")
                assert all(holds(spans) for spans in given_to(trace, pipeline, first))


def test_the_library_loses_evidence_in_many_ways(
    stored: Path, config: PipelineConfig, questions: list[Question]
) -> None:
    chosen = config.replace({"context.token_budget": 25, "retrieval.k": 6})
    with whymiss.open(stored, encoder=HashingEncoder(), config=chosen) as wb:
        lost = set(wb.evaluate(questions).failures["stage"])
    assert lost == {"filter", "dense, bm25", "select", "pack"}


def test_abstaining_on_delivered_evidence_is_lost_by_the_answer(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    pipeline = pipeline_of([Document(doc_id="a", text="refund ten days", allowed=["*"])])

    class Shy:
        name = "shy"

        def generate(self, query: Query, context: Context) -> Answer:
            return Answer(text="", abstained=True, generator=self.name)

    question = asked(evidence=((EvidenceSpan(doc_id="a", start=0, end=6),),))
    never = asked("who?", "never")
    run = evaluate({"main": replace(pipeline, generator=Shy())}, [question, never])["main"]
    assert run.table["lost_at"].tolist()[0] == "answer"
    assert run.table["lost_at"].isna().tolist() == [False, True]
    assert run.table["flags"].tolist()[0] == ("abstained",)
    assert evaluate({"main": pipeline}, [question])["main"].table["lost_at"].tolist() == [""]


def test_a_parent_that_does_not_fit_is_lost_by_packing(
    open_lab: Callable[..., Workbench],
) -> None:
    wb = open_lab()
    text = "Alpha beta gamma delta epsilon zeta eta theta. Refund words stand here at last today."
    wb.ingest([Document(doc_id="p", text=text, allowed=["*"])])
    config = wb.config.replace(
        {"chunking.strategy": "parent_child", "chunking.size": 10, "chunking.parent_size": 60,
         "index.name": "parents", "retrieval.k": 1, "retrieval.mode": "bm25"}
    )  # fmt: skip
    wb.build(config)
    question = Question(
        query=Query(query_id="q", text="alpha beta gamma delta"),
        evidence=((EvidenceSpan(doc_id="p", start=0, end=len(text)),),),
    )
    # The child that was selected holds half of the evidence, and stands for a parent with all.
    wide = wb.evaluate([question], config=config)
    tight = wb.evaluate([question], config=config.replace({"context.token_budget": 20}))
    assert wide.table["lost_at"].tolist() == [""]
    assert tight.table["lost_at"].tolist() == ["pack"]
