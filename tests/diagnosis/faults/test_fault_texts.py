"""Texts and places that faults are made of."""

from __future__ import annotations

import numpy as np
import pytest

from whymiss.diagnosis.faults.passages import moved
from whymiss.diagnosis.faults.recut import Skipper, without
from whymiss.diagnosis.faults.texts import confused, earlier_wording, free_ids
from whymiss.records import Document, Span


def test_decisive_words_are_turned_round_inside_the_evidence_only() -> None:
    text = "Monthly plans: 3. Annual plans cost 12 euros."
    for seed in range(20):
        made = confused(text, np.random.default_rng(seed), (18, len(text)))
        assert made.startswith("Monthly plans: 3. ")
        assert made != text


@pytest.mark.parametrize("text", ["Refunds take ten days.", "0", "a", "9" * 40, "ÄÖ 7 €"])
def test_every_text_has_an_earlier_wording_that_is_no_longer(text: str) -> None:
    made = earlier_wording(text, np.random.default_rng(0))

    assert made != text
    assert len(made) <= len(text)


def test_ids_of_siblings_are_free() -> None:
    assert free_ids("a/faq.md", 2, {"a/faq-1.md"}) == ["a/faq-2.md", "a/faq-3.md"]


def test_places_move_with_the_text_around_them() -> None:
    # "abcdefgh" -> "abXgh": [2, 6) becomes one character.
    assert moved([(0, 2), (2, 6), (1, 3), (5, 8), (6, 8)], (2, 6), 1) == [
        (0, 2), (2, 3), (1, 3), (3, 5), (3, 5),
    ]  # fmt: skip


def test_what_is_passed_over_is_cut_out_of_spans() -> None:
    text = "one two three four"

    assert without(text, Span(start=0, end=18), [(4, 7)]) == [
        Span(start=0, end=3),
        Span(start=8, end=18),
    ]
    assert without(text, Span(start=8, end=13), [(4, 7)]) == [Span(start=8, end=13)]
    whole = type("Whole", (), {"spans": lambda self, d: [Span(start=0, end=len(d.text))]})()
    known = Document(doc_id="d", text=text)
    skipper = Skipper(whole, {known.content_hash: ((0, 18),)})
    assert list(skipper.spans(known)) == []
    assert list(skipper.spans(Document(doc_id="d", text="other"))) == [Span(start=0, end=5)]
