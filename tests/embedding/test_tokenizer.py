"""Tokens are counted and placed as the model's own tokenizer does, without its limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import EmbeddingConfig
from whymiss.embedding import HuggingFaceTokenizer, locate_model
from whymiss.errors import ModelError
from whymiss.protocols import Tokenizer

FOLDER = locate_model(EmbeddingConfig()).folder
TEXTS = [
    "",
    " \n\t ",
    "Refunds take ten days.",
    "Übergröße, naïve café — 東京 \U0001f600 don't",
    "unbelievableness antidisestablishmentarianism",
    "a\u0301 combined, \u200bzero width, \ufeffmark",
    "word " * 700,
]


@pytest.fixture(scope="module")
def tokenizer() -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(FOLDER)


@pytest.fixture(scope="module")
def reference() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(FOLDER), local_files_only=True)


@pytest.mark.model
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_counts_and_offsets_are_those_of_the_models_tokenizer(
    tokenizer: HuggingFaceTokenizer, reference: Any, text: str
) -> None:
    expected = reference(
        text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False
    )
    (offsets,) = tokenizer.offsets([text])
    found = list(zip(offsets.starts.tolist(), offsets.ends.tolist(), strict=True))
    assert found == [tuple(pair) for pair in expected["offset_mapping"]]
    assert tokenizer.count([text]) == [len(expected["input_ids"])] == [len(offsets)]
    whole = reference(text, truncation=False, verbose=False)["input_ids"]
    assert len(whole) == len(offsets) + tokenizer.n_special


@given(
    words=st.lists(
        st.one_of(
            st.text(max_size=12),
            st.sampled_from(["[SEP]", "\u0301x", "don't", "\r", " ", "a\x1cb", "\u2028c", "\x0bd"]),
        ),
        min_size=1,
        max_size=6,
    ),
    space=st.sampled_from([" ", "\n", "\t ", "\r\n", ""]),
)
def test_a_text_has_as_many_tokens_as_its_words_together(
    tokenizer: HuggingFaceTokenizer, words: list[str], space: str
) -> None:
    text = space.join(words)
    assert tokenizer.count([text, text]) == [len(tokenizer.offsets([text])[0])] * 2


def test_counts_stay_right_when_more_words_come_than_are_remembered(
    tokenizer: HuggingFaceTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whymiss.embedding.tokenizer._WORDS_KEPT", 3)
    texts = [f"line {i}\nand the same" for i in range(8)]
    assert [tokenizer.count([text])[0] for text in texts] == [5] * 8
    assert tokenizer.count(texts) == [5] * 8


def test_offsets_are_characters_of_the_text(tokenizer: HuggingFaceTokenizer) -> None:
    text = "\U0001f600 Über don't"
    (offsets,) = tokenizer.offsets([text])
    pieces = [text[s:e] for s, e in zip(offsets.starts, offsets.ends, strict=True)]
    assert pieces == ["\U0001f600", "Über", "don", "'", "t"]


def test_a_long_text_is_neither_cut_nor_padded_to_another(
    tokenizer: HuggingFaceTokenizer,
) -> None:
    assert tokenizer.count(["word " * 700, "one"]) == [700, 1]
    assert [len(offsets) for offsets in tokenizer.offsets(["word " * 700, "one"])] == [700, 1]


def test_nothing_has_no_tokens(tokenizer: HuggingFaceTokenizer) -> None:
    assert tokenizer.count([]) == []
    assert tokenizer.offsets([]) == []
    assert tokenizer.offsets([""])[0].starts.shape == (0,)


def test_it_is_a_tokenizer_with_two_special_tokens(tokenizer: HuggingFaceTokenizer) -> None:
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.n_special == 2


def test_a_folder_without_a_fast_tokenizer_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokenizer\.json.*save_pretrained"):
        HuggingFaceTokenizer(tmp_path)


def test_a_broken_tokenizer_file_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{ broken")
    with pytest.raises(ModelError, match=r"tokenizer\.json in .* cannot be read"):
        HuggingFaceTokenizer(tmp_path)


def test_pieces_are_the_ids_that_the_model_reads_between_its_special_tokens(
    tokenizer: HuggingFaceTokenizer,
) -> None:
    import tokenizers

    text = "Übergröße, \U0001f600 don't"
    whole = tokenizers.Tokenizer.from_file(str(FOLDER / "tokenizer.json")).encode(text)
    before, after = tokenizer.special_ids()
    (found,) = tokenizer.pieces([text])
    # [CLS] and [SEP]; the file's own settings may pad behind them.
    assert (before.tolist(), after.tolist()) == ([101], [102])
    ids = [*before, *found.ids, *after]
    assert ids == whole.ids[: len(ids)]
    offsets = list(zip(found.offsets.starts, found.offsets.ends, strict=True))
    assert offsets == whole.offsets[1 : len(ids) - 1]
