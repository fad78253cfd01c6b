"""What a page shows of texts: marked words, escaped, in styles that an untrusted notebook keeps."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.explain import Explanation, explain
from whymiss.explain.highlights import Mark, highlighted
from whymiss.explain.html import ROWS_SHOWN, explanation_page
from whymiss.pages.markup import visible
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query

TAGS: Final = {
    "b", "bdi", "caption", "details", "div", "mark", "p", "pre", "strong", "summary", "table",
    "tbody", "td", "th", "thead", "tr",
}  # fmt: skip
"""Elements that JupyterLab leaves in a notebook that is not trusted."""
PAGE: Final = {"body", "main", "section", "header", "nav", "ul", "li", "a", "h1", "h2"}
KEPT: Final = re.compile(
    r"(white-space|overflow-wrap|margin|font-family|line-height|font-size|background-color|color|"
    r"border-bottom|border-left|padding-left|border-collapse|border|padding|vertical-align|"
    r"text-align|text-decoration|font-weight):[a-z0-9#.% -]+"
)


def written(markup: str) -> str:
    """The text that a browser shows."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@settings(max_examples=60)
@given(
    st.text("ab<&$ \u202e\n", max_size=12),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.floats(-1, 1)), max_size=5),
)
def test_marks_change_nothing_of_the_text(
    text: str, given_marks: list[tuple[int, int, float]]
) -> None:
    marks = [Mark(start=a, end=b, value=value) for a, b, value in given_marks]

    assert written(highlighted(text, marks)) == visible(text)


def test_what_raises_and_what_lowers_differ_in_more_than_colour() -> None:
    shown = highlighted("up down same", [
        Mark(start=0, end=2, value=1.0), Mark(start=3, end=7, value=-0.5),
        Mark(start=8, end=12, value=0.001),
    ])  # fmt: skip
    up, down = re.findall(r'<mark style="([^"]*)">', shown)

    assert "solid" in up
    assert "dashed" in down
    # Twice the weight, a deeper colour; too little weight, no mark.
    assert int(up[24:26], 16) > int(down[24:26], 16)
    assert shown.endswith(" same</div>")


@pytest.fixture
def found(pipe: Callable[..., Pipeline]) -> Explanation:
    texts = ["annual plan costs $5 for ten <b>days</b> " + " ".join(f"w{i}" for i in range(20)),
             "annual refund"]  # fmt: skip
    pipeline = pipe(texts, prefix="Plans > Annual\n\n", reranker="maxsim")
    return explain(Query(query_id="q", text="annual plan"), 1, pipeline=pipeline)


def test_only_what_an_untrusted_notebook_keeps_is_used(found: Explanation) -> None:
    shown = found._repr_html_()

    assert set(re.findall(r"<([a-z0-9]+)", shown)) <= TAGS
    styles = re.findall(r'style="([^"]*)"', shown)
    assert styles
    for style in styles:
        assert all(KEPT.fullmatch(rule) for rule in style.split(";")), style
    # What MathJax would read as a formula stands where it does not look.
    assert shown.startswith('<div class="mathjax_ignore">')
    assert "$" not in shown


def test_a_notebook_shows_the_verdict_the_stages_and_both_texts(found: Explanation) -> None:
    shown = written(found._repr_html_())

    assert repr(found).partition(": ")[2] in shown
    assert found.chunk.indexed_text in shown
    assert found.against.indexed_text in shown
    assert f"decided at {found.decided_at}" in shown


def test_parts_that_have_no_row_are_counted_and_added_up(found: Explanation) -> None:
    words = found.contrast("dense", "passage tokens")
    others = sorted(words.rows, key=lambda row: -abs(row.difference))[ROWS_SHOWN:]
    shown = written(found._repr_html_())

    assert f"{len(others)} others" in shown
    assert f"{sum(row.difference for row in others):+.4f}" in shown


def test_the_page_needs_nothing_else_and_shows_every_score(found: Explanation) -> None:
    page = explanation_page(found)

    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert "<script" not in page
    for stage in ("dense", "bm25", "fuse", "reranker", "rerank"):
        assert f">Parts of {stage}<" in page


def test_hostile_texts_are_shown_as_they_are(hostile: str, pipe: Callable[..., Pipeline]) -> None:
    text = f"annual plan {hostile} ends"
    pipeline = pipe(
        [Document(doc_id="d", text=text, allowed=["*"]), "annual refund"], reranker="maxsim",
        prefix=f"{hostile}\n",
    )  # fmt: skip
    found = explain(
        Query(query_id="q", text=f"annual {hostile}"), "d:0", "d01:0", pipeline=pipeline
    )

    for shown in (found._repr_html_(), explanation_page(found)):
        body = shown.partition("</head>")[2] or shown
        assert set(re.findall(r"<([a-z0-9]+)", body)) <= TAGS | PAGE
        assert "$" not in body
        assert visible(found.chunk.indexed_text) in written(shown)
