"""Faults of what is stored: a document that is not there, a passage that was lost in parsing."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from whymiss.diagnosis.edits import rows_of, with_documents, with_rows
from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import rows_in, simpler, targets
from whymiss.diagnosis.faults.passages import moved, passage
from whymiss.diagnosis.faults.recut import Interval, recut, trimmed
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.index.schema import document_state
from whymiss.records import Document


def corpus_gap(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The evidence's documents were never read; the label still quotes them."""
    if severity > 1:
        return None
    gone = sorted(targets(run.truth))
    scene = with_rows(run.scene, drop=rows_of(run.scene, gone))
    scene = with_documents(scene, dict.fromkeys(gone))
    evidence = tuple(
        tuple(_quoted(s) if s.doc_id in gone else s for s in spans)
        for spans in run.truth.question.evidence
    )
    return replace(scene, question=replace(scene.question, evidence=evidence))


def parse_loss(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The evidence, its sentences or its paragraphs are missing in the stored text."""
    made: Scene | None = run.scene
    for doc_id, spans in targets(run.truth).items():
        text = run.truth.documents[doc_id].text
        for interval in reversed([passage(text, s.interval, severity) for s in spans]):
            if made is not None and (document := made.document(doc_id)) is not None:
                made = _lost(made, document, interval)
    return made


def _lost(scene: Scene, document: Document, interval: Interval) -> Scene | None:
    start, end = interval
    text = document.text[:start] + document.text[end:]
    if not text.strip():
        return None
    less = replace(document, text=text)
    rows = rows_in(scene, document.doc_id)
    places = moved([(c.start, c.end) for _, c in rows], interval, 0)
    spans = {(s.start, s.end): s for a, b in places if (s := trimmed(text, a, b)) is not None}
    evidence = tuple(
        tuple(_after(span, document, interval) for span in every)
        for every in scene.question.evidence
    )
    stored = with_documents(scene, {document.doc_id: less})
    return recut(
        replace(stored, question=replace(scene.question, evidence=evidence)),
        less,
        drop=[row for row, _ in rows],
        spans=list(spans.values()),
        states={document.doc_id: document_state(less.content_hash, less.title)},
    )


def _after(span: EvidenceSpan, document: Document, lost: Interval) -> EvidenceSpan:
    """A label after a passage was lost: moved, or a quote if some of it is gone."""
    if span.doc_id != document.doc_id or not span.pinned:
        return span
    start, end = span.interval
    quoted = replace(span, quote=document.text[start:end])
    if start < lost[1] and lost[0] < end:
        return _quoted(quoted)
    ((first, last),) = moved([(start, end)], lost, 0)
    return replace(quoted, start=first, end=last)


def _quoted(span: EvidenceSpan) -> EvidenceSpan:
    return replace(span, start=None, end=None)


FAULTS: Final = (
    Fault(
        name="corpus_gap", title="the document with the evidence was never read",
        cause="S0", stage="parse", prepare=simpler, plant=corpus_gap,
    ),
    Fault(
        name="parse_loss", title="the evidence was lost when the document was read",
        cause="S1", stage="parse", prepare=simpler, plant=parse_loss,
    ),
)  # fmt: skip
