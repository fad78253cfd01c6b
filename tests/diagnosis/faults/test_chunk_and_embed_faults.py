"""Faults of chunking and embedding: rows cut otherwise, vectors of less or of something else."""

from __future__ import annotations

import numpy as np
import pytest
from planting import Plant, differing, documents_of, gold

from whymiss.diagnosis.scene import Scene

RECUT = ("boundary_cut", "oversized_chunks", "contextless_chunks", "dropped_text")
OWN_ROWS = (*RECUT, "overlong_chunks", "missing_rows", "stale_version", "parse_loss", "corpus_gap")


@pytest.mark.parametrize("name", OWN_ROWS)
def test_rows_of_other_documents_stay(name: str, plant: Plant) -> None:
    case = plant(name)
    gone, came = differing(case)

    assert gone | came
    assert documents_of(case.base, gone) <= {gold(case).doc_id}
    assert documents_of(case.scene, came) <= {gold(case).doc_id}


@pytest.mark.parametrize("name", [*RECUT, "overlong_chunks", "parse_loss"])
def test_the_chunker_of_a_recut_scene_cuts_as_its_rows_are(name: str, plant: Plant) -> None:
    scene, doc_id = plant(name).scene, gold(plant(name)).doc_id
    stored = scene.document(doc_id)
    assert stored is not None
    spans = scene.models.chunker(scene.config).spans(stored)
    held = [(c.start, c.end) for c in scene.space.snapshot.chunks if c.doc_id == doc_id]

    assert [(s.start, s.end) for s in spans] == held
    other = scene.configured({"chunking.strategy": "fixed"})
    usual = plant(name).base.configured({"chunking.strategy": "fixed"})
    assert list(other.models.chunker(other.config).spans(stored)) == list(
        usual.models.chunker(usual.config).spans(stored)
    )


@pytest.mark.parametrize("name", ["boundary_cut", "oversized_chunks", "contextless_chunks"])
def test_recutting_loses_no_text_and_truncates_nothing(name: str, plant: Plant) -> None:
    case = plant(name)
    before, after = (covered(scene, gold(case).doc_id) for scene in (case.base, case.scene))

    assert before == after
    assert not any(c.n_truncated for c in case.scene.space.snapshot.chunks)


def covered(scene: Scene, doc_id: str) -> set[int]:
    """Visible characters of a document that stand in a row."""
    return {
        place
        for c in scene.space.snapshot.chunks
        if c.doc_id == doc_id
        for place in range(c.start, c.end)
        if not c.text[place - c.start].isspace()
    }


def test_a_cut_boundary_lies_inside_the_evidence(plant: Plant) -> None:
    case = plant("boundary_cut")
    start, end = gold(case).interval
    chunks = [c for c in case.scene.space.snapshot.chunks if c.doc_id == gold(case).doc_id]

    assert any(start < c.start < end for c in chunks)
    assert not any(c.start <= start and end <= c.end for c in chunks)


def test_dropped_text_is_the_evidence_and_the_chunker_drops_it(plant: Plant) -> None:
    case = plant("dropped_text")
    span = gold(case)
    lost = covered(case.base, span.doc_id) - covered(case.scene, span.doc_id)

    assert lost & set(range(*span.interval))
    assert lost <= set(range(*span.interval)) or case.severities[0] > 1


@pytest.mark.parametrize("name", ["encoder_truncation", "overlong_chunks"])
def test_truncated_rows_know_how_much_the_encoder_does_not_see(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    chunks = scene.space.snapshot.chunks

    assert any(c.n_truncated for c in chunks)
    assert all(c.n_truncated == max(0, c.n_tokens - scene.encoder.max_tokens) for c in chunks)


def test_rows_of_another_model_are_turned_and_nothing_else_changes(plant: Plant) -> None:
    case = plant("wrong_model_rows")
    before, after = case.base.space.snapshot, case.scene.space.snapshot
    turned = np.flatnonzero(np.abs(before.vectors - after.vectors).max(axis=1) > 1e-6)

    assert before.chunks == after.chunks
    assert before.manifest == after.manifest
    assert gold(case).doc_id in {after.chunks[row].doc_id for row in turned}
    assert np.allclose(np.linalg.norm(after.vectors, axis=1), 1.0, atol=1e-5)


def test_rows_without_a_length_of_one_keep_their_direction(plant: Plant) -> None:
    case = plant("wrong_metric")
    before, after = (s.space.snapshot.vectors for s in (case.base, case.scene))
    lengths = np.linalg.norm(after, axis=1)

    assert lengths.max() > 1.1
    assert lengths.min() >= 1.0 - 1e-6
    assert np.allclose(after / lengths[:, None], before, atol=1e-5)
