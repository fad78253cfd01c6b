"""The real encoder: the same vectors as sentence-transformers, whatever the batch."""

from __future__ import annotations

import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import EmbeddingConfig
from whymiss.embedding import SentenceTransformersEncoder, locate_model
from whymiss.embedding.encoder import batches_by_length
from whymiss.errors import ModelError
from whymiss.protocols import Encoder

WORDS = (
    *("refund", "annual", "monthly", "plan", "invoice", "SEPA", "card", "cancel", "café", "naïve"),
    *("東京", "Übergröße", "don't", "e-mail", "https://example.org/a?b=c", "3.14", "2026-11-23"),
    *("[CLS]", "##", "<b>", "\U0001f600", "ﬁne"),
)


def varied_texts(n: int) -> list[str]:
    """From nothing to far beyond the model's limit."""
    chance = random.Random(3)
    lengths = [0, 1, 1, 2, 400, 600] + [chance.randrange(1, 40) for _ in range(n - 6)]
    return [" ".join(chance.choices(WORDS, k=length)) for length in lengths]


@pytest.fixture(scope="module")
def encoder() -> SentenceTransformersEncoder:
    return SentenceTransformersEncoder(EmbeddingConfig())


@pytest.fixture(scope="module")
def reference() -> Any:
    """sentence-transformers itself, with its defaults."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        str(locate_model(EmbeddingConfig()).folder), device="cpu", local_files_only=True
    )


@given(
    lengths=st.lists(st.integers(0, 300), max_size=60),
    tokens=st.integers(1, 2000),
)
def test_batches_hold_every_text_once_within_the_limit_longest_first(
    lengths: list[int], tokens: int
) -> None:
    batches = list(batches_by_length(lengths, tokens))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert batch
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= tokens
    order = [lengths[i] for batch in batches for i in batch]
    assert order == sorted(order, reverse=True)
    # No batch could have taken the first text of the next one.
    for batch, following in pairwise(batches):
        longest = max(lengths[batch[0]], 1)
        assert (len(batch) + 1) * longest > tokens
        assert lengths[following[0]] <= lengths[batch[-1]]


def test_name_limit_and_tokenizer_are_known_before_the_weights_are_loaded() -> None:
    fresh = SentenceTransformersEncoder(EmbeddingConfig(max_tokens=100))
    assert fresh.model_version.startswith("all-MiniLM-L6-v2@53aa5117.")
    assert fresh.max_tokens == 100
    assert fresh.tokenizer.count(["two words"]) == [2]
    assert fresh._model is None


def test_a_limit_above_the_models_own_is_the_models_own() -> None:
    assert SentenceTransformersEncoder(EmbeddingConfig(max_tokens=9999)).max_tokens == 256


def test_prefixes_and_limits_are_part_of_the_version_where_they_change_documents() -> None:
    def version(**knobs: Any) -> str:
        return SentenceTransformersEncoder(EmbeddingConfig(**knobs)).model_version

    assert version(document_prefix="passage: ") != version()
    assert version(max_tokens=128) != version()
    assert version(query_prefix="query: ") == version()


@pytest.mark.model
def test_vectors_equal_those_of_sentence_transformers_for_two_hundred_texts(
    encoder: SentenceTransformersEncoder, reference: Any
) -> None:
    texts = varied_texts(200)
    expected = reference.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    found = encoder.encode_documents(texts)
    assert found.shape == (200, encoder.dimension) == (200, 384)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-5
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5


@pytest.mark.model
def test_a_vector_does_not_depend_on_what_else_is_encoded(
    encoder: SentenceTransformersEncoder,
) -> None:
    texts = varied_texts(20)
    together = encoder.encode_documents(texts)
    alone = np.concatenate([encoder.encode_documents([text]) for text in texts])
    backwards = encoder.encode_documents(texts[::-1])[::-1]
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together - backwards).max() < 1e-5


@pytest.mark.model
def test_prefixes_are_put_before_what_they_are_for(encoder: SentenceTransformersEncoder) -> None:
    prefixed = SentenceTransformersEncoder(
        EmbeddingConfig(query_prefix="query: ", document_prefix="passage: ")
    )
    text = "Refunds take ten days."
    assert np.allclose(
        prefixed.encode_queries([text]), encoder.encode_queries([f"query: {text}"]), atol=1e-6
    )
    assert np.allclose(
        prefixed.encode_documents([text]), encoder.encode_documents([f"passage: {text}"]), atol=1e-6
    )
    assert not np.allclose(prefixed.encode_documents([text]), encoder.encode_documents([text]))
    assert not np.allclose(prefixed.encode_queries([text]), prefixed.encode_documents([text]))


@pytest.mark.model
def test_what_lies_beyond_the_limit_changes_nothing(encoder: SentenceTransformersEncoder) -> None:
    short = SentenceTransformersEncoder(EmbeddingConfig(max_tokens=12))
    # Ten words of one token each, [CLS] and [SEP].
    head = "one two three four five six seven eight nine ten"
    assert encoder.tokenizer.count([head]) == [10]
    cut, whole = short.encode_documents([f"{head} eleven twelve", head])
    assert np.allclose(cut, whole, atol=1e-6)
    longer, _ = encoder.encode_documents([f"{head} eleven twelve", head])
    assert not np.allclose(longer, whole, atol=1e-3)


@pytest.mark.model
def test_it_has_all_that_an_encoder_must_offer(encoder: SentenceTransformersEncoder) -> None:
    assert isinstance(encoder, Encoder)


@pytest.mark.model
def test_no_texts_have_no_vectors(encoder: SentenceTransformersEncoder) -> None:
    assert encoder.encode_documents([]).shape == (0, 384)
    assert encoder.encode_queries([]).shape == (0, 384)


@pytest.mark.model
def test_four_threads_get_the_vectors_of_one(encoder: SentenceTransformersEncoder) -> None:
    texts = varied_texts(16)
    expected = encoder.encode_documents(texts)
    together = threading.Barrier(4)

    def work(_: int) -> Any:
        together.wait()
        return encoder.encode_documents(texts)

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(work, range(4)):
            assert np.abs(found - expected).max() < 1e-5


@pytest.mark.model
def test_progress_adds_up_to_the_number_of_texts(encoder: SentenceTransformersEncoder) -> None:
    steps: list[int] = []
    encoder.encode_documents(varied_texts(30), progress=steps.append)
    assert sum(steps) == 30
    assert len(steps) > 1


@pytest.mark.model
def test_damaged_weights_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(locate_model(EmbeddingConfig()).folder, folder)
    (folder / "model.safetensors").write_bytes(b"weights")
    broken = SentenceTransformersEncoder(EmbeddingConfig(model=str(folder)))
    with pytest.raises(ModelError, match=r"mine' in .* cannot be loaded"):
        broken.encode_documents(["a"])
