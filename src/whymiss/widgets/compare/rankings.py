"""What two pipelines select for one question, and what moved between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whymiss.evaluation.labels import Question
from whymiss.frames import stages_frame
from whymiss.live import Movement, movements
from whymiss.pipeline import Pipeline
from whymiss.records import Chunk
from whymiss.text import Interval, intersection_length
from whymiss.widgets.compare.state import SIDES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selected:
    """What one pipeline selects: chunks best first, what became of each, and the context's size."""

    chunks: tuple[Chunk, ...]
    fates: Mapping[str, str]
    n_tokens: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rankings:
    """One question under both pipelines; `moves` are those of `movements` from one to the other."""

    question: Question
    baseline: Selected
    other: Selected
    moves: tuple[Movement, ...]

    def selected(self, side: str) -> Selected:
        """What the "baseline" or the "other" selects."""
        return self.baseline if side == SIDES[0] else self.other


def rankings_of(question: Question, baseline: Pipeline, other: Pipeline) -> Rankings:
    """Ask both pipelines."""
    before, after = (_selected(pipeline, question) for pipeline in (baseline, other))
    return Rankings(
        question=question,
        baseline=before,
        other=after,
        moves=tuple(movements(before.chunks, after.chunks)),
    )


def evidence_inside(chunk: Chunk, question: Question) -> tuple[Interval, ...]:
    """Characters of a chunk's text that some way to answer the question needs."""
    spans = {span for spans in question.evidence for span in spans if span.doc_id == chunk.doc_id}
    here = (chunk.start, chunk.end)
    inside = (
        (max(start, chunk.start) - chunk.start, min(end, chunk.end) - chunk.start)
        for start, end in (span.interval for span in spans)
        if intersection_length((start, end), here)
    )
    return tuple(sorted(inside))


def _selected(pipeline: Pipeline, question: Question) -> Selected:
    trace = pipeline.run(question.query)
    snapshot = pipeline.space.snapshot
    table = stages_frame(trace)
    last = table[table["stage"] == "select"]
    assert trace.context is not None
    return Selected(
        chunks=tuple(snapshot.chunks[snapshot.row_of[chunk_id]] for chunk_id in last["chunk_id"]),
        fates=dict(zip(last["chunk_id"], last["fate"], strict=True)),
        n_tokens=trace.context.n_tokens,
        budget=trace.context.budget,
    )
