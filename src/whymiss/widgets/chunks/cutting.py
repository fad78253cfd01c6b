"""A document cut under a configuration, with the evidence that stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from whymiss.chunking import make_chunker
from whymiss.config import PipelineConfig
from whymiss.embedding.watched import WatchedEncoder
from whymiss.evaluation.boundaries import boundaries_frame
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Chunk, Document
from whymiss.text import Interval

if TYPE_CHECKING:
    from whymiss.workbench import Workbench

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """One document with its borders.

    chunks : by (start, chunk_id).
    boundaries : as `boundaries_frame` gives them.
    askers : the labelled questions that need each evidence span; none for one that was marked.
    """

    document: Document
    config: PipelineConfig
    chunks: tuple[Chunk, ...]
    boundaries: pd.DataFrame
    askers: Mapping[Interval, tuple[Question, ...]]

    @property
    def parents(self) -> tuple[Interval, ...]:
        """The passages that are read when a smaller chunk of theirs is found; none elsewhere."""
        wider = {(c.parent_start, c.parent_end) for c in self.chunks} - {
            (c.start, c.end) for c in self.chunks
        }
        return tuple(sorted(wider))


def cut(
    workbench: Workbench,
    doc_id: str,
    config: PipelineConfig,
    *,
    questions: Iterable[Question] = (),
    marked: Sequence[EvidenceSpan] = (),
    report: Report,
) -> Cut:
    """Cut a document, and find what becomes of the evidence in it.

    Parameters
    ----------
    questions : labelled ones whose evidence is located.
    marked : further spans, of any document.
    report : called with (sentences read, sentences in all) where a chunker reads them by the
        encoder; what it raises stops the work.

    Raises
    ------
    DocumentError : there is none of this id.
    ChunkingError : the chunker does not fit the document.
    """
    document = workbench.live.document(doc_id)
    tokenizer = workbench.encoder(config).tokenizer
    if config.chunking.strategy == "semantic":
        # The slow part of it, so that it can be followed and stopped; its vectors stay cached.
        watched = WatchedEncoder(workbench.encoder(config), report)
        make_chunker(config.chunking, tokenizer, encoder=watched).spans(document)
    askers = askers_of(questions, doc_id)
    own = {span.interval: () for span in marked if span.doc_id == doc_id}
    chunks = workbench.live.chunks_of(doc_id, config)
    boundaries = boundaries_frame(
        document,
        chunks,
        evidence=[
            EvidenceSpan(doc_id=doc_id, start=start, end=end)
            for start, end in sorted({*askers, *own})
        ],
        tokenizer=tokenizer,
    )
    return Cut(
        document=document,
        config=config,
        chunks=chunks,
        boundaries=boundaries,
        askers={**own, **askers},
    )


def askers_of(questions: Iterable[Question], doc_id: str) -> dict[Interval, tuple[Question, ...]]:
    """The evidence of a document, and the questions that need each span.

    >>> from whymiss.records import Query
    >>> span = EvidenceSpan(doc_id="faq", start=0, end=22)
    >>> question = Question(query=Query(query_id="q1", text="Refund?"), evidence=[[span]])
    >>> {place: [q.query_id for q in some] for place, some in askers_of([question], "faq").items()}
    {(0, 22): ['q1']}
    """
    found: dict[Interval, dict[str, Question]] = {}
    for question in questions:
        for span in (span for spans in question.evidence for span in spans):
            if span.doc_id == doc_id:
                found.setdefault(span.interval, {})[question.query_id] = question
    return {place: tuple(some.values()) for place, some in found.items()}
