"""Evidence as a person gives it: taken where it is plain, offered where it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.diagnosis.locating import locate
from whymiss.diagnosis.locating.likely_places import aligned, overlapping, resembling
from whymiss.diagnosis.records import Candidate
from whymiss.documents import read_folder
from whymiss.errors import InvalidRecordError
from whymiss.evaluation import EvidenceSpan
from whymiss.records import Chunk, Document, Passage
from whymiss.text import intersection_length, locate_quote

HELPDESK = Path(__file__).parents[2] / "data" / "helpdesk"

FAQ = Document(
    doc_id="faq.md",
    title="Refunds",
    text=(
        "# Refunds\n\nRefunds of annual plans take ten business days to arrive on the card.\n"
        "Refunds of monthly plans are credited to the next invoice.\n\n"
        "# Support\n\nThe phone line is open on weekdays 08:00-18:00 CET at no charge.\n"
    ),
)
TERMS = Document(
    doc_id="terms.md",
    text="Invoices are due in 30 days. A seat is paid when the invitation is sent, not accepted.",
)
CORPUS = [FAQ, TERMS]


def at(document: Document, words: str) -> tuple[int, int]:
    start = document.text.index(words)
    return start, start + len(words)


def only(found: Any) -> EvidenceSpan:
    ((span,),) = found.evidence
    return span


# A place


@pytest.mark.parametrize("kind", ["tuple", "span", "chunk", "passage"])
def test_a_place_is_taken_as_it_is_with_its_text(kind: str) -> None:
    start, end = at(TERMS, "Invoices are due in 30 days.")
    text = TERMS.text[start:end]
    given: Any = {
        "tuple": ("terms.md", start, end),
        "span": EvidenceSpan(doc_id="terms.md", start=start, end=end),
        "chunk": Chunk(
            chunk_id="c", doc_id="terms.md", start=start, end=end, text=text, n_tokens=7,
            parent_start=start, parent_end=end,
        ),
        "passage": Passage(
            number=1, chunk_ids=("c",), doc_id="terms.md", start=start, end=end, text=text
        ),
    }[kind]  # fmt: skip
    found = locate(given, CORPUS)
    assert only(found) == EvidenceSpan(doc_id="terms.md", start=start, end=end, quote=text)
    assert [(c.how, c.match) for c in found.candidates] == [("exact", 1.0)]


def test_the_grade_of_a_span_is_kept() -> None:
    span = EvidenceSpan(doc_id="terms.md", quote="due in 30 days", grade=2.0)
    assert only(locate(span, CORPUS)).grade == 2.0


def test_a_place_whose_text_moved_is_found_again() -> None:
    start, end = at(TERMS, "A seat is paid")
    span = EvidenceSpan(doc_id="terms.md", start=start, end=end, quote="A seat is paid")
    longer = replace(TERMS, text=f"New here. {TERMS.text}")
    found = locate(span, [FAQ, longer])
    assert only(found).interval == (start + 10, end + 10)
    assert "the document has changed" in found.note


def test_a_place_beyond_its_document_is_an_error_that_says_so() -> None:
    with pytest.raises(InvalidRecordError, match=r"terms.md' at \[5, 999\) is beyond"):
        locate(("terms.md", 5, 999), CORPUS)


def test_a_place_of_a_missing_document_stays_and_is_told() -> None:
    found = locate(("gone.md", 0, 5), CORPUS)
    assert only(found).interval == (0, 5)
    assert found.note == "There is no document 'gone.md'."


# A quote


@given(st.data())
def test_any_words_that_stand_once_are_found_where_they_stand(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(CORPUS))
    start = data.draw(st.integers(0, len(document.text) - 2))
    end = data.draw(st.integers(start + 1, len(document.text)))
    quote = document.text[start:end]
    every = [(d, p) for d in CORPUS for p in locate_quote(d.text, quote)]
    exact = [(d, p) for d, p in every if d.text[slice(*p)] == quote]
    places = [(d.doc_id, *p) for d, p in exact or every]
    if len(places) == 1:
        span = only(locate(quote, CORPUS))
        assert (span.doc_id, *span.interval) == places[0]
    elif quote.strip():
        assert locate(quote, CORPUS).evidence == ()


def test_white_space_typography_and_case_are_forgiven_in_all_documents() -> None:
    found = locate("weekdays\n08:00–18:00  cet", CORPUS)
    assert only(found).quote == "weekdays 08:00-18:00 CET"
    assert found.candidates[0].how == "exact"


def test_the_exact_wording_wins_over_a_forgiven_one() -> None:
    shout = Document(doc_id="a.md", text="INVOICES ARE DUE IN 30 DAYS.")
    assert only(locate("Invoices are due in 30 days.", [shout, TERMS])).doc_id == "terms.md"


def test_a_quote_that_stands_twice_is_not_chosen_silently() -> None:
    copy = replace(TERMS, doc_id="copy.md")
    found = locate("due in 30 days", [TERMS, copy])
    assert found.evidence == ()
    assert [c.span.doc_id for c in found.candidates] == ["terms.md", "copy.md"]
    assert "stands 2 times in 2 documents" in found.note
    assert "evidence=candidates[0].span" in found.note


def test_the_note_says_when_more_places_are_known_than_shown() -> None:
    many = [Document(doc_id=f"{n}.md", text=TERMS.text) for n in range(9)]
    found = locate("due in 30 days", many, limit=2)
    assert len(found.candidates) == 2
    assert "stands 9 times in 9 documents. The first 2 are shown." in found.note


def test_a_picked_candidate_is_plain() -> None:
    copy = replace(TERMS, doc_id="copy.md")
    candidate = locate("due in 30 days", [TERMS, copy]).candidates[1]
    assert only(locate(candidate.span, [TERMS, copy])) == candidate.span


def test_a_quote_with_a_changed_word_is_taken_where_one_passage_is_clearly_ahead() -> None:
    found = locate("A seat is paid when an invitation is sent, not accepted", CORPUS)
    assert only(found).quote == "A seat is paid when the invitation is sent, not accepted"
    # 10 of 11 words are the same in order, on either side: 2 * 10 / 22.
    assert found.candidates[0].match == pytest.approx(10 / 11)
    assert found.candidates[0].how == "fuzzy"


@pytest.mark.parametrize(
    ("quote", "because"),
    [
        ("Invoices are due in 31 days", "the best lacks 31"),
        (
            "A seat is paid when the invitation is sent and accepted",
            "the best is negated otherwise",
        ),
    ],
)
def test_another_number_or_a_negation_is_another_fact(quote: str, because: str) -> None:
    found = locate(quote, CORPUS)
    assert found.candidates[0].match > 0.8
    assert found.evidence == ()
    assert because in found.note


def test_passages_about_two_plans_are_told_apart_by_the_user() -> None:
    sides = [
        Document(doc_id=plan, text=f"The line is open at no charge on all {plan} plans we sell.")
        for plan in ("annual", "monthly")
    ]
    quote = "The line is open at no charge on all yearly plans we sell."
    assert {c.span.doc_id for c in locate(quote, sides).candidates} == {"annual", "monthly"}
    # How many are shown does not make one of them plainer.
    assert locate(quote, sides).evidence == locate(quote, sides, limit=1).evidence == ()


def test_a_quote_that_stands_nowhere_and_resembles_nothing_offers_nothing() -> None:
    found = locate("Zebras graze beneath purple umbrellas every Thursday", CORPUS)
    assert (found.evidence, found.candidates) == ((), ())
    assert found.note.startswith("No passage reads like 'Zebras")


def test_a_quote_that_its_document_lacks_stays_a_quote_and_shows_what_resembles_it() -> None:
    span = EvidenceSpan(doc_id="faq.md", quote="Invoices are to be paid in 30 days")
    found = locate(span, CORPUS)
    assert only(found) == span
    assert found.candidates[0].span.doc_id == "terms.md"
    assert "does not stand in 'faq.md'" in found.note


# Several pieces


def test_a_sequence_is_all_needed_and_sequences_are_alternatives() -> None:
    first, second = "due in 30 days", "ten business days"
    assert [len(spans) for spans in locate([first, second], CORPUS).evidence] == [2]
    assert [len(spans) for spans in locate([[first], [second]], CORPUS).evidence] == [1, 1]


def test_an_alternative_one_of_whose_pieces_is_unclear_is_left_out_and_told() -> None:
    found = locate([["due in 30 days"], ["ten business days", "Refunds of"]], CORPUS)
    assert [[s.doc_id for s in spans] for spans in found.evidence] == [["terms.md"]]
    assert "Alternatives left out for that: 1 of 2." in found.note


@pytest.mark.parametrize("nothing", [None, (), []])
def test_nothing_given_is_said(nothing: Any) -> None:
    found = locate(nothing, CORPUS)
    assert (found.evidence, found.candidates) == ((), ())
    assert found.note.startswith("No evidence is known")


@pytest.mark.parametrize("wrong", [7, [7], [[]], [["due"], []], {"a": 1}, b"due"])
def test_evidence_of_another_kind_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRecordError, match="locate needs evidence as spans, a quote"):
        locate(wrong, CORPUS)


def test_an_empty_quote_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="a quote needs visible text"):
        locate("  ", CORPUS)


# An expected answer


def test_an_expected_answer_that_stands_once_is_exact() -> None:
    assert locate(None, CORPUS, expected="take ten business days").candidates[0].how == "exact"


def test_an_expected_answer_in_other_words_is_found_by_its_rare_words() -> None:
    found = locate(None, CORPUS, expected="Yes, weekdays 08:00-18:00 CET, free of charge")
    assert only(found).quote is not None
    assert "08:00-18:00" in str(only(found).quote)
    assert found.candidates[0].how == "words"


def test_a_range_may_be_said_by_its_ends_but_another_number_may_not() -> None:
    said = replace(FAQ, text="The phone line is open between 08:00 and 18:00 CET at no charge.")
    answer = "The phone line: 08:00-18:00 CET, no charge"
    assert only(locate(None, [said, TERMS], expected=answer)).doc_id == "faq.md"
    found = locate(None, [said, TERMS], expected=answer.replace("18:00", "19:00"))
    assert found.evidence == ()
    assert "the best lacks 08:00-19:00" in found.note


def test_a_bare_no_is_never_taken_for_evidence() -> None:
    question = "Is a seat paid when the invitation is not accepted?"
    found = locate(None, CORPUS, expected="No", question=question)
    assert found.evidence == ()
    assert "invitation" in found.candidates[0].text


def test_the_expected_answer_is_not_looked_at_beside_evidence() -> None:
    alone = locate("due in 30 days", CORPUS)
    assert locate("due in 30 days", CORPUS, expected="ten business days") == alone


# Candidates


@pytest.mark.parametrize(
    "found",
    [
        resembling("refunds of plans are paid in days", CORPUS, question="How long?"),
        aligned("Refunds of the plans are paid in ten days", CORPUS),
    ],
    ids=["resembling", "aligned"],
)
def test_candidates_are_ordered_apart_and_quote_their_document(found: list[Candidate]) -> None:
    texts = {document.doc_id: document.text for document in CORPUS}
    assert len(found) > 1
    assert [c.match for c in found] == sorted((c.match for c in found), reverse=True)
    for place, candidate in enumerate(found):
        start, end = candidate.span.interval
        assert candidate.text == candidate.span.quote == texts[candidate.span.doc_id][start:end]
        assert 0 < candidate.match <= 1
        assert not any(overlapping(candidate, other) for other in found[:place])


def test_every_process_gives_the_same_match_to_the_last_digit() -> None:
    # Sets have another order in each process, and sums of fractions another last digit.
    code = (
        "from whymiss.diagnosis.locating.likely_places import resembling\n"
        "from whymiss.records import Document\n"
        "text = ' '.join(f'Word{n} says{n % 7} more{n % 11} of{n % 13}.' for n in range(300))\n"
        "wanted = ' '.join(f'says{n} more{n} of{n} word{n}' for n in range(12))\n"
        "print([repr(c.match) for c in resembling(wanted, [Document(doc_id='d', text=text)])])\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(said) == 1
    assert "0." in said.pop()


@given(st.text(max_size=200), st.text(max_size=80), st.text(max_size=40))
def test_any_text_can_be_looked_for_in_any_text(text: str, wanted: str, question: str) -> None:
    document = Document(doc_id="d", text=text.encode("utf-8", "ignore").decode())
    for found in (resembling(wanted, [document], question=question), aligned(wanted, [document])):
        for candidate in found:
            start, end = candidate.span.interval
            assert candidate.text == document.text[start:end]


@given(st.integers(0, 3000))
def test_where_a_sentence_stands_in_a_long_text_does_not_matter(before: int) -> None:
    # Terms are counted in blocks: a sentence across the border of two is found as well.
    filler = "Nothing of note is written on this line here. " * 70
    sentence = "Goodwill credit expires after twenty-four months."
    long = Document(doc_id="long", text=f"{filler[:before]}\n\n{sentence}\n\n{filler}")
    best = resembling("Goodwill credits expire after 24 months", [long, *CORPUS])[0]
    assert best.text == sentence


def test_of_the_helpdesk_answers_most_are_found_and_those_taken_are_right() -> None:
    documents = [r.document for r in read_folder(HELPDESK / "docs") if r.document is not None]
    texts = {document.doc_id: document.text for document in documents}
    lines = (HELPDESK / "questions.jsonl").read_text("utf-8").splitlines()
    asked = [q for q in map(json.loads, lines) if q["evidence"]][::6]
    first, among, taken = 0, 0, []
    for question in asked:
        gold = [
            (span["doc_id"], place)
            for spans in question["evidence"]
            for span in spans
            for place in locate_quote(texts[span["doc_id"]], span["quote"])
        ]
        found = locate(
            None, documents, expected=question["expected_answer"], question=question["text"]
        )
        right = [
            any(
                candidate.span.doc_id == doc_id
                and intersection_length(candidate.span.interval, place) > 0
                for doc_id, place in gold
            )
            for candidate in found.candidates
        ]
        first += right[:1] == [True]
        among += any(right)
        if found.evidence:
            taken.append(right[0])
    # Over all 216 questions: 0.85, 0.94, and 62 taken, all of them right.
    assert first / len(asked) > 0.7
    assert among / len(asked) > 0.88
    assert sum(taken) / len(taken) > 0.94
    assert len(taken) > 5
