"""Passages given as words are found where they stand, or it is said why not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.foreign import ForeignPassage
from whymiss.foreign.placing import Placer
from whymiss.records import Document, Query
from whymiss.text import locate_quote

TEXTS = {
    "a": "Refunds take ten days. Write to us.",
    "b": "Cards are quicker. Write to us.",
    "c": "WRITE TO US. Refunds take ten days, or “more”.",
}
PLACER = Placer([Document(doc_id=doc_id, text=text) for doc_id, text in TEXTS.items()])
# Few letters, many forms of them: ligatures, accents, quotation marks, invisible characters.
ODD = st.text("aAfiﬁß é\u0301ę“\"'’-–\u00ad\u200b \n\u00a0_½1²", max_size=12)


@given(st.lists(ODD, max_size=4), ODD)
def test_words_are_found_wherever_a_quote_can_be_located(texts: list[str], words: str) -> None:
    if not words.strip():
        return
    placer = Placer([Document(doc_id=str(n), text=text) for n, text in enumerate(texts)])
    everywhere = {
        (str(n), *place) for n, text in enumerate(texts) for place in locate_quote(text, words)
    }
    exact = {place for place in everywhere if texts[int(place[0])][place[1] : place[2]] == words}
    assert set(placer.places(ForeignPassage(text=words))) == (exact or everywhere)


def test_the_exact_wording_wins_over_all_documents() -> None:
    assert PLACER.places(ForeignPassage(text="Write to us.")) == (("a", 23, 35), ("b", 19, 31))
    assert PLACER.places(ForeignPassage(doc_id="c", text="Write to us.")) == (("c", 0, 12),)


@pytest.mark.parametrize(
    ("passage", "said"),
    [
        (ForeignPassage(text="Cash is best."), "stands in no document"),
        (ForeignPassage(doc_id="a", text="Cards are quicker."), "stands not in 'a'"),
        (ForeignPassage(doc_id="x", text="Cards are quicker."), "'x', which is not stored"),
        (ForeignPassage(doc_id="x", start=0, end=3), "'x', which is not stored"),
        (ForeignPassage(doc_id="a", start=30, end=99), "which has 35 characters"),
        (ForeignPassage(doc_id="a", start=0, end=7, text="Refund"), "where other words stand"),
    ],
)
def test_a_passage_without_a_place_is_told_with_the_reason(
    passage: ForeignPassage, said: str
) -> None:
    assert PLACER.places(passage) == ()
    assert PLACER.problem(passage).endswith(said)
    placed = PLACER.placed(
        "search", [ForeignPassage(doc_id="a", start=0, end=9), passage], judged()
    )
    assert placed.unsure == f"passage 2 of 'search' {PLACER.problem(passage)}"


def test_a_place_is_believed_where_its_words_stand() -> None:
    passage = ForeignPassage(doc_id="a", start=0, end=21, text="refunds  take TEN days")
    assert PLACER.places(passage) == (("a", 0, 21),)


def test_several_places_matter_only_where_one_holds_evidence() -> None:
    twice = [ForeignPassage(text="Write to us.")]
    harmless = PLACER.placed("search", twice, judged("a", 0, 21))
    assert harmless.unsure == ""
    assert harmless.unsure_documents.startswith("passage 1 of 'search' stands at 2 places")
    harmful = PLACER.placed("search", twice, judged("b", 19, 27))
    assert "stands at 2 places: 'a' [23, 35), 'b' [19, 31), and evidence" in harmful.unsure


def judged(doc_id: str = "a", start: int = 0, end: int = 21) -> JudgedQuestion:
    span = EvidenceSpan(doc_id=doc_id, start=start, end=end)
    return JudgedQuestion(Question(query=Query(query_id="q", text="?"), evidence=((span,),)))
