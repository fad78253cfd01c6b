"""Running a model on token ids: the vectors of sentence-transformers, in either precision."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import EmbeddingConfig, PipelineConfig
from whymiss.embedding import (
    CachedEncoder,
    SentenceTransformersEncoder,
    VectorCache,
    locate_model,
)
from whymiss.embedding.float16 import row_sum, widened
from whymiss.embedding.processor import granted_cores
from whymiss.errors import ModelError

TEXTS = [
    "",
    "plan",
    "  Refunds take\n ten days.  ",
    "café 東京 \U0001f600 don't",
    "An annual plan renews. " * 9,
    "Cancel by letter. " * 300,
]


def encoder_of(model: Path | None = None, **knobs: Any) -> SentenceTransformersEncoder:
    return SentenceTransformersEncoder(
        EmbeddingConfig(**({"model": str(model)} if model else {}), **knobs)
    )


def reference(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`tiny("cls")`: a small BERT with random weights and that pooling, in a folder of its own."""
    import torch
    from transformers import BertConfig, BertModel

    packaged = locate_model(EmbeddingConfig()).folder
    names = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json",
             "modules.json", "sentence_bert_config.json")  # fmt: skip

    def make(pooling: str, dtype: str = "float32", **tokenizer: Any) -> Path:
        folder = tmp_path_factory.mktemp(pooling)
        for name in names:
            shutil.copy(packaged / name, folder / name)
        n_words = len(json.loads((packaged / "tokenizer.json").read_text())["model"]["vocab"])
        torch.manual_seed(3)
        config = BertConfig(
            vocab_size=n_words, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=256, initializer_range=0.3,
        )  # fmt: skip
        BertModel(config).to(getattr(torch, dtype)).save_pretrained(folder)
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps(settings | tokenizer))
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(
            json.dumps({"word_embedding_dimension": 32, f"pooling_mode_{pooling}": True})
        )
        return folder

    return make


@pytest.mark.model
@pytest.mark.parametrize("pooling", ["cls_token", "mean_tokens", "max_tokens"])
def test_whatever_the_pooling_the_vectors_are_those_of_sentence_transformers(
    tiny: Callable[..., Path], pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny(pooling)
    expected = reference(folder).encode(TEXTS, normalize_embeddings=True)
    quick = encoder_of(folder)
    assert np.abs(quick.encode_documents(TEXTS) - expected).max() < 1e-5
    assert quick._loaded().runs_on_ids
    assert (quick.no_token_vectors_because == "") == (pooling == "mean_tokens")
    monkeypatch.setattr(
        "whymiss.embedding.transformer.Transformer._is_what_it_says", lambda _: False
    )
    slow = encoder_of(folder)
    assert np.abs(slow.encode_documents(TEXTS) - expected).max() < 1e-5
    assert not slow._loaded().runs_on_ids


@pytest.mark.model
def test_a_model_that_cannot_be_run_on_ids_alone_is_run_as_sentence_transformers_does(
    tiny: Callable[..., Path],
) -> None:
    # It keeps the end of a long text; ids cut at the end are another text.
    folder = tiny("mean_tokens", truncation_side="left")
    expected = reference(folder).encode(TEXTS, normalize_embeddings=True)
    encoder = encoder_of(folder)
    assert not encoder._loaded().runs_on_ids
    assert np.abs(encoder.encode_documents(TEXTS) - expected).max() < 1e-5
    with pytest.raises(ModelError, match="cannot be run on token ids alone"):
        encoder.document_tokens(["a"])
    with pytest.raises(ModelError, match=r"'bfloat16' is offered for transformers .* cannot"):
        encoder_of(folder, precision="bfloat16").warm_up()


@pytest.mark.model
def test_weights_kept_in_half_precision_are_computed_with_in_the_precision_of_the_tag(
    tiny: Callable[..., Path],
) -> None:
    import torch

    encoder = encoder_of(tiny("mean_tokens", dtype="float16"))
    encoder.warm_up()
    assert {p.dtype for p in encoder._model.parameters()} == {torch.float32}


@pytest.mark.model
def test_where_the_quicker_product_is_missing_or_wrong_the_usual_one_is_used(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch import nn

    from whymiss.embedding import packed_linear

    folder = tiny("mean_tokens")
    expected = reference(folder).encode(TEXTS, normalize_embeddings=True)

    def missing(_: Any) -> Any:
        raise AttributeError("no such product")

    forward = packed_linear.PackedLinear.forward
    for name, broken in (
        ("pack_linears", missing),
        ("PackedLinear.forward", lambda self, x: 2 * forward(self, x)),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"whymiss.embedding.packed_linear.{name}", broken)
            encoder = encoder_of(folder)
            assert np.abs(encoder.encode_documents(TEXTS) - expected).max() < 1e-5
            kinds = [type(module) for module in encoder._model.modules()]
            assert nn.Linear in kinds
            assert packed_linear.PackedLinear not in kinds


@pytest.mark.model
def test_a_vector_does_not_depend_on_the_order_of_the_texts(tiny: Callable[..., Path]) -> None:
    encoder = encoder_of(tiny("mean_tokens"))
    words = st.lists(st.sampled_from(["plan", "renews", "café", "10"]), max_size=40)

    @given(data=st.data(), texts=st.lists(words.map(" ".join), min_size=1, max_size=12))
    def same(data: st.DataObject, texts: list[str]) -> None:
        order = data.draw(st.permutations(range(len(texts))))
        together = encoder.encode_documents(texts)
        mixed = encoder.encode_documents([texts[i] for i in order])
        assert np.abs(together[order] - mixed).max() < 1e-5

    same()


# Precision


def test_precision_is_part_of_the_version_and_leaves_float32s_as_it_was() -> None:
    assert encoder_of().model_version == "all-MiniLM-L6-v2@53aa5117.17a5441d"
    other = encoder_of(precision="bfloat16")
    assert other.model_version != encoder_of().model_version
    assert other.query_version != encoder_of().query_version
    assert PipelineConfig().replace(embedding__precision="bfloat16").index_knobs() != (
        PipelineConfig().index_knobs()
    )


def able(monkeypatch: pytest.MonkeyPatch, **instructions: bool) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: instructions)


@pytest.mark.model
def test_vectors_of_two_precisions_are_near_and_never_taken_for_each_other(
    tmp_path: Path, tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    able(monkeypatch, avx512_bf16=True)
    folder = tiny("mean_tokens")
    cache = VectorCache(tmp_path / "vectors.sqlite")
    whole = CachedEncoder(encoder_of(folder), cache)
    half = CachedEncoder(encoder_of(folder, precision="bfloat16"), cache)
    expected = whole.encode_documents(TEXTS)
    found = half.encode_documents(TEXTS)
    assert half.n_encoded == whole.n_encoded == len(TEXTS)
    assert cache.count() == 2 * len(TEXTS)
    assert found.dtype == np.float32
    # Pooled and brought to length in float32: lengths are as good as ever.
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    assert (found * expected).sum(axis=1).min() > 0.999
    assert not np.array_equal(found, expected)
    assert np.array_equal(whole.encode_documents(TEXTS), expected)
    inner = half.token_encoder
    assert inner is not None
    assert inner.no_token_vectors_because == ""
    (tokens,) = inner.document_tokens(TEXTS[2:3])
    (exact,) = encoder_of(folder).document_tokens(TEXTS[2:3])
    assert np.abs(tokens.vectors - exact.vectors).max() < 0.1
    assert not np.array_equal(tokens.vectors, exact.vectors)


@pytest.mark.model
def test_a_processor_without_bfloat16_is_told_what_to_use_instead(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    able(monkeypatch, avx2=True, avx512_f=True, avx512_bf16=False)
    encoder = encoder_of(tiny("mean_tokens"), precision="bfloat16")
    with pytest.raises(ModelError, match=r"multiplies bfloat16 by itself .* Use 'float32'"):
        encoder.encode_documents(["a"])
    monkeypatch.delattr("torch.cpu.get_capabilities")
    with pytest.raises(ModelError, match=r"needs a torch that knows the processor"):
        encoder.encode_documents(["a"])


# The processor


@pytest.mark.parametrize(
    ("written", "cores"), [("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1)]
)
def test_a_container_grants_its_quota_of_cores_rounded_up(
    tmp_path: Path, written: str, cores: int
) -> None:
    (tmp_path / "cpu.max").write_text(f"{written}\n")
    assert granted_cores(tmp_path / "cpu.max") == cores


@pytest.mark.parametrize("written", ["max 100000", "", "nonsense"])
def test_without_a_quota_all_cores_are_granted(tmp_path: Path, written: str) -> None:
    (tmp_path / "cpu.max").write_text(written)
    assert granted_cores(tmp_path / "cpu.max") > 1000


@given(
    halves=st.lists(st.lists(st.floats(-99, 99, width=16), min_size=3, max_size=3), max_size=200)
)
def test_half_precision_is_widened_and_added_as_numpy_does(halves: list[list[float]]) -> None:
    array = np.array(halves, dtype=np.float16).reshape(-1, 3)
    array.flags.writeable = False
    assert np.array_equal(widened(array), array.astype(np.float32))
    assert np.allclose(row_sum(array), array.sum(axis=0, dtype=np.float64), rtol=1e-5, atol=1e-3)
