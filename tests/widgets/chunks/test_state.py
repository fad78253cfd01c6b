"""Pages hold a text whole and stay where they are; the code makes the same borders again."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import whymiss
from whymiss.testing import HashingEncoder
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.chunks.state import page_at, pages_of


@given(st.text("ab\n", max_size=80), st.integers(2, 20))
def test_pages_follow_each_other_and_none_is_too_long(text: str, most: int) -> None:
    pages = pages_of(text, most)
    assert pages[0][0] == 0
    assert pages[-1][1] == len(text)
    assert all(one[1] == other[0] for one, other in pairwise(pages))
    assert all(end - start <= most for start, end in pages)
    # Behind a line break where the second half has one.
    for start, end in pages[:-1]:
        assert text[end - 1] == "\n" or "\n" not in text[start + most // 2 : start + most]


@given(st.text("ab\n", min_size=1, max_size=80), st.data())
def test_every_character_has_its_page(text: str, data: st.DataObject) -> None:
    pages = pages_of(text, 9)
    at = data.draw(st.integers(0, len(text) - 1))
    start, end = pages[page_at(pages, at)]
    assert start <= at < end


def test_the_code_makes_the_same_table(
    browser: ChunkBrowser, turn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(browser, "chunking.size", 24)
    browser.press("mark_quote", quote="Paid by card")
    assert browser.flush(10)
    monkeypatch.setattr(whymiss, "open", partial(whymiss.open, encoder=HashingEncoder()))
    named: dict[str, Any] = {}
    exec(browser.to_code(), named)
    assert browser.cut is not None
    pd.testing.assert_frame_equal(named["boundaries"], browser.cut.boundaries)
    assert len(named["boundaries"]) > 10
    named["wb"].close()


def test_the_code_is_shown_with_the_view(browser: ChunkBrowser, seen: Any, turn: Any) -> None:
    turn(browser, "chunking.size", 24)
    assert seen(browser, "code").find(attrs={"data-code": "chunks"}).text == browser.to_code()
