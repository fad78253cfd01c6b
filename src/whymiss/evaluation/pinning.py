"""Labels held against their documents: quotes located once, and every label that no longer fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Document
from whymiss.text import locate_quote


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelProblem:
    """A label that does not fit its document: which, what is wrong, what to do."""

    query_id: str
    doc_id: str
    what: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinReport:
    """All questions, pinned where possible, and every label that does not fit its document.

    `pandas.DataFrame(report.problems)` is the table of problems.
    """

    questions: tuple[Question, ...]
    problems: tuple[LabelProblem, ...]

    @property
    def sound(self) -> tuple[Question, ...]:
        """The questions all of whose labels fit."""
        broken = {problem.query_id for problem in self.problems}
        return tuple(q for q in self.questions if q.query_id not in broken)


def pin(questions: Iterable[Question], documents: Iterable[Document]) -> PinReport:
    """Locate every quote in its document and check every span against it.

    A quote found exactly once gets start and end. The quote of a sound span is written as it
    stands in the document, so that from then on any change beneath it shows. A label with a
    problem is left as it is and named; no label and no question is dropped.

    Examples
    --------
    >>> from whymiss.records import Query
    >>> faq = Document(doc_id="faq.md", text="Refunds take ten days. Cards take ten days.")
    >>> def asked(quote):
    ...     span = EvidenceSpan(doc_id="faq.md", quote=quote)
    ...     return Question(query=Query(query_id=quote, text="Refund?"), evidence=((span,),))
    >>> report = pin([asked("refunds take"), asked("ten days")], [faq])
    >>> report.questions[0].evidence[0][0].interval, report.questions[0].evidence[0][0].quote
    ((0, 12), 'Refunds take')
    >>> [problem.what for problem in report.problems]
    ['the quote stands 2 times in the document']
    """
    texts = {document.doc_id: document.text for document in documents}
    pinned: list[Question] = []
    problems: list[LabelProblem] = []
    for question in questions:
        evidence: list[tuple[EvidenceSpan, ...]] = []
        for spans in question.evidence:
            checked = [_pin_span(span, texts.get(span.doc_id)) for span in spans]
            evidence.append(tuple(span for span, _ in checked))
            problems += [_problem(question, s.doc_id, fault) for s, fault in checked if fault]
        problems += [
            _problem(question, doc_id, _MISSING) for doc_id in question.documents
            if doc_id not in texts
        ]  # fmt: skip
        pinned.append(replace(question, evidence=tuple(evidence)))
    # Alternatives often share a span; one fault is told once.
    return PinReport(questions=tuple(pinned), problems=tuple(dict.fromkeys(problems)))


_Fault = tuple[str, str]
_MISSING: Final[_Fault] = (
    "the document is missing", "add the document, or correct the doc_id",
)  # fmt: skip


def _problem(question: Question, doc_id: str, fault: _Fault) -> LabelProblem:
    what, advice = fault
    return LabelProblem(query_id=question.query_id, doc_id=doc_id, what=what, advice=advice)


def _pin_span(span: EvidenceSpan, text: str | None) -> tuple[EvidenceSpan, _Fault | None]:
    if text is None:
        return span, _MISSING
    if not span.pinned:
        return _pin_quote(span, text)
    start, end = span.interval
    if end > len(text):
        what = f"the span [{start}, {end}) reaches beyond the document's {len(text)} characters"
        return span, (what, "label the document as it is now")
    found = text[start:end]
    if not _reads(found, span.quote):
        what = f"the text of the span [{start}, {end}) no longer equals the quote"
        return span, (what, _where_now(span.quote or "", text))
    if not found.strip():
        return span, (f"the span [{start}, {end}) holds only white space", "label visible text")
    return replace(span, quote=found), None


def _pin_quote(span: EvidenceSpan, text: str) -> tuple[EvidenceSpan, _Fault | None]:
    places = locate_quote(text, span.quote or "")
    if not places:
        advice = "copy the quote from the document's text, or label the document as it is now"
        return span, ("the quote is not in the document", advice)
    if len(places) > 1:
        what = f"the quote stands {len(places)} times in the document"
        return span, (what, "quote more of the passage, or give start and end beside the quote")
    start, end = places[0]
    return replace(span, start=start, end=end, quote=text[start:end]), None


def _reads(found: str, quote: str | None) -> bool:
    """Whether a text is the quote, as leniently as quotes are located."""
    return quote is None or found == quote or locate_quote(found, quote) == [(0, len(found))]


def _where_now(quote: str, text: str) -> str:
    places = locate_quote(text, quote)
    if len(places) == 1:
        return f"it stands at {list(places[0])} now: remove start and end, and pin again"
    if places:
        return f"it stands {len(places)} times in the document: give the start and end meant"
    return "it is not in the document any more: label the document as it is now"
