"""Looking at a healthy scene: where the evidence stands, what stands in front of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene
from whymiss.diagnosis.truth import Truth, truth_of
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Chunk


def truth_in(scene: Scene) -> Truth:
    """The evidence of a scene's question in its documents."""
    question = scene.question
    wanted = {span.doc_id for spans in question.evidence for span in spans}
    return truth_of(question, scene.read_documents(sorted(wanted)))


def gold_documents(scene: Scene) -> tuple[str, ...]:
    """The documents that hold evidence, by any alternative."""
    return tuple(sorted({s.doc_id for spans in scene.question.evidence for s in spans}))


def targets(truth: Truth) -> Mapping[str, list[EvidenceSpan]]:
    """One span of every alternative, by document: without them no alternative is left whole."""
    found: dict[str, list[EvidenceSpan]] = {}
    for spans in truth.question.evidence:
        if all(span.pinned for span in spans):
            first = spans[0]
            if first not in found.setdefault(first.doc_id, []):
                found[first.doc_id].append(first)
    return {doc_id: sorted(spans, key=lambda s: s.interval) for doc_id, spans in found.items()}


def touching(chunks: Iterable[tuple[int, Chunk]], spans: Iterable[EvidenceSpan]) -> list[int]:
    """Rows of a document whose own text shares a character with one of the spans."""
    places = [span.interval for span in spans]
    return [
        row
        for row, chunk in chunks
        if any(chunk.start < end and start < chunk.end for start, end in places)
    ]


def rows_in(scene: Scene, doc_id: str) -> list[tuple[int, Chunk]]:
    """The rows of one document, in order."""
    snapshot = scene.space.snapshot
    by_document = scene.space.derived("rows by document", lambda: _grouped(snapshot.chunks))
    return [(row, snapshot.chunks[row]) for row in by_document.get(doc_id, ())]


def front_rows(run: Run) -> list[int]:
    """Rows that stand before the evidence is complete and hold none of it, best first."""
    rank = run.rank(run.ordered)
    if rank is None:
        return []
    chunks = run.scene.space.snapshot.chunks
    return [
        row
        for row in run.ordered.rows[: rank - 1].tolist()
        if not run.truth.touches(run.truth.place(chunks[row]))
    ]


def simpler(scene: Scene) -> tuple[Scene, ...]:
    """The scene, then with the dense branch alone, then without a reranker as well."""
    dense = {"retrieval.mode": "dense"}
    made = [scene]
    if scene.config.retrieval.mode != "dense":
        made.append(scene.configured(dense))
    if scene.config.rerank.model:
        made.append(scene.configured({**dense, "rerank.model": ""}))
    return tuple(made)


def dense_only(scene: Scene) -> tuple[Scene, ...]:
    """With the dense branch alone, then without a reranker as well."""
    made = simpler(scene)
    return made if scene.config.retrieval.mode == "dense" else made[1:]


def _grouped(chunks: Iterable[Chunk]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, chunk in enumerate(chunks):
        found.setdefault(chunk.doc_id, []).append(row)
    return found
