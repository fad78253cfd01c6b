from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.chunking import build_chunks, sentence_starts
from whymiss.chunking.remember import TextMemo, remembered
from whymiss.chunking.units import units
from whymiss.config import ChunkingConfig
from whymiss.records import Document, Span
from whymiss.testing import RegexTokenizer


@given(st.lists(st.text(alphabet="ab", max_size=6), max_size=30))
def test_a_memo_gives_what_was_computed_and_keeps_no_more_than_it_may(texts: list[str]) -> None:
    memo: TextMemo[str] = TextMemo(max_characters=10)
    for text in texts:
        assert memo.get(text, "upper", text.upper) == text.upper()
        assert sum(len(kept) for kept, _ in memo._kept) <= 10


def test_settings_are_told_apart() -> None:
    @remembered
    def repeated(text: str, n: int, *, mark: str = "") -> str:
        return text * n + mark

    assert [repeated("a", 1), repeated("a", 2), repeated("a", 2, mark="!")] == ["a", "aa", "aa!"]


def test_tokenizers_are_told_apart() -> None:
    text = "Invoices of enterprise customers"
    fine, coarse = RegexTokenizer(piece=2), RegexTokenizer(piece=8)
    assert units(text, fine).cost[-1] == fine.count([text])[0]
    assert units(text, coarse).cost[-1] == coarse.count([text])[0]


def test_what_is_remembered_cannot_be_changed_by_a_caller() -> None:
    with pytest.raises(ValueError, match="read-only"):
        sentence_starts("One. Two.")[0] = 7


@given(
    st.text(alphabet="ab\u0301-.\n \u6f22", min_size=1, max_size=200),
    st.data(),
    st.booleans(),
)
def test_chunks_count_the_tokens_of_what_is_embedded(
    text: str, data: st.DataObject, headed: bool
) -> None:
    """Whatever the span: also one that begins inside a word, as a chunker of one's own may cut."""
    tokenizer = RegexTokenizer(piece=3)
    start = data.draw(st.integers(0, len(text) - 1))
    span = Span(start=start, end=data.draw(st.integers(start + 1, len(text))))
    document = Document(doc_id="d", text=text, title="Plans" if headed else "", syntax="plain")
    (chunk,) = build_chunks(
        document, [span], config=ChunkingConfig(), tokenizer=tokenizer, max_tokens=256
    )
    assert chunk.n_tokens == tokenizer.count([chunk.indexed_text])[0] + tokenizer.n_special


def test_units_of_one_text_are_the_same_for_every_limit_that_cuts_no_word() -> None:
    text = "Annual plans renew by themselves."
    assert np.array_equal(
        units(text, RegexTokenizer(), limit=50).cost, units(text, RegexTokenizer(), limit=90).cost
    )
