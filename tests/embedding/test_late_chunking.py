"""Late chunking: a mean by running sums is the mean, and equals exact vectors without context."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.embedding import DocumentTokens, pool, pool_chunks, sum_prefixes
from whymiss.embedding.document_tokens import BLOCK
from whymiss.embedding.late_chunking import span_sums
from whymiss.errors import ChunkingError
from whymiss.protocols import TokenOffsets, TokenVectors
from whymiss.records import Chunk
from whymiss.testing import HashingEncoder

ENCODER = HashingEncoder()


def made(n_tokens: int, seed: int, dimension: int = 5) -> DocumentTokens:
    """Random tokens of 1 to 4 characters with gaps of 0 to 2 between them."""
    chance = np.random.default_rng(seed)
    lengths, gaps = chance.integers(1, 5, n_tokens), chance.integers(0, 3, n_tokens)
    ends = np.cumsum(lengths + gaps)
    # Off zero, as real token vectors are: sums grow with the length of the document.
    vectors = (chance.normal(size=(n_tokens, dimension)) + 0.5).astype(np.float16)
    return DocumentTokens.of(
        TokenVectors(vectors=vectors, offsets=TokenOffsets(starts=ends - lengths, ends=ends))
    )


def touching(tokens: DocumentTokens, start: int, end: int) -> list[int]:
    """Tokens that share a character with the span, one character at a time."""
    characters = set(range(start, end))
    return [
        i
        for i in range(len(tokens))
        if not characters.isdisjoint(range(tokens.starts[i], tokens.ends[i]))
    ]


def naive(tokens: DocumentTokens, numbers: list[int]) -> Any:
    mean = tokens.vectors[numbers].astype(np.float64).mean(axis=0)
    return mean / np.linalg.norm(mean)


def chunk(text: str, start: int, end: int, *, doc_id: str = "d", prefix: str = "") -> Chunk:
    return Chunk(
        chunk_id=f"{doc_id}:{start}", doc_id=doc_id, start=start, end=end, text=text[start:end],
        n_tokens=9, prefix=prefix, parent_start=start, parent_end=end,
    )  # fmt: skip


@given(n_tokens=st.integers(1, 3 * BLOCK), seed=st.integers(0, 99), data=st.data())
def test_a_pooled_vector_is_the_mean_of_the_tokens_that_touch_the_span(
    n_tokens: int, seed: int, data: st.DataObject
) -> None:
    tokens = made(n_tokens, seed)
    last = int(tokens.ends[-1]) + 3
    drawn = data.draw(st.lists(st.tuples(st.integers(0, last), st.integers(1, last)), max_size=8))
    inside = [(a, b, touching(tokens, a, b)) for a, b in drawn if a < b]
    spans = [(a, b) for a, b, numbers in inside if numbers]
    found = pool(tokens, spans)
    assert found.shape == (len(spans), 5)
    assert found.dtype == np.float32
    for vector, (_, _, numbers) in zip(found, [s for s in inside if s[2]], strict=True):
        assert np.abs(vector - naive(tokens, numbers)).max() < 1e-3


@given(n_tokens=st.integers(0, 4 * BLOCK), seed=st.integers(0, 99))
def test_sums_before_every_token_are_running_sums(n_tokens: int, seed: int) -> None:
    tokens = made(n_tokens, seed)
    found = tokens.sums_before(np.arange(n_tokens + 1))
    expected = np.vstack([np.zeros(5), np.cumsum(tokens.vectors.astype(np.float64), axis=0)])
    assert np.abs(found - expected).max() < 1e-3


@given(cuts=st.lists(st.integers(1, 400), unique=True, max_size=20), seed=st.integers(0, 99))
def test_spans_that_lie_side_by_side_share_out_the_sum_of_the_document(
    cuts: list[int], seed: int
) -> None:
    tokens = made(100, seed)
    # Cut between tokens, so that none touches two spans.
    borders = sorted({0, *(int(tokens.starts[cut % 100]) for cut in cuts), int(tokens.ends[-1])})
    spans = np.array(list(pairwise(borders)))
    sums, counts = span_sums(tokens, spans)
    assert counts.sum() == 100
    assert np.allclose(sums.sum(axis=0), tokens.vectors.sum(axis=0, dtype=np.float64), atol=1e-3)


def test_late_in_a_long_document_the_mean_is_as_good_as_early_in_it() -> None:
    # Sums reach 50,000 here, where float32 is only good to 0.004.
    tokens = made(100_000, 1)
    numbers = [*range(99_990, 100_000)]
    found = pool(tokens, [(int(tokens.starts[numbers[0]]), int(tokens.ends[-1]))])[0]
    assert np.abs(found - naive(tokens, numbers)).max() < 1e-5


def test_a_token_cut_by_a_border_counts_on_both_sides() -> None:
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float16)
    offsets = TokenOffsets(starts=np.array([0, 3, 6]), ends=np.array([3, 6, 9]))
    tokens = DocumentTokens.of(TokenVectors(vectors=vectors, offsets=offsets))
    half = 0.5**0.5
    assert pool(tokens, [(0, 4), (4, 9), (3, 6)]) == pytest.approx(
        np.array([[half, half, 0], [0, half, half], [0, 1, 0]]), abs=1e-6
    )


@given(
    words=st.lists(
        st.sampled_from(["refund", "annual", "plan", "Renewals", "two-step", "3.14"]), min_size=1
    ),
    cut=st.integers(0, 30),
)
def test_where_context_changes_nothing_it_equals_embedding_each_chunk(
    words: list[str], cut: int
) -> None:
    head, tail = " ".join(words[:cut]), " ".join(words[cut:])
    parts = [part for part in (head, tail) if part]
    text = " ".join(parts)
    spans = [(text.index(part), text.index(part) + len(part)) for part in parts[:1]]
    if len(parts) == 2:
        spans.append((len(head) + 1, len(text)))
    (found,) = ENCODER.document_tokens([text])
    late = pool(DocumentTokens.of(found), spans)
    exact = ENCODER.encode_documents([text[a:b] for a, b in spans])
    assert np.abs((late * exact).sum(axis=1) - 1).max() < 1e-2


def test_a_span_without_a_token_is_named() -> None:
    (found,) = ENCODER.document_tokens(["Refunds   \n\n  take ten days."])
    tokens = DocumentTokens.of(found)
    with pytest.raises(ChunkingError, match=r"span \[8, 12\) touches no token \(1 of 2 have no"):
        pool(tokens, [(0, 7), (8, 12)])
    with pytest.raises(ChunkingError, match=r"0 <= start < end; got \[5, 5\)"):
        pool(tokens, [(0, 7), (5, 5)])
    with pytest.raises(ChunkingError, match="touches no token"):
        pool(tokens, [(99, 120)])


def test_token_vectors_that_cancel_out_have_no_mean() -> None:
    vectors = np.array([[1, 0], [-1, 0]], dtype=np.float16)
    offsets = TokenOffsets(starts=np.array([0, 1]), ends=np.array([1, 2]))
    tokens = DocumentTokens.of(TokenVectors(vectors=vectors, offsets=offsets))
    with pytest.raises(ChunkingError, match=r"span \[0, 2\) has token vectors that cancel out"):
        pool(tokens, [(0, 2)])


def test_no_spans_have_no_vectors() -> None:
    assert pool(made(3, 0), []).shape == (0, 5)
    assert pool_chunks([], {}.__getitem__).shape[0] == 0


def test_chunks_of_many_documents_come_back_in_their_order_and_each_document_is_asked_once() -> (
    None
):
    texts = {"a": "Annual plans renew. Refunds take ten days.", "b": "Cancel by letter or mail."}
    chunks = [
        chunk(texts["b"], 0, 16, doc_id="b"),
        chunk(texts["a"], 20, 42, doc_id="a"),
        chunk(texts["b"], 17, 25, doc_id="b"),
        chunk(texts["a"], 0, 19, doc_id="a"),
    ]
    tokens = {k: DocumentTokens.of(*ENCODER.document_tokens([t])) for k, t in texts.items()}
    asked: list[str] = []

    def tokens_of(doc_id: str) -> DocumentTokens:
        asked.append(doc_id)
        return tokens[doc_id]

    found = pool_chunks(chunks, tokens_of)
    assert sorted(asked) == ["a", "b"]
    for vector, one in zip(found, chunks, strict=True):
        assert np.array_equal(vector, pool(tokens[one.doc_id], [(one.start, one.end)])[0])
    bad = replace(chunks[1], chunk_id="none", start=1000, end=1022, parent_start=9, parent_end=1022)
    with pytest.raises(ChunkingError, match="chunk 'none' of 'a' touches no token"):
        pool_chunks([*chunks, bad], tokens_of)


def test_a_prefix_counts_as_if_it_stood_in_the_chunk() -> None:
    text = "Annual plans renew. Refunds take ten days."
    chunks = [chunk(text, 0, 19, prefix="Billing > Terms\n"), chunk(text, 20, 42)]
    tokens = DocumentTokens.of(*ENCODER.document_tokens([text]))
    sums = sum_prefixes([c.prefix for c in chunks], ENCODER)
    assert list(sums) == ["Billing > Terms\n"]
    with_prefix = pool_chunks(chunks, lambda _: tokens, prefix_sums=sums)
    without = pool_chunks(chunks, lambda _: tokens)
    exact = ENCODER.encode_documents([c.indexed_text for c in chunks])
    assert np.abs((with_prefix * exact).sum(axis=1) - 1).max() < 1e-2
    assert (without * exact).sum(axis=1)[0] < 0.9
    assert np.array_equal(with_prefix[1], without[1])
