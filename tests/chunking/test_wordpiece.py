"""Units and sizes with the packaged model's own WordPiece tokenizer."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.chunking import make_chunker
from whymiss.chunking.units import units
from whymiss.config import ChunkingConfig, EmbeddingConfig
from whymiss.embedding.models import locate_model
from whymiss.embedding.tokenizer import HuggingFaceTokenizer
from whymiss.protocols import Tokenizer
from whymiss.records import Document


@pytest.fixture(scope="module")
def wordpiece() -> Tokenizer:
    return HuggingFaceTokenizer(locate_model(EmbeddingConfig()).folder)


WORDS = st.sampled_from(
    [
        "renewals",
        "FW-STO-100",
        "EUR 12.50",
        "don't",
        "naïve",
        "日本語テキスト。",
        "שלום",
        "👩‍👩‍👧",
        "e\u0301",
        "supercalifragilistic",
        "x" * 150,
        "a/b?c=d&e" * 20,
        "ﷺ",
        "\u200b",
        "한국어",
        "#",
        "\n\n",
        "(c)",
    ]
)


@given(words=st.lists(WORDS, max_size=40), separator=st.sampled_from([" ", "", "\n"]))
@settings(max_examples=150, deadline=None)
def test_counts_of_undoubted_units_add_up(
    wordpiece: Tokenizer, words: list[str], separator: str
) -> None:
    text = separator.join(words)
    cut = units(text, wordpiece)
    borders = sorted({0, len(cut), *range(0, len(cut), 3)})
    for first, last in pairwise(borders):
        if cut.doubts[first] == cut.doubts[last]:
            start, end = cut.characters(first, last)
            spent = int(cut.cost[last] - cut.cost[first])
            assert wordpiece.count([text[start:end]])[0] == spent


@pytest.mark.parametrize("strategy", ["fixed", "recursive", "sentence", "heading", "parent_child"])
@given(words=st.lists(WORDS, max_size=60), separator=st.sampled_from([" ", "", "\n"]))
@settings(max_examples=40, deadline=None)
def test_chunks_keep_to_the_size(
    wordpiece: Tokenizer, strategy: str, words: list[str], separator: str
) -> None:
    text = separator.join(words)
    chunker = make_chunker(ChunkingConfig(strategy=strategy, size=20), wordpiece)
    spans = chunker.spans(Document(doc_id="d", text=text))
    counts = np.array(wordpiece.count([text[s.start : s.end] for s in spans]))
    assert (counts <= 20).all()


def test_a_word_of_a_megabyte_is_cut_into_pieces_the_model_can_read(wordpiece: Tokenizer) -> None:
    text = "abcdefghij" * 100_000
    cut = units(text, wordpiece)
    assert int((cut.ends - cut.starts).max()) <= 100
    assert cut.starts[0] == 0
    assert cut.ends[-1] == len(text)
