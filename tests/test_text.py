"""Spans, quotes, words and escaping, against values worked by hand and against plain sets."""

from __future__ import annotations

import itertools
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.text import (
    coverage,
    covered_length,
    esc,
    excerpt,
    intersection_length,
    locate_quote,
    merge_spans,
    normalise_whitespace,
    words,
)

spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda p: (p[0], p[0] + p[1])),
    max_size=8,
)


def characters(intervals: list[tuple[int, int]]) -> set[int]:
    return {place for start, end in intervals for place in range(start, end)}


@given(spans)
def test_merged_spans_hold_the_same_characters_in_order_with_gaps_between(
    given_spans: list[tuple[int, int]],
) -> None:
    merged = merge_spans(given_spans)
    assert characters(merged) == characters(given_spans)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(merged))
    assert all(start < end for start, end in merged)


@given(spans, spans)
def test_covered_length_counts_each_required_character_once(
    required: list[tuple[int, int]], delivered: list[tuple[int, int]]
) -> None:
    expected = characters(required) & characters(delivered)
    assert covered_length(required, delivered) == len(expected)
    if characters(required):
        share = len(expected) / len(characters(required))
        assert coverage(required, delivered) == pytest.approx(share)


def test_touching_half_open_spans_share_nothing() -> None:
    assert intersection_length((0, 3), (3, 5)) == 0
    assert intersection_length((0, 4), (3, 5)) == 1
    assert intersection_length((5, 9), (0, 3)) == 0


def test_coverage_of_nothing_is_an_error_and_not_a_quiet_zero() -> None:
    with pytest.raises(InvalidRecordError, match="at least one required character"):
        coverage([(4, 4)], [(0, 9)])


def test_a_span_that_runs_backwards_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match=r"must not end before it starts; got \[5, 2\)"):
        merge_spans([(5, 2)])


def test_covering_many_spans_takes_no_quadratic_time() -> None:
    many = [(i * 3, i * 3 + 2) for i in range(100_000)]
    started = time.perf_counter()
    assert covered_length(many, many) == 200_000
    assert time.perf_counter() - started < 2


def test_white_space_of_every_kind_becomes_one_space() -> None:
    assert normalise_whitespace("\ta\u00a0\n\r b\u2003") == "a b"


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("Ten days. Ten days.", "Ten days.", ["Ten days.", "Ten days."]),
        ("Refunds take\n   ten days.", "Refunds take ten days.", ["Refunds take\n   ten days."]),
        ("the “annual” plan — yes", 'the "annual" plan - yes', ["the “annual” plan — yes"]),
        ("It doesn’t expire", "it DOESN'T expire", ["It doesn’t expire"]),
        ("an o\ufb03ce day", "an office day", ["an o\ufb03ce day"]),
        ("hyp\u00adhen", "hyphen", ["hyp\u00adhen"]),
        ("cafe\u0301 noir", "caf\u00e9 noir", ["cafe\u0301 noir"]),
        ("Straße 5", "STRASSE 5", ["Straße 5"]),
        ("  padded  ", "  padded\n", ["padded"]),
        ("ten days", "two days", []),
        ("ten days", "   ", []),
        ("ten days", "\u00ad", []),
        ("", "ten", []),
    ],
)
def test_a_quote_is_found_whatever_its_typography(text: str, quote: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in locate_quote(text, quote)] == found


def test_an_exact_quote_hides_the_merely_similar_ones() -> None:
    assert locate_quote("TEN DAYS or ten days", "ten days") == [(12, 20)]


def test_a_match_never_begins_or_ends_inside_a_character() -> None:
    assert locate_quote("cafe\u0301", "CAFE") == []
    assert locate_quote("\ufb01x", "IX") == []


@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_every_stretch_of_a_text_is_found_in_it(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    quote = text[start:end]
    places = locate_quote(text, quote)
    assert all(0 <= a < b <= len(text) for a, b in places)
    assert bool(places) == bool(quote.strip())


def test_a_long_text_without_the_quote_is_searched_in_linear_time() -> None:
    started = time.perf_counter()
    assert locate_quote("a " * 200_000, "a a b") == []
    assert time.perf_counter() - started < 3


class _Shown(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])), st.booleans())
def test_escaped_text_is_shown_as_it_was_and_holds_no_markup(text: str, quote: bool) -> None:
    page = _Shown()
    page.feed(esc(text, quote=quote))
    page.close()
    assert page.text == text
    assert page.tags == []
    assert "$" not in esc(text)


def test_only_attribute_values_get_their_quotation_marks_escaped() -> None:
    assert esc("\"'") == "\"'"
    assert esc("\"' onclick=x", quote=True) == "&quot;&#x27; onclick=x"


@given(st.text(max_size=300), spans, st.integers(1, 120))
def test_an_excerpt_is_one_line_within_its_width(
    text: str, wanted: list[tuple[int, int]], width: int
) -> None:
    shown = excerpt(text, wanted, width)
    assert len(shown) <= width
    assert len(shown.splitlines()) <= 1


def test_an_excerpt_shows_every_span_and_marks_what_it_leaves_out() -> None:
    text = "x" * 200 + " EUR 45 " + "y" * 500 + " ten days " + "z" * 200
    spans = [(201, 207), (709, 717)]
    shown = excerpt(text, spans, 80)
    assert "EUR 45" in shown
    assert "ten days" in shown
    assert shown.count("…") == 3


def test_an_excerpt_without_spans_is_the_beginning() -> None:
    assert excerpt("Refunds take ten days.", [], 10) == "Refunds…"
    assert excerpt("short", [], 80) == "short"
    assert excerpt("", [], 80) == ""


def test_an_excerpt_of_no_width_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="width of at least 1"):
        excerpt("text", [], 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FW-1042", ["fw-1042", "fw", "1042"]),
        ("support_tiers_v3", ["support_tiers_v3", "support", "tiers", "v3"]),
        ("X-Header: yes", ["x-header", "x", "header", "yes"]),
        ("99.9 %", ["99.9", "99", "9"]),
        ("EUR 1,000, or 2", ["eur", "1,000", "1", "000", "or", "2"]),
        ("08:00-18:00", ["08:00-18:00", "08", "00", "18", "00"]),
        ("Don’t STOP.", ["don't", "don", "t", "stop"]),
        ("_private_ -x- end.", ["private", "x", "end"]),
        ("Größe café ﬁx", ["grösse", "café", "fix"]),
        ("cafe\u0301", ["café"]),
        ("…—!", []),
    ],
)
def test_words_keep_compounds_whole_and_in_parts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(max_size=80))
def test_words_do_not_depend_on_case_or_on_surrounding_space(text: str) -> None:
    assert words(f"  {text}\n") == words(text)
    assert all(word and not word.isspace() for word in words(text))
