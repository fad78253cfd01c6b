"""The evidence followed from stage to stage, on scenes whose every number is written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from handmade import GOLD, TableReranker, Writer, filler, handmade, question

from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.records import StageView
from whymiss.diagnosis.scene import Scene
from whymiss.stages import STAGES

FILLER, COSINES = filler(6, first=0.7, last=0.2)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
# Cosines 0.7, 0.6, 0.5, 0.4, 0.3, 0.2 of the fillers; the evidence stands fourth with 0.45.
DIALLED = {**COSINES, "Refunds": 0.45}


def views(scene: Scene) -> dict[str, StageView]:
    return {view.stage: view for view in diagnose(scene).funnel}


def test_rank_score_cut_margin_and_displacers_of_a_dense_search() -> None:
    scene = handmade(TEXTS, LABELLED, DIALLED)
    found = views(scene)
    ids = [c.chunk_id for c in scene.space.snapshot.chunks]
    dense, select = found["dense"], found["select"]

    assert (dense.holds, dense.rank, dense.n, dense.cut) == (True, 4, 7, 3)
    assert dense.score == pytest.approx(0.45, abs=1e-6)
    assert dense.cut_score == pytest.approx(0.5, abs=1e-6)
    assert dense.margin == pytest.approx(-0.05, abs=1e-6)
    # Rows are sorted by document: filler00 to filler05, then gold.
    assert dense.displaced_by == (ids[0], ids[1], ids[2])
    assert (select.holds, select.rank, select.n, select.cut) == (False, None, 3, 3)
    assert select.score is None
    assert select.margin is None
    assert select.cut_score == pytest.approx(0.5, abs=1e-6)
    assert select.displaced_by == (ids[0], ids[1], ids[2])
    assert found["pack"].holds is False


def test_stages_stand_in_their_order_and_only_those_that_ran() -> None:
    plain = list(views(handmade(TEXTS, LABELLED, DIALLED)))
    hybrid = list(
        views(
            handmade(
                TEXTS, LABELLED, DIALLED, knobs={"retrieval.mode": "hybrid"},
                reranker=TableReranker({}), generator=Writer(lambda _: ("Hello.", [])),
            )
        )
    )  # fmt: skip

    before = ["parse", "chunk", "embed", "index", "filter"]
    assert plain == [*before, "dense", "select", "pack"]
    assert hybrid == [*before, "dense", "bm25", "fuse", "rerank", "select", "pack", "answer"]
    assert sorted(hybrid, key=STAGES.index) == hybrid


def test_what_a_reranker_reads_is_the_cut_of_the_stage_before_it() -> None:
    # It reads 5 of 7 candidates, puts the evidence first, and the fillers behind in row order.
    scene = handmade(
        TEXTS, LABELLED, DIALLED, reranker=TableReranker({"Refunds": 0.9, "Topic": 0.1}),
        knobs={"retrieval.mode": "hybrid", "rerank.depth": 5, "rerank.blend": "replace"},
    )  # fmt: skip
    found = views(scene)

    assert found["fuse"].cut == 5
    assert (found["rerank"].rank, found["rerank"].cut, found["rerank"].holds) == (1, 3, True)
    assert found["rerank"].displaced_by == ()
    assert found["rerank"].margin == pytest.approx(0.8)
    assert found["bm25"].rank is None
    assert found["bm25"].score is None


def test_hidden_rows_are_counted_and_seen_to_be_lost_at_the_filter() -> None:
    scene = handmade(TEXTS, LABELLED, DIALLED, about={"gold.md": {"allowed": ("staff",)}})
    found = views(scene)

    assert (found["index"].holds, found["index"].n) == (True, 7)
    assert (found["filter"].holds, found["filter"].n) == (False, 6)
    assert found["filter"].note == "1 of 1 chunks with evidence are hidden"
    assert found["dense"].holds is False
    assert len(found["dense"].displaced_by) == 5


def test_a_missing_document_ends_what_can_be_told_of_the_stages_before_the_search() -> None:
    found = views(handmade(FILLER, question(FILLER, ("gold.md", GOLD)), COSINES))

    assert found["parse"].holds is False
    assert found["parse"].note == "not in the store: gold.md"
    assert "chunk" not in found
    assert found["dense"].holds is None
    assert found["dense"].rank is None
    assert found["pack"].holds is False


def test_without_evidence_no_stage_is_said_to_hold_or_to_lack_it() -> None:
    found = views(handmade(TEXTS, question(TEXTS), DIALLED))

    assert "parse" not in found
    assert {view.holds for view in found.values()} == {None}
    assert {view.displaced_by for view in found.values()} == {()}


def test_spans_that_stand_whole_in_a_chunk_are_counted() -> None:
    texts = {**FILLER, "gold.md": f"{GOLD} Cards wait."}
    middle = GOLD.index("business")
    asked = question(texts, ("gold.md", GOLD), ("gold.md", "Cards wait."))
    cuts = {"gold.md": [(0, middle - 1), (middle, len(texts["gold.md"]))]}
    found = views(handmade(texts, asked, DIALLED, chunker_cuts=cuts))

    assert found["chunk"].note == "1 of 2 spans stand whole in one chunk"
    assert (found["chunk"].holds, found["chunk"].n) == (True, 2)


def test_what_packing_left_out_is_told_with_its_reason() -> None:
    scene = handmade(
        TEXTS, LABELLED, {**COSINES, "Refunds": 0.55}, knobs={"context.token_budget": 25}
    )
    found = views(scene)
    run_id = scene.space.snapshot.chunks[-1].chunk_id

    assert (found["select"].holds, found["select"].rank) == (True, 3)
    assert found["pack"].holds is False
    assert f"over budget {run_id}" in found["pack"].note


def test_the_answer_is_judged_only_where_the_evidence_is_there() -> None:
    def told(gold: float) -> StageView:
        writer = Writer(lambda context: (f"{GOLD} It rains in spring.", []))
        scene = handmade(TEXTS, LABELLED, {**COSINES, "Refunds": gold}, generator=writer)
        return views(scene)["answer"]

    assert told(0.9).holds is False
    assert told(0.9).note == "repeats the evidence; 1 unsupported claims; 1 claims cited wrongly"
    assert told(0.1).holds is None


def test_a_stage_without_items_has_neither_rank_nor_scores() -> None:
    scene = handmade(TEXTS, LABELLED, DIALLED)
    nobody = replace(scene, question=question(TEXTS, ("gold.md", GOLD), text="Zzz zzz zzz?"))
    found = views(nobody.configured({"retrieval.mode": "bm25"}))

    assert (found["bm25"].n, found["bm25"].cut, found["bm25"].cut_score) == (0, 0, None)
