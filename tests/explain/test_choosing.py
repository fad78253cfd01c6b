"""A chunk is named by id, beginning, quote, rank or record; what cannot be told is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import Question
from whymiss.explain import asked_query, explain
from whymiss.pipeline import Pipeline
from whymiss.records import Passage, Query

TEXTS = ("annual plan for ten", "annual “refund”  policy", "mail plan", "nothing of it")
QUERY = Query(query_id="q", text="annual plan")


@pytest.fixture
def pipeline(pipe: Callable[..., Pipeline]) -> Pipeline:
    return pipe(TEXTS)


def passage(*chunk_ids: str) -> Passage:
    return Passage(number=1, chunk_ids=chunk_ids, doc_id="d01", start=0, end=1, text="a")


def named(pipeline: Pipeline, chunk: Any, against: Any = None) -> str:
    return explain(QUERY, chunk, against, pipeline=pipeline).chunk.chunk_id


def test_every_way_to_name_a_chunk_finds_it(pipeline: Pipeline) -> None:
    chunk = pipeline.space.snapshot.chunks[1]
    hit = pipeline.retrieve(QUERY)[-1].hits[1]

    for given in ("d01:0", "d01", "policy", '"refund" policy', chunk, passage("d01:0")):
        assert named(pipeline, given) == "d01:0"
    assert named(pipeline, hit) == hit.chunk_id == named(pipeline, 2)
    assert named(pipeline, 1) == "d00:0"


def test_the_other_chunk_is_the_first_or_for_the_first_the_second(pipeline: Pipeline) -> None:
    ranked = pipeline.retrieve(QUERY)[-1].chunk_ids
    against = [explain(QUERY, c, pipeline=pipeline).against.chunk_id for c in ranked[:3]]

    assert against == [ranked[1], ranked[0], ranked[0]]


@pytest.mark.parametrize(
    ("chunk", "complaint"),
    [
        ("d0", r"got 'd0': 4 chunk_ids begin so: d00:0, d01:0, d02:0, d03:0\. Quote more of it"),
        ("annual", r"it stands in 2 chunks: d00:0, d01:0\. Quote more of it, or name"),
        ("hats", r"got 'hats': no chunk holds it, or name the chunk by its id"),
        ("", "no chunk holds it|chunk_ids begin so"),
        (0, r"a rank from 1 to 4, as many chunks as are ranked; got 0"),
        (5, r"a rank from 1 to 4, as many chunks as are ranked; got 5"),
        (True, r"its rank or a record; got bool"),
        (None, r"its rank or a record; got NoneType"),
        (passage("d00:0", "d01:0"), r"stands for 2: d00:0, d01:0\. Name one of them"),
        (passage("gone"), r"knows no chunk 'gone' in index 'main'"),
    ],
)  # fmt: skip
def test_what_is_no_single_chunk_is_refused(pipeline: Pipeline, chunk: Any, complaint: str) -> None:
    with pytest.raises(InvalidRecordError, match=complaint):
        named(pipeline, chunk)


def test_a_chunk_is_not_compared_with_itself_nor_with_nothing(
    pipeline: Pipeline, pipe: Callable[..., Pipeline]
) -> None:
    with pytest.raises(InvalidRecordError, match="needs two different chunks; got 'd00:0' twice"):
        named(pipeline, "d00:0", "ten")
    alone = pipe(["annual plan"])
    with pytest.raises(InvalidRecordError, match="the question ranks no other"):
        named(alone, 1)


def test_a_stage_that_did_not_run_is_refused(pipeline: Pipeline) -> None:
    found = explain(QUERY, 1, pipeline=pipeline)

    with pytest.raises(InvalidRecordError, match=r"has no 'reranker'; it has dense 'question tok"):
        found.contrast("reranker")
    with pytest.raises(InvalidRecordError, match=r"has no 'bm25', 'lists'"):
        found.table("bm25", "lists")


def test_a_question_brings_its_asker_or_is_given_one_not_both() -> None:
    own = Query(query_id="q", text="x", principals=("ann",))

    assert asked_query(Question(query=own)) is own
    assert asked_query("x", where=["plan=annual"]).where[0].field == "plan"
    assert asked_query("x").query_id == asked_query("x").query_id != asked_query("y").query_id
    with pytest.raises(InvalidRecordError, match="takes principal and where with a question as te"):
        asked_query(own, principal="bob")
