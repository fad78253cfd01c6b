"""Faults before any chunk is cut: documents and passages that were lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from planting import BY_NAME, Plant, gold

from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import EvidenceSpan


def test_a_lost_document_leaves_a_quote_and_nothing_else(plant: Plant) -> None:
    case = plant("corpus_gap")
    (span,) = case.scene.question.evidence[0]

    assert not span.pinned
    assert span.quote
    assert case.scene.document(span.doc_id) is None
    assert span.doc_id not in case.scene.space.catalogue.documents
    assert span.doc_id not in case.scene.space.snapshot.doc_ids


def test_a_passage_lost_in_parsing_is_quoted_and_the_rest_is_stored(plant: Plant) -> None:
    case = plant("parse_loss")
    (span,) = case.scene.question.evidence[0]
    stored, before = case.scene.document(span.doc_id), case.base.document(span.doc_id)

    assert stored is not None
    assert before is not None
    assert not span.pinned
    assert span.quote == before.text[slice(*gold(case).interval)]
    assert span.quote not in stored.text
    assert len(stored.text) <= len(before.text) - len(span.quote)


def test_other_labels_move_when_a_passage_before_them_is_lost(
    scenes: list[Scene], lab: Lab
) -> None:
    scene = next(s for s in scenes if lab.run(s).ending == "healthy")
    (span,) = scene.question.evidence[0]
    stored = scene.document(span.doc_id)
    assert stored is not None
    last = stored.text.rindex("An owner of")
    tail = EvidenceSpan(doc_id=span.doc_id, start=last, end=last + 20)
    both = replace(scene.question, evidence=((span, tail),))
    made = BY_NAME["parse_loss"].plant(
        lab.run(replace(scene, question=both)), 1, np.random.default_rng(0)
    )

    assert made is not None
    moved_tail = made.question.evidence[0][1]
    less = made.document(span.doc_id)
    assert less is not None
    assert less.text[slice(*moved_tail.interval)] == stored.text[last : last + 20]
