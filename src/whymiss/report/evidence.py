"""Where the expected evidence of one question stood at every stage of its trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from whymiss.evaluation.judging import Retrieved, judge
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Trace

ChunkEnd = Callable[[str], int]
"""Where a chunk ends in its document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """At one stage: the first rank that shows some of the evidence, and the share that all show.

    `rank` is None where nothing of it is there. In the stage "pack" ranks are passage numbers.
    """

    stage: str
    rank: int | None
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One piece of evidence: a span of a document, or a whole one where `end` is None.

    Every piece of one alternative is needed; any alternative will do.
    """

    alternative: int
    doc_id: str
    start: int = 0
    end: int | None = None
    text: str = ""
    places: tuple[Place, ...]


def expected_evidence(
    question: Question, trace: Trace, chunk_end: ChunkEnd
) -> tuple[Expected, ...]:
    """Every labelled piece of evidence and its place at every stage that ranked, then in the
    context.

    Parameters
    ----------
    question : with its quotes pinned; a quote without a place is shown without places.
    chunk_end : where a chunk of the trace's index ends; hits know only where they start.
    """
    stages = dict(_stages(trace, chunk_end))
    spans = [
        Expected(
            alternative=number,
            doc_id=span.doc_id,
            start=span.start or 0,
            end=span.end,
            text=span.quote or "",
            places=_places(question, span, stages) if span.pinned else (),
        )
        for number, alternative in enumerate(question.evidence, start=1)
        for span in alternative
    ]
    documents = [] if spans else [d for group in question.relevant_documents() for d in group]
    return (
        *spans,
        *(
            Expected(alternative=1, doc_id=doc_id, places=_document_places(doc_id, stages))
            for doc_id in documents
        ),
    )


def _stages(trace: Trace, chunk_end: ChunkEnd) -> Iterator[tuple[str, tuple[Retrieved, ...]]]:
    for ranking in trace.rankings:
        hits = ((h.doc_id, h.start, chunk_end(h.chunk_id)) for h in ranking.hits)
        yield ranking.stage, tuple(hits)
    if trace.context is not None:
        yield "pack", tuple((p.doc_id, p.start, p.end) for p in trace.context.passages)


def _places(
    question: Question, span: EvidenceSpan, stages: Mapping[str, tuple[Retrieved, ...]]
) -> tuple[Place, ...]:
    # One required span alone: the same arithmetic as the measures, so that both always agree.
    alone = Question(query=question.query, evidence=((span,),))
    places = []
    for stage, retrieved in stages.items():
        seen = judge(retrieved, alone).best()
        rank = seen.finds[0].rank if seen.finds else None
        places.append(Place(stage=stage, rank=rank, share=seen.coverage))
    return tuple(places)


def _document_places(doc_id: str, stages: Mapping[str, tuple[Retrieved, ...]]) -> tuple[Place, ...]:
    ranks = {
        stage: next((r for r, hit in enumerate(retrieved, start=1) if hit[0] == doc_id), None)
        for stage, retrieved in stages.items()
    }
    return tuple(
        Place(stage=stage, rank=rank, share=0.0 if rank is None else 1.0)
        for stage, rank in ranks.items()
    )
