"""Questions and knobs for tests of running evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whymiss.evaluation import Question, pin
from whymiss.pipeline import Pipeline
from whymiss.records import Query

KNOBS: dict[str, dict[str, Any]] = {
    "hybrid": {},
    "dense": {"retrieval.mode": "dense"},
    "bm25": {"retrieval.mode": "bm25"},
    "weighted": {"retrieval.fusion": "weighted", "retrieval.dense_weight": 0.3},
    "mmr": {"retrieval.mmr_lambda": 0.5},
    "post filter": {"retrieval.filter_mode": "post", "retrieval.candidate_depth": 4},
    "small budget": {"context.token_budget": 25, "retrieval.k": 5},
    "no budget": {"context.token_budget": 1},
    "strict cosine": {"retrieval.mode": "dense", "retrieval.min_score": 0.6},
}


def asked(text: str = "refund ten days", query_id: str = "q", **fields: Any) -> Question:
    return Question(query=Query(query_id=query_id, text=text), **fields)


def pinned(pipeline: Pipeline, questions: Sequence[Question]) -> tuple[Question, ...]:
    documents = pipeline.read_documents(sorted(pipeline.space.catalogue.documents))
    report = pin(questions, documents.values())
    assert not report.problems
    return report.questions
