"""A run is what the pipeline does, stage by stage, and is judged against the evidence."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from handmade import GOLD, TableReranker, Writer, filler, handmade, pipeline, question, where
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.diagnosis.edits import ingested, reindexed, with_documents, with_rows
from whymiss.diagnosis.lab import Lab, Run
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.scene import Scene
from whymiss.diagnosis.truth import NOWHERE
from whymiss.evaluation.judging import delivered
from whymiss.records import Document, Query

FILLER, COSINES = filler(8)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))


def scene(gold: float = 0.9, **how: Any) -> Scene:
    return handmade(TEXTS, LABELLED, {**COSINES, "Refunds": gold}, **how)


KNOBS: dict[str, st.SearchStrategy[Any]] = {
    "retrieval.mode": st.sampled_from(["dense", "bm25", "hybrid"]),
    "retrieval.k": st.integers(1, 4),
    "retrieval.candidate_depth": st.integers(4, 9),
    "retrieval.fusion": st.sampled_from(["rrf", "weighted"]),
    "retrieval.dense_weight": st.sampled_from([0.1, 0.5, 0.9]),
    "retrieval.filter_mode": st.sampled_from(["pre", "post"]),
    "retrieval.mmr_lambda": st.sampled_from([1.0, 0.5]),
    "rerank.depth": st.integers(1, 9),
    "rerank.blend": st.sampled_from(["replace", "rrf", "weighted"]),
    "context.token_budget": st.sampled_from([25, 60, 1500]),
    "context.order": st.sampled_from(["rank", "reverse", "edges", "document"]),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Nine documents with cosines, permissions and tags of any kind."""
    cosines = {name: draw(st.sampled_from([0.2, 0.4, 0.6, 0.8])) for name in [*COSINES, "Refunds"]}
    about = {
        doc_id: {
            "allowed": draw(st.sampled_from([("*",), ("staff",), ()])),
            "metadata": {"plan": draw(st.sampled_from(["annual", "monthly"]))},
        }
        for doc_id in TEXTS
    }
    asked = question(
        TEXTS, ("gold.md", GOLD), text=draw(st.sampled_from(["Refunds of filler03?", "Why?"])),
        principals=draw(st.sampled_from([(), ("staff",)])),
        where=draw(st.sampled_from([(), where(plan="annual")])),
    )  # fmt: skip
    ranks = draw(st.sampled_from([None, {"Refunds": 0.9}, {"filler01": 0.9, "Refunds": 0.1}]))
    return handmade(
        TEXTS, asked, cosines, about=about, knobs=draw(st.fixed_dictionaries(KNOBS)),
        reranker=TableReranker(ranks) if ranks is not None else None,
        generator=Writer(lambda context: (f"{len(context.passages)} passages.", [])),
    )  # fmt: skip


def selected(run: Run) -> list[str]:
    return [chunk.chunk_id for chunk in run.chunks(run.stages["select"])]


@settings(max_examples=60)
@given(scenes())
def test_a_run_is_what_the_pipeline_does(made: Scene) -> None:
    run = Lab().run(made, answer_always=True)
    trace = pipeline(made).run(made.question.query)

    assert list(run.stages) == [ranking.stage for ranking in trace.rankings]
    for ranking in trace.rankings:
        found = run.stages[ranking.stage]
        assert [c.chunk_id for c in run.chunks(found)] == list(ranking.chunk_ids)
        assert found.scores.tolist() == pytest.approx([hit.score for hit in ranking.hits])
    assert run.context == trace.context
    assert run.answer == trace.answer
    spans = [(p.doc_id, p.start, p.end) for p in run.context.passages]
    assert run.delivered == delivered(spans, made.question)
    assert bool(run.lost_at) != run.delivered


@settings(max_examples=25)
@given(scenes(), st.data())
def test_a_lab_that_ran_other_scenes_gives_what_a_new_one_gives(
    made: Scene, data: st.DataObject
) -> None:
    lab = Lab()
    for knob, value in data.draw(st.fixed_dictionaries(KNOBS)).items():
        if knob not in ("retrieval.k", "retrieval.candidate_depth"):
            lab.run(made.configured({knob: value}))
    lab.run(with_rows(made, drop=[0]))
    here, there = lab.run(made), Lab().run(made)

    assert selected(here) == selected(there)
    assert here.context == there.context
    assert here.lost_at == there.lost_at
    assert here.reach == there.reach


def test_rows_that_are_chosen_are_packed_in_their_order() -> None:
    made = scene(gold=0.1)
    rows = (8, 2, 5)
    run = Lab().run(replace(made, chosen=rows))
    chunks = made.space.snapshot.chunks

    assert run.context.chunk_ids == tuple(chunks[row].chunk_id for row in rows)
    assert run.delivered
    assert Lab().run(made).lost_at == "select"
    assert Lab().run(replace(made, chosen=(2, 5))).lost_at == "select"


def test_a_passage_of_an_earlier_text_delivers_nothing() -> None:
    # The row has the same place and length as the evidence, and other words.
    old = GOLD.replace("ten", "two")
    run = Lab().run(scene(indexed={"gold.md": old}))
    passages = [p for p in run.context.passages if p.doc_id == "gold.md"]

    assert [p.text for p in passages] == [old]
    assert not run.delivered
    assert run.lost_at == "index"
    assert NOWHERE in run.places(run.stages["select"])
    assert run.gold_rows == []


def test_an_answer_is_written_only_where_the_evidence_is_or_always_when_asked_to() -> None:
    writer = Writer(lambda _: (f"{GOLD} [1]", [1]))
    lab = Lab()
    there, gone = scene(generator=writer), scene(gold=0.1, generator=writer)

    assert lab.run(there).answer is not None
    assert lab.run(there).ending == "healthy"
    assert lab.run(gone).answer is None
    told = lab.run(gone, answer_always=True)
    assert told.answer is not None
    assert told.grounds is None
    assert lab.run(scene()).answer is None


def ordered_by_reach() -> list[tuple[str, Scene]]:
    wrong = Writer(lambda _: ("It rains in spring.", []))
    right = Writer(lambda context: (GOLD, [context.passages[0].number]))
    missing = question(FILLER, ("gold.md", GOLD))
    return [
        ("parse", handmade(FILLER, missing, COSINES)),
        ("index", scene(rows=lambda chunks: [c for c in chunks if c.doc_id != "gold.md"])),
        ("filter", scene(about={"gold.md": {"allowed": ("staff",)}})),
        ("dense", scene(gold=0.1, knobs={"retrieval.candidate_depth": 5})),
        ("select", scene(gold=0.1)),
        ("select", scene(gold=0.45)),
        ("pack", scene(gold=0.65, knobs={"context.token_budget": 25})),
        ("", scene(generator=wrong)),
        ("", scene(generator=right)),
    ]


def test_reach_grows_with_the_stage_that_lost_the_evidence_and_then_with_its_rank() -> None:
    lab = Lab()
    runs = [lab.run(made) for _, made in ordered_by_reach()]

    assert [run.lost_at for run in runs] == [stage for stage, _ in ordered_by_reach()]
    assert [run.ending for run in runs[-2:]] == ["wrong answer", "healthy"]
    reaches = [run.reach for run in runs]
    assert all(a < b for a, b in pairwise(reaches))


def test_a_question_is_encoded_once() -> None:
    made, lab = scene(), Lab()
    asked: list[str] = []
    encoder = made.encoder
    encode = encoder.encode_queries

    def counting(texts: Any) -> Any:
        asked.extend(texts)
        return encode(texts)

    encoder.encode_queries = counting  # type: ignore[method-assign]
    lab.run(made)
    lab.run(made.configured({"retrieval.k": 1}))
    lab.run(with_rows(made, drop=[1]))
    lab.vectors(made, [LABELLED.query.text])

    assert asked == [LABELLED.query.text]


def test_runs_are_counted_and_not_repeated() -> None:
    made, lab = scene(), Lab()
    first = lab.run(made)

    assert lab.run(made) is first
    assert lab.n_runs == 1


# Changes to a scene


def index_of(made: Scene) -> list[tuple[object, ...]]:
    """All rows with their vectors."""
    snapshot = made.space.snapshot
    return [
        (chunk, vector.round(5).tolist(), snapshot.states[chunk.doc_id])
        for chunk, vector in zip(snapshot.chunks, snapshot.vectors, strict=True)
    ]


def test_a_document_that_is_ingested_is_stored_and_indexed_as_if_it_had_always_been() -> None:
    before = handmade(FILLER, question(FILLER, ("gold.md", GOLD)), {**COSINES, "Refunds": 0.9})
    made = ingested(before, [Document(doc_id="gold.md", text=GOLD, allowed=("*",))])

    assert index_of(made) == index_of(scene())
    assert made.space.catalogue.states == scene().space.catalogue.states
    assert made.document("gold.md") is not None
    assert before.document("gold.md") is None
    assert made.space.stale_documents() == frozenset()


def test_a_document_that_is_stored_anew_makes_its_rows_stale_until_it_is_indexed() -> None:
    text = f"{GOLD}\n\nCards wait."
    changed = Document(doc_id="gold.md", text=text, allowed=("*",))
    stored = with_documents(scene(), {"gold.md": changed})

    assert stored.space.stale_documents() == {"gold.md"}
    assert len(stored.space.snapshot) == len(scene().space.snapshot)
    indexed = reindexed(stored, ["gold.md"])
    assert indexed.space.stale_documents() == frozenset()
    assert [c.text for c in indexed.space.snapshot.chunks[-2:]] == text.split("\n\n")


def test_a_document_that_is_removed_is_seen_by_nobody() -> None:
    gone = with_documents(scene(), {"gold.md": None})

    assert gone.document("gold.md") is None
    assert not gone.space.visible(Query(query_id="q", text="?"))[-1]
    assert Lab().run(gone).lost_at == "parse"


def test_a_rebuilt_index_is_that_of_the_documents_as_they_are_stored() -> None:
    broken = scene(
        indexed={"gold.md": "Old words."},
        rows=lambda chunks: [c for c in chunks if c.doc_id != "filler03.md"],
    )

    assert index_of(Rebuilds().rebuilt(broken)) == index_of(scene())


def test_an_index_is_rebuilt_once_for_the_same_documents_and_settings() -> None:
    rebuilds, made = Rebuilds(), scene()
    first = rebuilds.rebuilt(made).space

    assert rebuilds.rebuilt(made.configured({"retrieval.k": 1})).space is first
    assert rebuilds.rebuilt(made.configured({"chunking.heading_prefix": False})).space is not first
    other = with_documents(made, {"gold.md": None})
    assert len(rebuilds.rebuilt(other).space.snapshot) == len(first.snapshot) - 1
