"""What an evaluation knows of a question: spans of documents that hold its answer.

Evidence is a span of a source document, never a chunk, so that one set of labels judges every
chunker, model and index. A quote is located once in its document and pinned there: see `pinning`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from whymiss.errors import InvalidRecordError
from whymiss.records import Query
from whymiss.text import Interval

UNANSWERABLE: Final = "unanswerable"
"""The tag of a question that the corpus (or what its asker may read of it) does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSpan:
    """Characters [start, end) of a document that an answer needs, or a quote yet to be located.

    `grade` is how much they matter, above 0; only nDCG reads it. `quote` is the text of the span:
    it tells when the document has changed beneath the label, and where its white space is.

    >>> EvidenceSpan(doc_id="faq.md", start=8, end=26).pinned
    True
    >>> EvidenceSpan(doc_id="faq.md", quote="ten business days").pinned
    False
    """

    doc_id: str
    start: int | None = None
    end: int | None = None
    grade: float = 1.0
    quote: str | None = None

    def __post_init__(self) -> None:
        who = f"evidence in {self.doc_id!r}"
        if not isinstance(self.doc_id, str) or not self.doc_id:
            raise InvalidRecordError(f"evidence needs a doc_id; got {self.doc_id!r}.")
        if self.quote is not None and not (isinstance(self.quote, str) and self.quote.strip()):
            raise InvalidRecordError(f"{who}: a quote needs visible text; got {self.quote!r}.")
        if self.start is None and self.end is None:
            if self.quote is None:
                raise InvalidRecordError(f"{who} needs start and end, or a quote; got neither.")
        else:
            object.__setattr__(self, "start", _offset(who, self.start))
            object.__setattr__(self, "end", _offset(who, self.end))
            start, end = self.interval
            if not 0 <= start < end:
                raise InvalidRecordError(f"{who} needs 0 <= start < end; got [{start}, {end}).")
        object.__setattr__(self, "grade", _grade(who, self.grade))
        if self.grade <= 0:
            raise InvalidRecordError(
                f"{who} needs a grade above 0; got {self.grade}. Leave out what is no evidence."
            )

    @property
    def pinned(self) -> bool:
        """Whether the place in the document is known."""
        return self.start is not None

    @property
    def interval(self) -> Interval:
        """The characters [start, end).

        Raises
        ------
        InvalidRecordError : the quote is not pinned yet.
        """
        if self.start is None or self.end is None:
            raise InvalidRecordError(
                f"evidence in {self.doc_id!r} is a quote without a place; pin the questions first."
            )
        return self.start, self.end


def _offset(who: str, value: Any) -> int:
    try:
        # A float such as 12.0 is refused: it comes from a table that lost what it counted.
        return operator.index(value)
    except TypeError:
        raise InvalidRecordError(
            f"{who} needs start and end as whole numbers; got {value!r}."
        ) from None


def _grade(who: str, value: Any) -> float:
    try:
        grade = float(value)
    except (TypeError, ValueError):
        grade = math.nan
    if isinstance(value, str) or not math.isfinite(grade):
        raise InvalidRecordError(f"{who} needs a finite number as grade; got {value!r}.")
    return grade


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query with what is known of its answer.

    evidence : alternatives, any one of which answers the question; of an alternative, every span
        is needed.
    documents : grades of whole documents, for sets that label no spans; 0 and below is judged and
        not relevant. A list of ids stands for grade 1 each.
    split : the part of the set it belongs to, such as "tune" or "holdout".

    A question tagged "unanswerable" has no evidence and no relevant document. One without labels
    and without the tag is merely unlabelled: measures of retrieval are undefined for both.

    >>> span = EvidenceSpan(doc_id="faq.md", start=0, end=22)
    >>> question = Question(query=Query(query_id="q1", text="Refund?"), evidence=((span,),))
    >>> question.relevant_documents()
    ({'faq.md': 1.0},)
    """

    query: Query
    evidence: tuple[tuple[EvidenceSpan, ...], ...] = ()
    documents: Mapping[str, float] = field(default_factory=dict)
    split: str = ""

    def __post_init__(self) -> None:
        who = f"Question {self.query_id!r}"
        object.__setattr__(self, "evidence", tuple(tuple(spans) for spans in self.evidence))
        if not all(self.evidence):
            raise InvalidRecordError(f"{who} has an alternative without spans; leave it out.")
        object.__setattr__(self, "documents", _document_grades(who, self.documents))
        relevant = any(grade > 0 for grade in self.documents.values())
        if self.unanswerable and (self.evidence or relevant):
            raise InvalidRecordError(
                f"{who} is tagged {UNANSWERABLE!r} but has evidence; drop the tag or the evidence."
            )

    @property
    def query_id(self) -> str:
        """Id of the query."""
        return self.query.query_id

    @property
    def unanswerable(self) -> bool:
        """Whether the right answer is to abstain."""
        return UNANSWERABLE in self.query.tags

    def relevant_documents(self) -> tuple[Mapping[str, float], ...]:
        """Alternatives of documents with grades above 0.

        Labels of documents are one alternative. Where there are none, each alternative of spans
        gives one: its documents, each with the highest grade of its spans.
        """
        if self.documents:
            relevant = {doc_id: grade for doc_id, grade in self.documents.items() if grade > 0}
            return (relevant,) if relevant else ()
        return tuple(_documents_of(spans) for spans in self.evidence)

    def document_grades(self) -> Mapping[str, float]:
        """Every judged document and its grade, alternatives thrown together: what qrels can hold.

        qrels know no alternatives, so that a document of any of them counts as relevant.
        """
        if self.documents:
            return self.documents
        return _documents_of(span for spans in self.evidence for span in spans)


def _document_grades(who: str, labels: Any) -> Mapping[str, float]:
    if isinstance(labels, str):
        raise InvalidRecordError(f"{who}: documents must be a list or a mapping; got {labels!r}.")
    pairs = labels.items() if isinstance(labels, Mapping) else ((name, 1.0) for name in labels)
    return MappingProxyType({str(name): _grade(who, grade) for name, grade in pairs})


def _documents_of(spans: Iterable[EvidenceSpan]) -> dict[str, float]:
    grades: dict[str, float] = {}
    for span in spans:
        grades[span.doc_id] = max(span.grade, grades.get(span.doc_id, 0.0))
    return grades
