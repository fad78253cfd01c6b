"""Texts and numbers of charts: harmless, whole lines, undefined in words."""

from __future__ import annotations

import html
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.plots.labels import check_columns, estimate, hover, label, n_lines, number

NAN = float("nan")


@given(st.text())
def test_no_text_leaves_its_label(text: str) -> None:
    shown = label(text).replace("<br>", "\n")
    assert "<" not in shown
    assert ">" not in shown
    assert "$" not in shown


@given(st.lists(st.text("abc<>&$", min_size=1, max_size=8), min_size=1, max_size=12))
def test_a_label_is_wrapped_and_loses_nothing_that_it_does_not_mark(parts: list[str]) -> None:
    text = " ".join(parts)
    lines = [html.unescape(line) for line in label(text).split("<br>")]
    assert len(lines) <= 3
    assert all(len(line) <= 30 for line in lines)
    joined = " ".join(lines)
    assert joined == text or (joined.endswith("…") and text.startswith(joined[:-1].strip()))


def test_a_word_longer_than_a_line_is_broken_not_lost() -> None:
    assert label("x" * 40) == "x" * 30 + "<br>" + "x" * 10
    assert n_lines(label("x" * 40)) == 2


def test_hover_shows_more_than_a_label_and_leaves_empty_lines_out() -> None:
    long = "word " * 60
    assert label(long).endswith("…")
    assert not hover(long).endswith("…")
    assert hover("a", "", "<b>") == "a<br>&lt;b&gt;"


@given(st.floats(-1e6, 1e6))
def test_a_number_is_shown_to_a_thousandth_of_its_size(value: float) -> None:
    shown = float(number(value).replace(",", ""))
    assert abs(shown - value) <= 0.00051 * max(1.0, abs(value))


def test_undefined_is_a_word_and_never_a_number() -> None:
    assert estimate(NAN, NAN, NAN) == "undefined"
    assert estimate(0.5, NAN, NAN) == "0.500, no interval"
    assert estimate(0.5, -math.inf, math.inf) == "0.500, no interval"
    assert estimate(-0.5, -0.7, 0.1, sign=True) == "-0.500 [-0.700, +0.100]"


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InvalidRecordError, match="heatmap needs the columns a, b; 'b' is missing"):
        check_columns(pd.DataFrame({"a": [1]}), ("a", "b"), who="heatmap")
