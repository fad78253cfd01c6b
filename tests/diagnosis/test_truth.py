"""Labels held against documents as they are stored."""

from __future__ import annotations

from dataclasses import replace

import pytest
from handmade import ASKED, GOLD
from hypothesis import given
from hypothesis import strategies as st

from whymiss.diagnosis.truth import NOWHERE, Truth, truth_of
from whymiss.evaluation.judging import delivered
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Chunk, Document, Query

BEFORE = "The desk is open. "
FAQ = Document(doc_id="faq.md", text=f"{BEFORE}{GOLD} Cards wait two days.")
AT = (len(BEFORE), len(BEFORE) + len(GOLD))


def asked(*alternatives: tuple[EvidenceSpan, ...], **labels: object) -> Question:
    query = Query(query_id="q", text=ASKED)
    return Question(query=query, evidence=alternatives, **labels)  # type: ignore[arg-type]


def span(
    start: int | None = None, end: int | None = None, quote: str | None = GOLD
) -> EvidenceSpan:
    return EvidenceSpan(doc_id="faq.md", start=start, end=end, quote=quote)


def held(question: Question, *documents: Document) -> Truth:
    return truth_of(question, {document.doc_id: document for document in documents})


def test_a_span_that_still_reads_as_its_quote_stays() -> None:
    truth = held(asked((span(*AT),)), FAQ)

    assert truth.question.evidence == ((span(*AT),),)
    assert truth.missing == ()
    assert truth.text == GOLD


def test_a_span_without_a_quote_is_given_what_stands_there() -> None:
    truth = held(asked((span(*AT, quote=None),)), FAQ)

    assert truth.spans == (span(*AT),)


@pytest.mark.parametrize("more", ["Hello. ", "Hello.\n\n# Money\n\n"])
def test_a_span_that_moved_is_found_again_by_its_quote(more: str) -> None:
    moved = Document(doc_id="faq.md", text=more + FAQ.text)
    truth = held(asked((span(*AT),)), moved)

    assert truth.spans == (span(AT[0] + len(more), AT[1] + len(more)),)
    assert truth.missing == ()


def test_a_quote_is_found_through_other_white_space_and_quoted_as_it_stands() -> None:
    wrapped = Document(doc_id="faq.md", text=FAQ.text.replace("ten business", "ten\n  business"))
    (found,) = held(asked((span(),)), wrapped).spans

    assert found.quote == GOLD.replace("ten business", "ten\n  business")
    assert wrapped.text[slice(*found.interval)] == found.quote


def test_a_document_that_is_not_stored_is_missing() -> None:
    truth = held(asked((span(*AT),)))

    assert truth.missing == ((span(*AT), "document"),)
    assert truth.holds is None
    assert truth.spans == ()


@pytest.mark.parametrize(
    "text", [FAQ.text.replace("ten", "nine"), f"{GOLD} And again: {GOLD}"], ids=["gone", "twice"]
)
def test_words_that_do_not_stand_there_exactly_once_are_missing(text: str) -> None:
    truth = held(asked((span(),)), Document(doc_id="faq.md", text=text))

    assert truth.missing == ((span(), "text"),)
    assert truth.text == GOLD


def test_a_place_beyond_the_end_of_its_document_is_missing() -> None:
    truth = held(asked((span(5, 10**6, quote=None),)), FAQ)

    assert [why for _, why in truth.missing] == ["text"]
    assert truth.spans == ()


def test_one_alternative_that_stands_is_enough() -> None:
    lost, there = (EvidenceSpan(doc_id="gone.md", quote=GOLD),), (span(*AT),)
    truth = held(asked(lost, there), FAQ)

    assert truth.question.evidence == (there,)
    assert truth.missing == ()
    assert truth.doc_ids == {"faq.md"}


def test_where_one_span_of_the_only_alternative_is_missing_the_others_are_placed() -> None:
    # Two characters fewer before it: the second span stands elsewhere now.
    other = "Cards wait two days."
    at = FAQ.text.index(other)
    shorter = Document(doc_id="faq.md", text=FAQ.text.replace(GOLD, "It takes a while."))
    truth = held(asked((span(*AT), span(at, at + len(other), other))), shorter)

    assert [why for _, why in truth.missing] == ["text"]
    (found,) = truth.spans
    assert shorter.text[slice(*found.interval)] == other


def test_labels_of_whole_documents_are_missing_where_the_document_is() -> None:
    there = held(asked(documents={"faq.md": 1, "gone.md": 0}), FAQ)
    gone = held(asked(documents={"gone.md": 1}), FAQ)

    assert there.holds is not None
    assert there.holds([("faq.md", 0, 1)])
    assert there.missing == ()
    assert [why for _, why in gone.missing] == ["document"]
    assert gone.holds is None


def chunk(start: int, end: int, text: str | None = None, **parents: int) -> Chunk:
    body = FAQ.text[start:end] if text is None else text
    return Chunk(
        chunk_id="c", doc_id="faq.md", start=start, end=end, text=body, n_tokens=1,
        parent_start=parents.get("parent_start", start), parent_end=parents.get("parent_end", end),
    )  # fmt: skip


def test_a_chunk_counts_as_what_is_read_of_it() -> None:
    truth = held(asked((span(*AT),)), FAQ)

    assert truth.place(chunk(4, 8)) == ("faq.md", 4, 8)
    assert truth.place(chunk(4, 8, parent_start=0, parent_end=40)) == ("faq.md", 0, 40)


def test_a_chunk_of_an_earlier_text_is_nowhere() -> None:
    truth = held(asked((span(*AT),)), FAQ)

    assert truth.place(chunk(0, 4, "Some")) == NOWHERE
    assert truth.place(replace(chunk(0, 4), doc_id="other.md")) == NOWHERE


places = st.lists(
    st.tuples(st.sampled_from(["faq.md", "other.md"]), st.integers(0, 40), st.integers(41, 90)),
    max_size=5,
)


@given(places)
def test_rank_is_the_shortest_list_that_delivers(retrieved: list[tuple[str, int, int]]) -> None:
    question = asked((span(*AT),))
    rank = held(question, FAQ).rank(retrieved)
    delivering = [n for n in range(1, len(retrieved) + 1) if delivered(retrieved[:n], question)]

    assert rank == (delivering[0] if delivering else None)


def test_rank_of_labelled_documents_is_where_the_last_of_them_comes() -> None:
    truth = held(asked(documents={"faq.md": 1}), FAQ)

    assert truth.rank([("a", 0, 1), ("faq.md", 0, 1), ("b", 0, 1)]) == 2
    assert truth.rank([("a", 0, 1)]) is None


def test_only_what_shares_a_character_touches_the_evidence() -> None:
    truth = held(asked((span(*AT),)), FAQ)

    assert truth.touches(("faq.md", AT[1] - 1, 99))
    assert not truth.touches(("faq.md", AT[1], 99))
    assert not truth.touches(("other.md", *AT))
