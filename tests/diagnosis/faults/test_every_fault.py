"""What holds of every fault, of pairs of them, and of controls."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import numpy as np
import pytest
from planting import BY_NAME, Plant, rows

from whymiss.diagnosis.faults import (
    FAULTS,
    compatible,
    controls,
    planted,
    planted_pair,
)
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene
from whymiss.stages import STAGES

NAMES = sorted(BY_NAME)


def test_faults_stand_in_the_order_of_stages_and_have_names_of_their_own() -> None:
    stages = [(*STAGES, "branch").index(f.stage) for f in FAULTS if f.stage != "branch"]
    assert stages == sorted(stages)
    assert len(BY_NAME) == len(FAULTS) == 32


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_turns_a_healthy_scene_unhealthy(name: str, plant: Plant, lab: Lab) -> None:
    case = plant(name)

    assert lab.run(case.base).ending == "healthy"
    wrong = BY_NAME[name].stage == "answer" or name == "bad_order"
    assert lab.run(case.scene).ending == ("wrong answer" if wrong else "lost")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"ann_miss"}))
def test_the_same_seed_plants_the_same_scene(name: str, plant: Plant, lab: Lab) -> None:
    case = plant(name)
    fault, run = case.faults[0], lab.run(case.base)
    one, other = (fault.plant(run, case.severities[0], np.random.default_rng(5)) for _ in range(2))

    assert one is not None
    assert other is not None
    assert rows(one) == rows(other)
    assert (one.config, one.question) == (other.config, other.question)
    assert one.space.catalogue == other.space.catalogue
    assert lab.run(one, answer_always=True).answer == lab.run(other, answer_always=True).answer


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_planted_scene_names_its_fault(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    ids = [c.chunk_id + c.doc_id + c.prefix for c in scene.space.snapshot.chunks]
    documents = scene.read_documents(list(scene.space.catalogue.documents)).values()
    told = [
        *ids,
        *(f"{d.doc_id} {d.title} {d.text} {dict(d.metadata)} {d.allowed}" for d in documents),
        json.dumps({k: str(v) for k, v in scene.config.flat().items()}),
        str(scene.question),
        scene.models.generator(scene.config).name,
        scene.encoder.model_version,
        scene.reranker.model_version if scene.reranker else "",
        str(asdict(scene.space.snapshot.manifest)),
    ]
    # A cause is looked for as a word: hashes hold anything.
    leaks = rf"{name}|fault|planted|planting|mutat|\b{BY_NAME[name].cause}\b"
    found = re.search(leaks, " ".join(told))
    assert found is None


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_catalogue_of_a_planted_scene_belong_together(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    snapshot, catalogue = scene.space.snapshot, scene.space.catalogue
    places = [(c.doc_id, c.start, c.chunk_id) for c in snapshot.chunks]

    assert places == sorted(places)
    assert len(set(snapshot.row_of)) == len(snapshot) == len(snapshot.vectors)
    assert set(snapshot.states) == set(snapshot.doc_ids)
    assert set(snapshot.doc_ids) <= set(catalogue.documents)
    assert catalogue.documents.keys() == catalogue.states.keys() == catalogue.content_hashes.keys()
    stored = scene.read_documents(list(catalogue.documents))
    assert {d: doc.content_hash for d, doc in stored.items()} == dict(catalogue.content_hashes)
    assert all(stored[d].metadata == doc.metadata for d, doc in catalogue.documents.items())
    assert snapshot.manifest.model_version == scene.encoder.model_version


HONEST = sorted(set(NAMES) - {"wrong_model_rows", "wrong_metric"})


@pytest.mark.parametrize("name", HONEST)
def test_vectors_are_what_the_encoder_makes_of_the_rows(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    texts = [chunk.indexed_text for chunk in scene.space.snapshot.chunks]
    encoded = scene.encoder.encode_documents(texts)

    assert np.allclose(scene.space.snapshot.vectors, encoded, atol=1e-6)


FAITHFUL = sorted(set(NAMES) - {"stale_version", "orphan_rows"})


@pytest.mark.parametrize("name", FAITHFUL)
def test_rows_say_what_their_documents_say_there(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    stored = scene.read_documents(list(scene.space.catalogue.documents))

    assert scene.space.stale_documents() == frozenset()
    assert all(
        stored[c.doc_id].text[c.start : c.end] == c.text for c in scene.space.snapshot.chunks
    )


PAIRS = [
    ("missing_rows", "small_budget"),
    ("boundary_cut", "permission_mistag"),
    ("stale_version", "blind_branch"),
    ("hub", "inverted_reranker"),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_a_pair_each_fault_fails_by_itself_and_both_together(
    first: str, second: str, scenes: list[Scene], lab: Lab
) -> None:
    one, other = BY_NAME[first], BY_NAME[second]
    assert compatible(one, other)
    made = (planted_pair(s, one, other, np.random.default_rng(2), lab) for s in scenes)
    case = next((case for case in made if case is not None), None)

    assert case is not None
    assert [cause for cause, _ in case.keys] == [one.cause, other.cause]
    assert lab.run(case.base).ending == "healthy"
    assert lab.run(case.scene).ending != "healthy"


def test_controls_are_healthy_and_of_many_kinds(scenes: list[Scene], lab: Lab) -> None:
    healthy = [s for s in scenes if lab.run(s).ending == "healthy"][:2]
    made = [c for s in healthy for c in controls(s, np.random.default_rng(1), lab)]

    assert all(lab.run(c.scene).ending == "healthy" for c in made)
    assert len({c.name for c in made}) >= 9
    assert any(c.scene.space.stale_documents() for c in made)


def test_a_question_that_is_lost_already_gets_no_fault_and_no_control(
    scenes: list[Scene], lab: Lab
) -> None:
    nothing = scenes[0].configured({"context.token_budget": 1})
    assert lab.run(nothing).ending == "lost"

    assert planted(nothing, BY_NAME["missing_rows"], np.random.default_rng(0), lab) is None
    assert controls(nothing, np.random.default_rng(0), lab) == ()
