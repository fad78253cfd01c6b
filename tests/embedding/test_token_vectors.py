"""Token vectors through windows: one per token, from the window where it is most central."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import EmbeddingConfig
from whymiss.embedding import SentenceTransformersEncoder, locate_model
from whymiss.embedding.token_vectors import read_in_windows, windows
from whymiss.errors import ModelError
from whymiss.protocols import TokenEncoder
from whymiss.testing import HashingEncoder

LONG = " ".join(f"Plan {i} renews in {i * 7} days, café and 東京 apart." for i in range(60))


@given(n_tokens=st.integers(0, 900), size=st.integers(1, 300))
def test_each_token_is_kept_once_from_the_window_in_whose_middle_it_lies_most(
    n_tokens: int, size: int
) -> None:
    found = windows(n_tokens, size)
    kept = [i for window in found for i in range(window.keep_start, window.keep_end)]
    assert kept == list(range(n_tokens))
    for window in found:
        assert window.start <= window.keep_start < window.keep_end <= window.end
        assert window.end - window.start == min(size, n_tokens)
    middles = np.array([(window.start + window.end) / 2 for window in found])
    for window, middle in zip(found, middles, strict=True):
        for i in {window.keep_start, window.keep_end - 1}:
            assert abs(i + 0.5 - middle) == np.abs(i + 0.5 - middles).min()


def test_a_token_far_from_both_ends_sees_a_quarter_of_a_window_to_either_side() -> None:
    for window in windows(5000, 254)[1:-1]:
        assert window.keep_start - window.start >= 63
        assert window.end - window.keep_end >= 63


def test_vectors_land_at_their_tokens_whatever_the_batches() -> None:
    texts = [np.arange(n, dtype=np.int64) + 1000 * n for n in (0, 1, 7, 400, 33)]
    rows_read: list[int] = []

    def read(rows: Sequence[Any]) -> list[Any]:
        rows_read.extend(map(len, rows))
        return [np.stack([row // 1000, row % 1000], axis=1).astype(np.float32) for row in rows]

    steps: list[int] = []
    found = read_in_windows(
        texts, read, size=10, dimension=2, tokens_per_batch=99, progress=steps.append
    )
    for ids, vectors in zip(texts, found, strict=True):
        assert vectors.dtype == np.float16
        assert np.array_equal(vectors, np.stack([ids // 1000, ids % 1000], axis=1))
    assert max(rows_read) <= 10
    assert sum(steps) == 441


@pytest.mark.parametrize("bad", [np.nan, np.inf, 70_000.0])
def test_what_float16_cannot_hold_is_an_error(bad: float) -> None:
    def read(rows: Sequence[Any]) -> list[Any]:
        return [np.full((len(row), 2), bad, dtype=np.float32) for row in rows]

    with pytest.raises(ModelError, match="not finite numbers of float16"):
        read_in_windows([np.arange(3)], read, size=10, dimension=2, tokens_per_batch=99)


@given(text=st.text(st.sampled_from("abc ABC.,?!é_\n東İ"), max_size=60))
def test_the_doubles_token_vectors_make_up_its_text_vector(text: str) -> None:
    encoder = HashingEncoder()
    (found,) = encoder.document_tokens([text])
    assert len(found) == encoder.tokenizer.count([text])[0]
    if len(found):
        mean = found.vectors.astype(np.float64).sum(axis=0)
        # Lower-casing İ gives two characters, which the words of the whole text are cut at.
        if "İ" not in text:
            assert mean @ encoder.encode_documents([text])[0] > 0.99 * np.linalg.norm(mean)


@pytest.fixture(scope="module")
def encoder() -> SentenceTransformersEncoder:
    return SentenceTransformersEncoder(EmbeddingConfig())


@cache
def reference() -> Any:
    """sentence-transformers itself."""
    from sentence_transformers import SentenceTransformer

    folder = str(locate_model(EmbeddingConfig()).folder)
    return SentenceTransformer(folder, device="cpu", local_files_only=True)


def states_of(text: str) -> Any:
    """sentence-transformers' own token vectors, special tokens included."""
    return reference().encode(text, output_value="token_embeddings", prompt="").numpy()


@pytest.mark.model
def test_the_packaged_model_gives_token_vectors(encoder: SentenceTransformersEncoder) -> None:
    assert isinstance(encoder, TokenEncoder)
    assert encoder.no_token_vectors_because == ""


@pytest.mark.model
def test_in_one_window_they_are_those_of_sentence_transformers_without_special_tokens(
    encoder: SentenceTransformersEncoder,
) -> None:
    texts = ["Refunds take ten days.", "", "café \U0001f600 東京", LONG[:600]]
    for text, found in zip(texts, encoder.document_tokens(texts), strict=True):
        expected = states_of(text)[1:-1] if text else np.empty((0, 384))
        assert found.vectors.shape == expected.shape
        # Half precision is good to a thousandth of values of a few units.
        assert np.abs(found.vectors - expected).max(initial=0) < 4e-3
        (offsets,) = encoder.tokenizer.offsets([text])
        assert np.array_equal(found.offsets.starts, offsets.starts)
        assert np.array_equal(found.offsets.ends, offsets.ends)


@pytest.mark.model
def test_tokens_and_special_tokens_together_make_up_the_sentence_vector(
    encoder: SentenceTransformersEncoder,
) -> None:
    text = LONG[:500]
    states = states_of(text)
    (found,) = encoder.document_tokens([text])
    total = found.vectors.astype(np.float64).sum(axis=0) + states[0] + states[-1]
    (exact,) = encoder.encode_documents([text])
    assert total @ exact / np.linalg.norm(total) > 0.99999


@pytest.mark.model
def test_beyond_the_limit_each_token_is_read_in_its_own_window(
    encoder: SentenceTransformersEncoder,
) -> None:
    # Words of one token each: a window's text by itself has the same tokens.
    text = " ".join(random.Random(5).choices(["plan", "day", "card", "cancel", "paid"], k=800))
    steps: list[int] = []
    (found,) = encoder.document_tokens([text], progress=steps.append)
    assert len(found) == sum(steps) == 800
    for window in windows(800, 254)[1::2]:
        first, last = found.offsets.starts[window.start], found.offsets.ends[window.end - 1]
        expected = states_of(text[first:last])[1:-1]
        kept = expected[window.keep_start - window.start : window.keep_end - window.start]
        assert np.abs(found.vectors[window.keep_start : window.keep_end] - kept).max() < 4e-3


@pytest.mark.model
def test_a_prefix_is_read_with_every_window_and_is_not_among_the_tokens(
    encoder: SentenceTransformersEncoder,
) -> None:
    prefixed = SentenceTransformersEncoder(
        EmbeddingConfig(document_prefix="passage: ", query_prefix="query: ", max_tokens=40)
    )
    text = "Refunds take ten days."
    for found, prefix in (
        (prefixed.document_tokens([text])[0], "passage: "),
        (prefixed.query_tokens([text])[0], "query: "),
    ):
        expected = states_of(prefix + text)
        assert np.abs(found.vectors - expected[-1 - len(found) : -1]).max() < 4e-3
        assert found.offsets.ends[-1] == len(text)
    assert len(prefixed.document_tokens([LONG])[0]) == encoder.tokenizer.count([LONG])[0]
    too_long = SentenceTransformersEncoder(
        EmbeddingConfig(document_prefix="passage " * 20, max_tokens=16)
    )
    with pytest.raises(ModelError, match=r"leaves no room for text in the 16 tokens"):
        too_long.document_tokens([text])


@pytest.mark.model
def test_a_model_that_does_not_pool_by_the_mean_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "by-first-token"
    shutil.copytree(locate_model(EmbeddingConfig()).folder, folder)
    (pooling,) = folder.glob("*_Pooling/config.json")
    pooling.write_text(
        json.dumps(
            {
                "word_embedding_dimension": 384,
                "pooling_mode_cls_token": True,
                "pooling_mode_mean_tokens": False,
            }
        )
    )
    encoder = SentenceTransformersEncoder(EmbeddingConfig(model=str(folder)))
    assert "is not the mean of its token vectors" in encoder.no_token_vectors_because
    with pytest.raises(ModelError, match=r"of no use: its sentence vector is not the mean"):
        encoder.document_tokens(["a"])
