"""Where terms, words and tokens stand: in the text as it is, whatever it holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.embedding.cache import pooling_encoder
from whymiss.errors import InvalidRecordError
from whymiss.explain import FRAME, Contrast, Ledger, Standing
from whymiss.explain.frame import explanation_frame
from whymiss.explain.words import placed, without, words_of
from whymiss.records import Chunk
from whymiss.retrieval.terms import term_finder, term_splitter
from whymiss.testing import HashingEncoder

ENCODER = HashingEncoder()
odd = st.text(st.sampled_from("ab1 İΣſßﬁ-_.'’退款ท\u0345\u200b\n"), max_size=30)


@settings(max_examples=200)
@given(st.text(max_size=40) | odd, st.booleans())
def test_terms_are_found_where_they_stand(text: str, stop_words: bool) -> None:
    found = term_finder("", stop_words)(text)

    assert [place.term for place in found] == term_splitter("", stop_words)(text)
    for term, start, end in found:
        # What is part of a character in lower case is told as the whole; a last sigma is another.
        assert term.casefold() in text[start:end].casefold()
        assert 0 <= start < end <= len(text)


@settings(max_examples=200)
@given(st.text(max_size=40) | odd)
def test_words_leave_out_nothing_but_white_space(text: str) -> None:
    words = words_of(text)
    gone = without(text, words, range(len(words)))

    assert len(gone) == len(text)
    assert not gone.strip()
    assert all(text[word.start : word.end] == word.name for word in words)


@settings(max_examples=200)
@given(st.text(max_size=40) | odd)
def test_the_double_pools_what_it_encodes(text: str) -> None:
    (tokens,) = ENCODER.pooled_documents([text])
    (vector,) = ENCODER.encode_documents([text])
    total = tokens.vectors.sum(axis=0, dtype=np.float64)

    assert total / np.linalg.norm(total) == pytest.approx(vector, abs=1e-5)
    pairs = zip(tokens.names, tokens.offsets.starts, tokens.offsets.ends, strict=True)
    for name, start, end in pairs:
        assert name == (text[start:end] if start >= 0 else "[special]")


def test_an_encoder_without_pooled_tokens_is_known_by_its_kind() -> None:
    assert pooling_encoder(ENCODER) is ENCODER
    assert pooling_encoder(object()) is None  # type: ignore[arg-type]


def test_a_range_over_the_border_is_told_on_both_sides() -> None:
    chunk = Chunk(
        chunk_id="c", doc_id="d", start=100, end=104, text="plan", prefix="an ", n_tokens=2,
        parent_start=100, parent_end=104,
    )  # fmt: skip

    assert placed(chunk, [(0, 2)]) == {"prefix": ((0, 2),), "passage": ()}
    assert placed(chunk, [(3, 7)]) == {"prefix": (), "passage": ((100, 104),)}
    assert placed(chunk, [(1, 5)]) == {"prefix": ((1, 3),), "passage": ((100, 102),)}


def test_ledgers_of_different_stages_are_not_held_against_each_other() -> None:
    def ledger(stage: str) -> Ledger:
        standing = Standing(stage=stage, chunk_id="c", score=1.0)
        return Ledger(standing=standing, score=1.0, view="terms", parts=())

    assert Contrast(chunk=ledger("bm25"), against=ledger("bm25")).residual == 0.0
    with pytest.raises(InvalidRecordError, match="of one stage and view; got bm25 terms and dense"):
        Contrast(chunk=ledger("bm25"), against=ledger("dense"))


def test_the_columns_of_the_frame_are_a_contract() -> None:
    assert FRAME == (
        "stage", "view", "kind", "part", "chunk", "against", "difference", "chunk_effect",
        "against_effect", "exact", "question_spans", "chunk_spans", "against_spans",
        "chunk_prefix", "against_prefix", "chunk_numbers", "against_numbers", "chunk_note",
        "against_note",
    )  # fmt: skip
    assert explanation_frame.__doc__
