"""Faults of settings, models and answers."""

from __future__ import annotations

import pytest
from planting import BY_NAME, Plant

from whymiss.diagnosis.lab import Lab

KNOBS = {
    "postfilter_starvation": "retrieval.filter_mode",
    "shallow_depth": "retrieval.candidate_depth",
    "blind_branch": "retrieval.mode",
    "bad_fusion_weight": "retrieval.dense_weight",
    "small_k": "retrieval.k",
    "small_budget": "context.token_budget",
    "bad_order": "context.order",
}


@pytest.mark.parametrize("name", sorted(KNOBS))
def test_a_wrong_knob_is_the_only_difference(name: str, plant: Plant) -> None:
    case = plant(name)

    assert list(case.scene.config.diff(case.base.config)) == [KNOBS[name]]
    assert case.scene.space is case.base.space
    assert case.scene.models is case.base.models


@pytest.mark.parametrize(
    "name",
    [
        "inverted_reranker",
        "truncating_reranker",
        "ignoring_generator",
        "unsupported_claim",
        "wrong_citation",
    ],
)
def test_a_wrong_model_is_the_only_difference(name: str, plant: Plant) -> None:
    case = plant(name)

    assert case.scene.config == case.base.config
    assert case.scene.space is case.base.space
    assert case.scene.models is not case.base.models


@pytest.mark.parametrize("name", ["shallow_depth", "blind_branch"])
def test_a_fault_of_a_branch_is_told_of_the_branch_that_runs(name: str, plant: Plant) -> None:
    case = plant(name)
    ((_, stage),) = case.keys

    assert stage == case.scene.config.retrieval.mode
    both = case.scene.configured({"retrieval.mode": "hybrid"})
    assert BY_NAME[name].stage_in(both) == "dense, bm25"


def test_an_answer_from_memory_is_the_same_for_every_context(plant: Plant, lab: Lab) -> None:
    case = plant("ignoring_generator")
    fewer = case.scene.configured({"retrieval.k": 1})
    one, other = (lab.run(s, answer_always=True).answer for s in (case.scene, fewer))

    assert one is not None
    assert other is not None
    assert one.text == other.text


@pytest.mark.parametrize("name", ["wrong_citation", "unsupported_claim"])
def test_an_edited_answer_keeps_what_it_said(name: str, plant: Plant, lab: Lab) -> None:
    case = plant(name)
    before, after = (lab.run(s).answer for s in (case.base, case.scene))

    assert before is not None
    assert after is not None
    old = [before.text[c.start : c.end] for c in before.citations]
    new = [after.text[c.start : c.end] for c in after.citations]
    assert new[: len(old)] == old
    assert (len(new) > len(old)) == (name == "unsupported_claim")
