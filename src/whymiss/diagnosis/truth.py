"""What is known to be the evidence of a question, held against documents as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.judging import Retrieved, SpanJudge, why_unjudged
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.losses import Holds, holds_evidence
from whymiss.records import Chunk, Document
from whymiss.text import locate_quote

NOWHERE: Retrieved = ("", 0, 1)
"""The place of what is retrieved but stands in no stored document."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The evidence of a question as far as stored documents hold it.

    question : its evidence is what could be located; alternatives that could not are left out,
        unless none could: then all are kept, those of their spans located that could be.
    missing : spans that stand in no stored document, each with the reason.
    documents : the labelled documents that are stored, with their text.
    """

    question: Question
    missing: tuple[tuple[EvidenceSpan, str], ...]
    documents: Mapping[str, Document]

    @cached_property
    def doc_ids(self) -> frozenset[str]:
        """The documents that hold evidence."""
        labelled = {span.doc_id for spans in self.question.evidence for span in spans}
        relevant = {doc_id for doc_id, grade in self.question.documents.items() if grade > 0}
        return frozenset(labelled or relevant)

    @cached_property
    def holds(self) -> Holds | None:
        """Whether spans hold all the evidence; None where that cannot be judged."""
        return None if self.missing else holds_evidence(self.question)

    @cached_property
    def spans(self) -> tuple[EvidenceSpan, ...]:
        """Every located span of every alternative."""
        lost = {span for span, _ in self.missing}
        every = (span for spans in self.question.evidence for span in spans)
        return tuple(span for span in every if span.pinned and span not in lost)

    @cached_property
    def text(self) -> str:
        """What the evidence says: all located spans, or the quotes of those that are missing."""
        said = [span.quote or "" for spans in self.question.evidence for span in spans]
        return "\n".join(dict.fromkeys(filter(None, said)))

    @cached_property
    def _judge(self) -> SpanJudge:
        return SpanJudge(self.question)

    def judged(self, retrieved: Sequence[Retrieved]) -> Judgement:
        """Retrieved spans held against the evidence, rank by rank."""
        return self._judge.judge(retrieved)

    def rank(self, retrieved: Sequence[Retrieved]) -> int | None:
        """The rank at which the evidence is complete; None if it never is."""
        if self.holds is None or not self.holds(retrieved):
            return None
        if why_unjudged(self.question):
            wanted = self.doc_ids
            return max(i for i, place in enumerate(retrieved, 1) if place[0] in wanted)
        complete = [a for a in self.judged(retrieved).alternatives if a.complete]
        return min(max((rank for rank, _ in a.found), default=1) for a in complete)

    def place(self, chunk: Chunk) -> Retrieved:
        """What is read of a chunk, if its text is what its document says there."""
        document = self.documents.get(chunk.doc_id)
        if document is None:
            return NOWHERE
        if document.text[chunk.start : chunk.end] != chunk.text:
            return NOWHERE
        return chunk.doc_id, chunk.parent_start, chunk.parent_end

    def touches(self, place: Retrieved) -> bool:
        """Whether a place shares a character with the evidence."""
        doc_id, start, end = place
        if not self.spans:
            return doc_id in self.doc_ids
        return any(
            span.doc_id == doc_id and start < span.interval[1] and span.interval[0] < end
            for span in self.spans
        )


def truth_of(question: Question, documents: Mapping[str, Document]) -> Truth:
    """Locate the evidence of a question in the documents.

    A span whose text is still its quote stays; one that moved is located again where its quote
    stands exactly once; the others are missing.
    """
    located: list[tuple[EvidenceSpan, ...]] = []
    partly: list[tuple[EvidenceSpan, ...]] = []
    missing: list[tuple[EvidenceSpan, str]] = []
    for spans in question.evidence:
        found = [_located(span, documents.get(span.doc_id)) for span in spans]
        faults = [(s, why) for s, (_, why) in zip(spans, found, strict=True) if why]
        if faults:
            missing += faults
            partly.append(tuple(span for span, _ in found))
        else:
            located.append(tuple(span for span, _ in found))
    if located:
        # One way to answer is enough.
        missing = []
    for doc_id, grade in question.documents.items():
        if not question.evidence and grade > 0 and doc_id not in documents:
            missing.append((EvidenceSpan(doc_id=doc_id, start=0, end=1), "document"))
    kept = replace(question, evidence=tuple(located or partly))
    return Truth(question=kept, missing=tuple(missing), documents=documents)


def _located(span: EvidenceSpan, document: Document | None) -> tuple[EvidenceSpan, str]:
    """The span as it stands in its document, or why it does not."""
    if document is None:
        return span, "document"
    if span.pinned:
        start, end = span.interval
        found = document.text[start:end]
        if end <= len(document.text) and span.quote in (None, found):
            return replace(span, quote=found), ""
    places = locate_quote(document.text, span.quote or "")
    if len(places) != 1:
        return span, "text"
    start, end = places[0]
    return replace(span, start=start, end=end, quote=document.text[start:end]), ""
