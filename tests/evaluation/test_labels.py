"""Records of labels, and labels held against their documents."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.evaluation import EvidenceSpan, PinReport, Question, pin
from whymiss.records import Document, Query

TEXT = "Refunds take “ten business\ndays”. Cards take ten days. Wires take ten days."
FAQ = Document(doc_id="faq.md", text=TEXT)


def question(*alternatives: tuple[EvidenceSpan, ...], query_id: str = "q1") -> Question:
    return Question(query=Query(query_id=query_id, text="How long?"), evidence=alternatives)


def quoted(quote: str, **place: int) -> EvidenceSpan:
    return EvidenceSpan(doc_id="faq.md", quote=quote, **place)


def pinned(*spans: EvidenceSpan, documents: tuple[Document, ...] = (FAQ,)) -> PinReport:
    return pin([question(spans)], documents)


def told(report: PinReport) -> list[str]:
    return [problem.what for problem in report.problems]


def test_a_quote_found_once_is_pinned_and_written_as_it_stands() -> None:
    report = pinned(quoted('"TEN business days"'))
    (span,) = report.questions[0].evidence[0]
    assert span.interval == (13, 32)
    assert span.quote == TEXT[13:32] == "“ten business\ndays”"
    assert not report.problems
    assert report.sound == report.questions


def test_pinning_again_changes_nothing() -> None:
    once = pinned(quoted("Cards take ten days"), EvidenceSpan(doc_id="faq.md", start=0, end=7))
    assert pin(once.questions, [FAQ]) == once


def test_a_span_without_a_quote_gets_the_text_it_covers() -> None:
    report = pinned(EvidenceSpan(doc_id="faq.md", start=0, end=7))
    assert report.questions[0].evidence[0][0].quote == "Refunds"


def test_start_and_end_choose_among_several_places_of_a_quote() -> None:
    start = TEXT.rindex("ten days")
    report = pinned(quoted("ten days", start=start, end=start + 8))
    assert not report.problems
    assert report.questions[0].evidence[0][0].interval == (start, start + 8)


@pytest.mark.parametrize(
    ("span", "what", "advice"),
    [
        (quoted("in twelve days"), "the quote is not in the document", "copy the quote"),
        (quoted("ten days"), "the quote stands 2 times in the document", "quote more"),
        (
            EvidenceSpan(doc_id="faq.md", start=60, end=200),
            "the span [60, 200) reaches beyond the document's 75 characters",
            "as it is now",
        ),
        (
            quoted("Cards take", start=0, end=10),
            "the text of the span [0, 10) no longer equals the quote",
            "stands at [34, 44] now",
        ),
        (
            quoted("Cheques take", start=0, end=12),
            "the text of the span [0, 12) no longer equals the quote",
            "not in the document any more",
        ),
        (
            quoted("ten days", start=0, end=8),
            "the text of the span [0, 8) no longer equals the quote",
            "stands 2 times",
        ),
        (
            EvidenceSpan(doc_id="faq.md", start=26, end=27),
            "the span [26, 27) holds only white space",
            "visible",
        ),
        (
            EvidenceSpan(doc_id="old.md", start=0, end=7),
            "the document is missing",
            "correct the doc_id",
        ),
    ],
)
def test_a_label_that_does_not_fit_is_named_and_left_as_it_is(
    span: EvidenceSpan, what: str, advice: str
) -> None:
    report = pinned(span)
    (problem,) = report.problems
    assert (problem.query_id, problem.doc_id, problem.what) == ("q1", span.doc_id, what)
    assert advice in problem.advice
    assert report.questions[0].evidence == ((span,),)
    assert report.sound == ()


def test_no_question_is_dropped_and_problems_make_a_table() -> None:
    broken = question((quoted("nowhere"),), (quoted("nowhere"),), query_id="q2")
    report = pin([question((quoted("Refunds"),)), broken], [FAQ])
    assert [q.query_id for q in report.questions] == ["q1", "q2"]
    assert [q.query_id for q in report.sound] == ["q1"]
    frame = pd.DataFrame(report.problems)
    assert list(frame.columns) == ["query_id", "doc_id", "what", "advice"]
    assert len(frame) == 1  # the same fault in two alternatives is told once


def test_a_judged_document_that_is_missing_is_named() -> None:
    labelled = Question(query=Query(query_id="q1", text="?x"), documents=["faq.md", "gone.md"])
    assert [(p.doc_id, p.what) for p in pin([labelled], [FAQ]).problems] == [
        ("gone.md", "the document is missing")
    ]


def test_a_change_beneath_a_pinned_label_shows() -> None:
    report = pinned(quoted("Cards take ten days"))
    moved = replace(FAQ, text="New: " + TEXT)
    assert told(pin(report.questions, [moved])) == [
        "the text of the span [34, 53) no longer equals the quote"
    ]


@given(st.text(min_size=1, max_size=60), st.data())
def test_the_text_of_any_visible_span_pins_to_itself_or_is_told_as_ambiguous(
    text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    quote = text[start : data.draw(st.integers(start + 1, len(text)))]
    try:
        span, document = quoted(quote), Document(doc_id="faq.md", text=text)
    except InvalidRecordError:
        return  # white space only, or half of a surrogate pair
    report = pinned(span, documents=(document,))
    if report.problems:
        assert "times in the document" in told(report)[0]
    else:
        first, last = report.questions[0].evidence[0][0].interval
        assert text[first:last] == quote


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"start": 3, "end": 3}, "0 <= start < end"),
        ({"start": -1, "end": 3}, "0 <= start < end"),
        ({"start": 3}, "whole numbers"),
        ({"start": 1.0, "end": 2.0}, "whole numbers"),
        ({}, "start and end, or a quote"),
        ({"quote": " \n"}, "visible text"),
        ({"quote": "x", "grade": 0}, "above 0"),
        ({"quote": "x", "grade": float("nan")}, "finite number"),
        ({"quote": "x", "grade": "2"}, "finite number"),
    ],
)
def test_evidence_that_makes_no_sense_is_refused(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(InvalidRecordError, match=match):
        EvidenceSpan(doc_id="faq.md", **wrong)  # type: ignore[arg-type]


def test_a_quote_without_a_place_has_no_interval() -> None:
    with pytest.raises(InvalidRecordError, match="pin the questions first"):
        quoted("ten days").interval  # noqa: B018


def test_an_unanswerable_question_has_no_evidence() -> None:
    query = Query(query_id="q1", text="Fax?", tags=("unanswerable",))
    assert Question(query=query).unanswerable
    assert Question(query=query, documents={"faq.md": 0}).unanswerable
    with pytest.raises(InvalidRecordError, match="drop the tag or the evidence"):
        Question(query=query, evidence=((quoted("x"),),))
    with pytest.raises(InvalidRecordError, match="drop the tag or the evidence"):
        Question(query=query, documents=["faq.md"])


def test_an_alternative_needs_spans() -> None:
    with pytest.raises(InvalidRecordError, match="alternative without spans"):
        question(())


def test_documents_are_a_list_or_grades() -> None:
    query = Query(query_id="q1", text="Fax?")
    assert dict(Question(query=query, documents=["a"]).documents) == {"a": 1.0}
    with pytest.raises(InvalidRecordError, match="list or a mapping"):
        Question(query=query, documents="a")  # type: ignore[arg-type]


def test_documents_come_from_spans_where_none_are_labelled() -> None:
    def span(doc_id: str, grade: float) -> EvidenceSpan:
        return EvidenceSpan(doc_id=doc_id, start=0, end=5, grade=grade)

    asked = question((span("a", 1), span("a", 3), span("b", 1)), (span("c", 2),))
    assert asked.relevant_documents() == ({"a": 3, "b": 1}, {"c": 2})
    assert asked.document_grades() == {"a": 3, "b": 1, "c": 2}
    assert replace(asked, documents={"z": 1, "y": 0}).relevant_documents() == ({"z": 1},)
