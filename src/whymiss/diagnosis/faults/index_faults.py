"""Faults of the index: rows that are stale, orphaned, duplicated or missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Final

import numpy as np

from whymiss.diagnosis.edits import cut, ingested, with_rows
from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import (
    front_rows,
    gold_documents,
    rows_in,
    simpler,
    targets,
    touching,
)  # fmt: skip
from whymiss.diagnosis.faults.passages import moved, passage
from whymiss.diagnosis.faults.recut import Interval, trimmed
from whymiss.diagnosis.faults.texts import confused, earlier_wording, free_ids
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene
from whymiss.index.schema import document_state
from whymiss.records import Chunk, Document, Span, digest

_WHOLE: Final = 40
"""Most rows of a document that is copied whole; of a longer one only rows are."""

_ID: Final = 20


def stale_version(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Rows of an earlier text: the evidence worded otherwise; its sentence or paragraph absent."""
    scene = run.scene
    if scene.config.embedding.late_chunking:
        return None
    for doc_id, spans in targets(run.truth).items():
        document, rows = run.truth.documents[doc_id], rows_in(scene, doc_id)
        text, places = document.text, [(chunk.start, chunk.end) for _, chunk in rows]
        for start, end in reversed([passage(text, s.interval, severity) for s in spans]):
            said = confused(text[start:end], rng) if severity == 1 else ""
            text = text[:start] + said + text[end:]
            places = moved(places, (start, end), len(said))
        scene = _indexed_as(scene, document, text, places)
    return scene


def missing_rows(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The evidence's rows are gone; their neighbours too; all rows of its documents."""
    scene, gone = run.scene, set()
    for doc_id, spans in targets(run.truth).items():
        rows = rows_in(scene, doc_id)
        numbers = [row for row, _ in rows]
        held = touching(rows, spans)
        around = {row + step for row in held for step in (-1, 0, 1)}
        gone |= {1: set(held), 2: around & set(numbers), 3: set(numbers)}[severity]
    return with_rows(scene, drop=gone) if gone else None


def duplicate_rows(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """One, three or k more copies of what stands before the evidence.

    Short documents come again under other ids, as a second export leaves them; of long ones, and
    of those that hold evidence, the rows come twice.
    """
    scene, front = run.scene, front_rows(run)
    if not front:
        return None
    chunks = scene.space.snapshot.chunks
    copies = {1: 1, 2: 3, 3: max(4, scene.config.retrieval.k)}[severity]
    gold = set(gold_documents(scene))
    whole = [
        doc_id
        for doc_id in dict.fromkeys(chunks[row].doc_id for row in front)
        if doc_id not in gold and len(rows_in(scene, doc_id)) <= _WHOLE
    ]
    made = exported(scene, whole, copies)
    rest = [chunks[row] for row in front if chunks[row].doc_id not in whole]
    vectors = scene.space.snapshot.vectors[
        [row for row in front if chunks[row].doc_id not in whole]
    ]
    again = [
        replace(c, chunk_id=digest(c.chunk_id, str(n))[:_ID]) for n in range(copies) for c in rest
    ]
    return with_rows(made, add=again, vectors=np.tile(vectors, (copies, 1))) if rest else made


def orphan_rows(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Rows of earlier wordings of what stands before the evidence, left beside today's rows."""
    scene, front = run.scene, front_rows(run)
    if not front or scene.config.embedding.late_chunking:
        return None
    chunks = scene.space.snapshot.chunks
    n = {1: 1, 2: 2, 3: 4}[severity] * scene.config.retrieval.k
    left = [earlier_row(scene, chunks[row], rng) for row in islice(cycle(front), n)]
    fresh = {chunk.chunk_id: chunk for chunk in left if chunk is not None}
    documents = scene.read_documents(sorted({chunk.doc_id for chunk in fresh.values()}))
    orphans = [c for c in fresh.values() if c.text not in documents[c.doc_id].text]
    return with_rows(scene, add=orphans) if orphans else None


def exported(scene: Scene, doc_ids: Sequence[str], copies: int) -> Scene:
    """Documents stored and indexed again, under other ids."""
    known = scene.space.catalogue.documents
    found = scene.read_documents(sorted(doc_ids))
    again = [
        replace(found[doc_id], doc_id=other, source="")
        for doc_id in doc_ids
        for other in free_ids(doc_id, copies, known)
    ]
    return ingested(scene, again) if again else scene


def earlier_row(scene: Scene, chunk: Chunk, rng: np.random.Generator) -> Chunk | None:
    """The row that an earlier wording of a chunk left; None where nothing is worded otherwise."""
    text = earlier_wording(chunk.text, rng).strip()
    if not text or text == chunk.text:
        return None
    tokenizer, encoder = scene.encoder.tokenizer, scene.encoder
    prefix = scene.config.embedding.document_prefix
    n_tokens = tokenizer.count([prefix + chunk.prefix + text])[0] + tokenizer.n_special
    end = chunk.start + len(text)
    return replace(
        chunk,
        chunk_id=digest(chunk.chunk_id, text)[:_ID],
        text=text,
        end=end,
        n_tokens=n_tokens,
        n_truncated=max(0, n_tokens - encoder.max_tokens),
        parent_start=min(chunk.parent_start, chunk.start),
        parent_end=end,
    )


def outdated(scene: Scene, doc_id: str, rng: np.random.Generator) -> Scene | None:
    """A document whose rows are of an earlier wording of its first chunk."""
    document, rows = scene.document(doc_id), rows_in(scene, doc_id)
    if document is None or not rows or scene.config.embedding.late_chunking:
        return None
    places = [(chunk.start, chunk.end) for _, chunk in rows]
    start, end = places[0]
    said = earlier_wording(document.text[start:end], rng)
    text = document.text[:start] + said + document.text[end:]
    return _indexed_as(scene, document, text, moved(places, (start, end), len(said)))


def _indexed_as(scene: Scene, document: Document, text: str, places: Sequence[Interval]) -> Scene:
    """The index with the rows of an earlier text of a document; what is stored stays."""
    earlier = replace(document, text=text)
    spans = [span for a, b in places if (span := trimmed(text, a, b)) is not None]
    unique = {(s.start, s.end): Span(start=s.start, end=s.end) for s in spans}
    chunks = cut(scene, earlier, [unique[key] for key in sorted(unique)])
    return with_rows(
        scene,
        drop=[row for row, _ in rows_in(scene, document.doc_id)],
        add=chunks,
        states={document.doc_id: document_state(earlier.content_hash, earlier.title)},
    )


FAULTS: Final = (
    Fault(
        name="stale_version", title="the index holds an earlier text of the document",
        cause="I1", stage="index", prepare=simpler, plant=stale_version,
    ),
    Fault(
        name="duplicate_rows", title="copies of other passages take the places in front",
        cause="I2", stage="index", prepare=simpler, plant=duplicate_rows,
    ),
    Fault(
        name="orphan_rows", title="rows of deleted text take the places in front",
        cause="I2", stage="index", prepare=simpler, plant=orphan_rows,
    ),
    Fault(
        name="missing_rows", title="the evidence's rows are not in the index",
        cause="I3", stage="index", prepare=simpler, plant=missing_rows,
    ),
)  # fmt: skip
