"""Faults of rows: stale, orphaned, repeated, crowding, mistagged."""

from __future__ import annotations

import numpy as np
import pytest
from planting import Plant, differing, gold

from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene


def test_a_stale_document_has_another_state_and_other_words(plant: Plant) -> None:
    case = plant("stale_version")
    doc_id = gold(case).doc_id

    assert case.scene.space.stale_documents() == {doc_id}
    assert case.scene.document(doc_id) == case.base.document(doc_id)
    stored = case.base.document(doc_id)
    assert stored is not None
    quote = stored.text[slice(*gold(case).interval)]
    assert not any(quote in c.text for c in case.scene.space.snapshot.chunks if c.doc_id == doc_id)


def test_orphans_say_what_no_document_says_any_more(plant: Plant) -> None:
    case = plant("orphan_rows")
    gone, came = differing(case)
    stored = case.scene.read_documents(list(case.scene.space.catalogue.documents))
    orphans = [c for c in case.scene.space.snapshot.chunks if c.chunk_id in came]

    assert not gone
    assert orphans
    assert not any(c.text in stored[c.doc_id].text for c in orphans)
    assert case.scene.space.stale_documents() == frozenset()


ADDING = ("duplicate_rows", "orphan_rows", "near_duplicate_displacer", "hub")


@pytest.mark.parametrize("name", ADDING)
def test_what_crowds_the_evidence_out_only_adds_rows(name: str, plant: Plant, lab: Lab) -> None:
    case = plant(name)
    gone, came = differing(case)
    run = lab.run(case.scene)
    selected = {chunk.chunk_id for chunk in run.chunks(run.stages["select"])}

    assert not gone
    assert selected & came


def test_duplicates_repeat_words_that_are_there_already(plant: Plant) -> None:
    case = plant("duplicate_rows")
    _, came = differing(case)
    texts = {chunk.text for chunk in case.base.space.snapshot.chunks}

    assert all(c.text in texts for c in case.scene.space.snapshot.chunks if c.chunk_id in came)


def test_look_alikes_differ_from_the_evidence_and_from_each_other(plant: Plant) -> None:
    case = plant("near_duplicate_displacer")
    new = case.scene.space.catalogue.documents.keys() - case.base.space.catalogue.documents.keys()
    stored = case.base.document(gold(case).doc_id)
    assert stored is not None
    quote = stored.text[slice(*gold(case).interval)]
    made = case.scene.read_documents(sorted(new))

    assert len({d.text for d in made.values()}) == len(made) >= case.base.config.retrieval.k
    assert not any(quote in d.text for d in made.values())
    assert all(set(d.text.split()) & set(quote.split()) for d in made.values())


def test_hubs_are_near_to_more_questions_than_others(plant: Plant, scenes: list[Scene]) -> None:
    case = plant("hub")
    snapshot = case.scene.space.snapshot
    _, came = differing(case)
    asked = case.scene.encoder.encode_queries([s.question.query.text for s in scenes])
    nearest = np.argsort(-(asked @ snapshot.vectors.T), axis=1)[:, :10]
    times = np.bincount(nearest.ravel(), minlength=len(snapshot))
    hubs = [row for row, chunk in enumerate(snapshot.chunks) if chunk.chunk_id in came]
    others = np.delete(times, hubs)

    assert times[hubs].max() > np.quantile(others, 0.95)


@pytest.mark.parametrize("name", ["filter_mistag", "permission_mistag"])
def test_a_mistag_changes_the_evidences_document_alone(name: str, plant: Plant) -> None:
    case = plant(name)
    before, after = (s.space.catalogue.documents for s in (case.base, case.scene))
    changed = {doc_id for doc_id in before if before[doc_id] != after[doc_id]}

    assert changed == {gold(case).doc_id}
    assert differing(case) == (set(), set())
    assert case.scene.question == case.base.question
    assert case.scene.config == case.base.config
