"""What counts as one statement, in the layouts that passages come in."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.answering.statements import statements


def said(text: str) -> list[str]:
    return [text[s.start : s.end] for s in statements(text)]


def test_sentences_of_wrapped_prose_stay_whole() -> None:
    text = (
        "Refunds take five to ten business days, counted from\nthe day we confirm. Cards are fast."
    )
    assert said(text) == [
        "Refunds take five to ten business days, counted from\nthe day we confirm.",
        "Cards are fast.",
    ]


def test_list_items_are_statements_without_their_marks() -> None:
    assert said("- one thing\n* another\n  3. a third one\n") == [
        "one thing",
        "another",
        "a third one",
    ]


def test_lines_of_names_and_values_are_statements() -> None:
    assert said("Price: EUR 45.\nTerm: monthly only.\n") == [
        "Price: EUR 45.",
        "Term: monthly only.",
    ]
    assert said("[14:03] Ann: no\n[14:04] Bob: yes\n") == ["[14:03] Ann: no", "[14:04] Bob: yes"]


def test_a_table_row_is_a_statement_that_knows_its_header() -> None:
    text = "| plan | price |\n|---|---:|\n| Solo | 12 |\n| Crew | 29 |\n\nAfter it.\n| x | y |"
    found = statements(text)
    assert said(text) == ["| Solo | 12 |", "| Crew | 29 |", "After it.", "| x | y |"]
    headers = [text[slice(*s.header)] if s.header else None for s in found]
    assert headers == ["| plan | price |", "| plan | price |", None, None]


def test_a_table_set_in_columns_knows_its_header_too() -> None:
    text = "PLAN   PRICE   SEATS\nSolo   EUR 6   1\nCrew   EUR 7   2"
    assert said(text) == ["Solo   EUR 6   1", "Crew   EUR 7   2"]
    assert statements(text)[0].header == (0, 20)


@pytest.mark.parametrize(
    "heading", ["# Plans", "## Plans ##", "== Plans", "Plans\n=====", "**Plans**", "Plans\n-----"]
)
def test_headings_are_topics_and_no_statements(heading: str) -> None:
    text = f"{heading}\n\nSolo is for one."
    (only,) = statements(text)
    assert text[only.start : only.end] == "Solo is for one."
    assert only.topic == "Plans"


def test_questions_are_topics_and_no_statements() -> None:
    text = "How long are packs valid?\n\nTwelve months. They are not paid back.\n\nMay I sell? No."
    assert [(text[s.start : s.end], s.topic) for s in statements(text)] == [
        ("Twelve months.", "How long are packs valid?"),
        ("They are not paid back.", "How long are packs valid?"),
        ("No.", "May I sell?"),
    ]


def test_a_bold_run_before_a_sentence_is_its_topic() -> None:
    text = "**Storage.** You can stack up to 20."
    assert [(text[s.start : s.end], s.topic) for s in statements(text)] == [
        ("You can stack up to 20.", "Storage.")
    ]


def test_code_is_taken_line_by_line_without_its_fence() -> None:
    assert said("```python\nx = 1  # a. b? c!\n\ny = 2\n```\nDone.") == [
        "x = 1  # a. b? c!",
        "y = 2",
        "Done.",
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "---\n***", "| --- | --- |", "```\n```", "# Only"])
def test_what_states_nothing_gives_nothing(text: str) -> None:
    assert statements(text) == []


pieces = st.lists(
    st.sampled_from(
        ["# H", "text", ". ", "? ", "\n", "\n\n", "| a | b |", "|---|---|", "- ", "```", "  ",
         "**b**", "a: b", "===", "x  y  z", "é", "\t", "\r\n", "1. ", "Ends. Here"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@given(pieces | st.text(max_size=100))
def test_statements_are_stretches_of_the_text_in_order(text: str) -> None:
    found = statements(text)
    assert all(0 <= s.start < s.end <= len(text) for s in found)
    assert all(text[s.start : s.end].strip() for s in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    "text",
    [
        "# a" + " " * 50_000 + "x",
        "|" + "-" * 50_000 + "x",
        "-" * 50_000 + "x",
        "a  " * 30_000 + "\x0b",
        "**" + "b" * 50_000,
        "." * 50_000 + "x",
        ("a" * 60 + "\n") * 3_000,
        "a:\n" * 20_000,
    ],
)
def test_hostile_lines_take_no_quadratic_time(text: str) -> None:
    started = time.perf_counter()
    statements(text)
    assert time.perf_counter() - started < 3
