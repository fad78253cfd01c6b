"""Each failed question is counted at one step, and the steps add up to what is missing to 1."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from handmade import GOLD, Writer, filler, handmade, question
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.headroom import STEPS, choices, headroom, step_of
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene
from whymiss.errors import InvalidRecordError

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
FRONT: Mapping[str, float] = {"Refunds": 0.9, **COSINES}
BEHIND: Mapping[str, float] = {"Refunds": 0.52, **COSINES}
"""Five of the twelve others are nearer than this."""


def step(scene: Scene, lab: Lab | None = None) -> str:
    lab = lab or Lab()
    return step_of(Case(lab, lab.run(scene)))


def lost(cosines: Mapping[str, float] = BEHIND, labelled: Any = LABELLED, **how: Any) -> Scene:
    return handmade(TEXTS, labelled, cosines, **how)


def test_what_is_delivered_and_answered_from_leaves_nothing_to_gain() -> None:
    right = Writer(lambda context: (GOLD, [context.passages[0].number]))

    assert step(lost(FRONT)) == ""
    assert step(lost(FRONT, generator=right)) == ""


def test_a_wrong_answer_from_delivered_evidence_counts_at_the_answer() -> None:
    assert step(lost(FRONT, generator=Writer(lambda _: ("Plants need water.", [])))) == "answer"


def test_what_was_selected_and_not_packed_counts_at_packing() -> None:
    scene = lost({**BEHIND, "Refunds": 0.69}, knobs={"context.token_budget": 30})

    assert Lab().run(scene).lost_at == "pack"
    assert step(scene) == "packing"


def test_a_candidate_that_was_not_among_the_first_k_counts_at_reranking() -> None:
    assert step(lost()) == "rerank"
    assert step(lost(knobs={"retrieval.candidate_depth": 6})) == "rerank"


def test_what_no_branch_found_counts_at_retrieval() -> None:
    assert step(lost(knobs={"retrieval.candidate_depth": 5})) == "retrieval"


def test_what_a_branch_found_and_merging_put_out_of_reach_counts_at_fusion() -> None:
    knobs = {"retrieval.mode": "hybrid", "retrieval.k": 2, "retrieval.candidate_depth": 8}

    assert step(lost(knobs={**knobs, "rerank.depth": 3})) == "fusion"
    assert step(lost(knobs={**knobs, "rerank.depth": 50})) == "rerank"


def test_what_the_asker_may_not_see_counts_at_the_filter() -> None:
    assert step(lost(about={"gold.md": {"allowed": ("board",)}})) == "filter"


def test_a_row_that_an_ingest_would_make_counts_at_the_index() -> None:
    gone = lost(rows=lambda made: [c for c in made if c.doc_id != "gold.md"])

    assert step(gone) == "index"


def test_what_the_chunker_leaves_out_counts_at_chunking() -> None:
    assert step(lost(chunker_cuts={"gold.md": [(0, 9)]})) == "chunk"


def test_words_that_no_document_has_count_at_parsing() -> None:
    assert step(lost(labelled=question(TEXTS, ("gold.md", "Refunds take a year.")))) == "parse"
    assert step(lost(labelled=question(TEXTS, ("absent.md", "Refunds take a year.")))) == "parse"


def test_a_question_without_evidence_has_no_step() -> None:
    with pytest.raises(InvalidRecordError, match="step_of needs evidence; 'q' has none"):
        step(lost(labelled=question(TEXTS)))


def test_candidates_that_are_more_than_k_do_not_count_as_deliverable() -> None:
    """The evidence is cut into four chunks where one would do: no order of them helps."""
    cuts = {"gold.md": [(0, 9), (9, 18), (18, 27), (27, len(GOLD))]}
    scene = lost(chunker_cuts=cuts)

    assert step(scene) == "chunk"
    assert step(scene.configured({"retrieval.k": 4})) == "rerank"


def test_candidates_beyond_the_budget_do_not_count_as_deliverable() -> None:
    """The chunk of the evidence is larger than the context, the evidence by itself is not."""
    long = {**TEXTS, "gold.md": f"{GOLD} {'A word more stands here. ' * 30}"}
    labelled = question(long, ("gold.md", GOLD))
    scene = handmade(long, labelled, BEHIND, knobs={"context.token_budget": 60})

    assert step(scene) == "chunk"
    assert step(scene.configured({"context.token_budget": 1500})) == "rerank"


def test_limits_that_not_even_the_bare_evidence_keeps_are_left_aside() -> None:
    """Three documents are needed and k is 2: no chunker can change that, so it is no chunker's."""
    texts = {**FILLER, **{f"{n}.md": f"{GOLD} Part {n}." for n in "abc"}}
    labelled = question(texts, *((f"{n}.md", f"{GOLD} Part {n}.") for n in "abc"))

    assert step(handmade(texts, labelled, BEHIND, knobs={"retrieval.k": 2})) == "rerank"


def test_one_of_several_ways_to_answer_is_enough() -> None:
    far = question(TEXTS, ("absent.md", "Refunds take a year."))
    both = replace(LABELLED, evidence=(*far.evidence, *LABELLED.evidence))

    assert step(lost(labelled=both)) == "rerank"

    texts = {**TEXTS, "other.md": "It is back after two weeks at the latest."}
    second = question(texts, ("other.md", texts["other.md"])).evidence
    both = replace(LABELLED, evidence=(*second, *LABELLED.evidence))
    # The first alternative has no rows.
    scene = handmade(
        texts, both, BEHIND, rows=lambda made: [c for c in made if c.doc_id != "other.md"]
    )
    assert step(scene) == "rerank"


def test_one_whole_chunk_is_chosen_before_the_parts_that_stand_ahead_of_it() -> None:
    spans = [(0, 20), (18, len(GOLD)), (0, len(GOLD))]
    cosines = {GOLD: 0.5, GOLD[:20]: 0.55, GOLD[18:]: 0.52, **COSINES}
    scene = lost(cosines, chunker_cuts={"gold.md": spans}, knobs={"retrieval.k": 1})

    assert step(scene) == "rerank"


SPANS = st.lists(st.integers(1, len(GOLD) - 1), min_size=1, max_size=3, unique=True).map(sorted)


@settings(max_examples=60)
@given(
    cuts=SPANS,
    overlap=st.integers(0, 12),
    k=st.integers(1, 3),
    depth=st.integers(4, 14),
    budget=st.sampled_from([20, 30, 45, 1500]),
    near=st.sampled_from([0.5, 0.66, 0.8]),
    data=st.data(),
)
def test_the_step_is_the_last_that_was_given_enough_by_trying_every_choice(
    cuts: list[int], overlap: int, k: int, depth: int, budget: int, near: float, data: st.DataObject
) -> None:
    """The oracle packs every choice of at most k rows; nothing of the diagnosis decides."""
    edges = [0, *cuts, len(GOLD)]
    spans = [(max(0, a - overlap), b) for a, b in itertools.pairwise(edges)]
    cosine = {GOLD[a:b]: near - data.draw(st.integers(0, 2)) / 10 for a, b in spans}
    lab = Lab()
    scene = handmade(
        TEXTS, LABELLED, {**cosine, **COSINES}, chunker_cuts={"gold.md": spans},
        knobs={"retrieval.k": k, "retrieval.candidate_depth": depth,
               "context.token_budget": budget},
    )  # fmt: skip
    run = lab.run(scene)
    found = step(scene, lab)

    def any_choice(rows: list[int]) -> bool:
        return any(
            lab.run(replace(scene, chosen=some)).delivered
            for n in range(1, k + 1)
            for some in itertools.combinations(rows, n)
        )

    gold = set(run.gold_rows)
    among = [row for row in run.ordered.rows.tolist() if row in gold]
    selected = [row for row in run.stages["select"].rows.tolist() if row in gold]
    held = run.truth.holds
    assert held is not None
    if run.delivered:
        assert found == ""
    elif held(run.places(run.stages["select"])):
        assert found == "packing"
        assert selected
    elif any_choice(among):
        assert found == "rerank"
    elif any_choice(sorted(gold)):
        assert found == "retrieval"
    else:
        # The whole evidence as one chunk is 10 tokens: all budgets hold it.
        assert found == "chunk"


@settings(max_examples=40)
@given(cuts=SPANS, overlap=st.integers(0, 30))
def test_a_choice_holds_the_evidence_and_none_of_it_can_go(cuts: list[int], overlap: int) -> None:
    spans = [(max(0, a - overlap), b) for a, b in itertools.pairwise([0, *cuts, len(GOLD)])]
    run = Lab().run(lost(chunker_cuts={"gold.md": spans}))
    truth = run.truth
    assert truth.holds is not None
    (chosen,) = choices(truth, run.scene.space.snapshot.chunks)
    places = [truth.place(chunk) for chunk in chosen]

    assert truth.holds(places)
    assert not any(truth.holds([*places[:i], *places[i + 1 :]]) for i in range(len(places)))


ENDS = st.dictionaries(st.text(min_size=1), st.sampled_from(["", *STEPS]))


@given(ENDS)
def test_the_steps_add_up_to_what_is_missing_to_1(ends: dict[str, str]) -> None:
    table = headroom(ends, answers=True)
    healthy = sum(not step for step in ends.values())

    assert table["step"].tolist() == list(STEPS)
    assert (table["n"] >= 0).all()
    assert table["n"].sum() == len(ends) - healthy
    if not ends:
        assert table["score_after"].isna().all()
        return
    score = healthy / len(ends)
    assert table["share"].sum() == pytest.approx(1 - score)
    assert table["score_after"].iloc[0] == 1
    ladder = [*table["score_after"], score]
    rises = [upper - lower for upper, lower in itertools.pairwise(ladder)]
    assert rises == pytest.approx(table["share"].tolist())
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()


@given(ENDS)
def test_every_failed_question_stands_in_one_row(ends: dict[str, str]) -> None:
    table = headroom(ends, answers=True)
    rows = {row.step: row.query_ids for row in table.itertuples()}

    assert {q: s for s, ids in rows.items() for q in ids} == {q: s for q, s in ends.items() if s}
    assert [len(ids) for ids in rows.values()] == table["n"].tolist()


def test_without_answers_there_is_no_such_step() -> None:
    table = headroom({"a": "", "b": "packing"}, answers=False)

    assert isinstance(table, pd.DataFrame)
    assert table["step"].tolist() == [step for step in STEPS if step != "answer"]
    assert table["score_after"].iloc[-1] == 1
