"""Deny unless said otherwise, and no trace of what is hidden in what an outsider gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whymiss
from whymiss.answering import make_generator
from whymiss.config import AnswerConfig
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query, Trace
from whymiss.retrieval import SearchSpace
from whymiss.testing import HashingEncoder
from whymiss.traces import trace_to_json

WORDS = ["refund", "annual", "monthly", "plan", "phone", "support", "FW-1042", "the", "seat"]

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"retrieval.bm25_engine": "rank_bm25", "retrieval.fusion": "weighted"},
    {"retrieval.mmr_lambda": 0.4, "retrieval.candidate_depth": 5, "retrieval.k": 3},
    {"retrieval.filter_mode": "post", "retrieval.mode": "dense", "retrieval.candidate_depth": 5},
    {"retrieval.filter_mode": "post", "retrieval.mode": "bm25", "retrieval.candidate_depth": 5},
    {"retrieval.min_score": 0.2, "trace.low_score": 0.6, "context.token_budget": 12},
]


def visible_to(space: SearchSpace, *principals: str) -> set[str]:
    mask = space.visible(Query(query_id="q", text="t", principals=principals))
    return {c.doc_id for c, seen in zip(space.snapshot.chunks, mask, strict=True) if seen}


@pytest.fixture(scope="module")
def space(space_of: Callable[..., SearchSpace]) -> SearchSpace:
    readers: dict[str, tuple[str, ...]] = {
        "silent": (),
        "open": ("*",),
        "staff": ("staff",),
        "two": ("hr", "staff"),
        "case": ("Staff",),
    }
    return space_of([Document(doc_id=d, text="plan", allowed=a) for d, a in readers.items()])


@pytest.mark.parametrize(
    ("principals", "documents"),
    [
        ((), {"open"}),
        (("staff",), {"open", "staff", "two"}),
        (("hr",), {"open", "two"}),
        (("hr", "staff"), {"open", "staff", "two"}),
        (("Staff",), {"open", "case"}),
        (("*",), {"open"}),
        (("nobody",), {"open"}),
        (("staff ",), {"open"}),
        (("staff,hr",), {"open"}),
    ],
)
def test_a_document_without_readers_is_read_by_nobody_and_a_star_means_everybody(
    space: SearchSpace, principals: tuple[str, ...], documents: set[str]
) -> None:
    assert visible_to(space, *principals) == documents


def test_rows_of_a_document_that_left_the_store_are_seen_by_nobody(space: SearchSpace) -> None:
    documents = {k: v for k, v in space.catalogue.documents.items() if k != "open"}
    later = SearchSpace(space.snapshot, replace(space.catalogue, documents=documents))
    assert visible_to(later) == set()


def test_permissions_hold_also_when_the_filter_comes_after(space: SearchSpace) -> None:
    mask = space.visible(Query(query_id="q", text="t"), apply_where=False)
    assert [c.doc_id for c, m in zip(space.snapshot.chunks, mask, strict=True) if m] == ["open"]


def observable(trace: Trace) -> bytes:
    """Everything in a trace but its id, its times and the version numbers of the tables."""
    raw = json.loads(trace_to_json(trace))
    for name in ("trace_id", "asked_at", "seconds", "index_version"):
        del raw[name]
    return json.dumps(raw, sort_keys=True).encode()


@given(
    visible=st.lists(texts, min_size=1, max_size=8),
    hidden=st.lists(texts, min_size=1, max_size=12),
    question=texts,
    place=st.sampled_from(["a", "m", "z"]),
    knobs=st.sampled_from(SETTINGS),
    filtered=st.booleans(),
)
def test_hidden_documents_change_nothing_that_an_outsider_can_observe(
    pipeline_of: Callable[..., Pipeline],
    visible: list[str],
    hidden: list[str],
    question: str,
    place: str,
    knobs: dict[str, Any],
    filtered: bool,
) -> None:
    seen = [
        Document(doc_id=f"m{i}", text=t, allowed=["*"], metadata={"even": i % 2 == 0})
        for i, t in enumerate(visible)
    ]
    secret = [
        Document(
            doc_id=f"{place}-{i}", text=t, allowed=[["hr"], []][i % 2], metadata={"even": True}
        )
        for i, t in enumerate(hidden)
    ]
    where = whymiss.Clause(field="even", op="eq", value=True)
    query = Query(query_id="q", text=question, where=(where,) if filtered else ())
    generator = make_generator(AnswerConfig(min_support=0.1), HashingEncoder())
    alone = pipeline_of(seen, knobs, size=4, generator=generator).run(query)
    beside = pipeline_of([*seen, *secret], knobs, size=4, generator=generator).run(query)
    assert observable(beside) == observable(alone)


def test_a_word_in_hidden_documents_does_not_lower_its_weight(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    # Measured on LanceDB's own full-text search: 5.85 fell to 0.26 as 400 hidden documents came.
    seen = [Document(doc_id="open", text="merger with Acme", allowed=["*"])]
    secret = [Document(doc_id=f"s{i}", text="merger", allowed=["hr"]) for i in range(400)]
    query = Query(query_id="q", text="merger")
    scores = []
    for documents in (seen, seen + secret):
        ranking = pipeline_of(documents, {"retrieval.mode": "bm25"}).retrieve(query)[0]
        scores += [hit.score for hit in ranking.hits]
    assert scores[0] == scores[1] > 0
    assert len(scores) == 2


def test_hidden_documents_change_nothing_in_a_real_store_either(tmp_path: Path) -> None:
    open_document = Document(doc_id="open", text="Refunds take ten days.", allowed=["*"])
    secret = [
        Document(doc_id=f"s{i}", text=f"Refunds of the merger, part {i}.", allowed=["hr"])
        for i in range(30)
    ]
    with whymiss.open(tmp_path, encoder=HashingEncoder()) as wb:
        wb.ingest([open_document])
        before = wb.ask("How long do refunds take?")
        wb.ingest(secret)
        after = wb.ask("How long do refunds take?")
        assert observable(after) == observable(before)
        insider = wb.ask("How long do refunds take?", principal="hr")
        assert len(insider.rankings[0].hits) == 31


def test_taking_a_permission_away_works_at_the_next_question(tmp_path: Path) -> None:
    document = Document(doc_id="pay", text="Salaries rise in May.", allowed=["hr", "staff"])
    with whymiss.open(tmp_path, encoder=HashingEncoder()) as wb:
        wb.ingest([document])
        assert wb.ask("When do salaries rise?", principal="staff").rankings[-1].hits
        report = wb.ingest([replace(document, allowed=("hr",))])
        assert report.n_embedded == 0
        assert not wb.ask("When do salaries rise?", principal="staff").rankings[-1].hits
        assert wb.ask("When do salaries rise?", principal="hr").rankings[-1].hits
