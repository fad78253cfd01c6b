"""The encoder's own tokenizer, without its limit: sizes are counted as the encoder counts them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from whymiss.errors import ModelError
from whymiss.protocols import TokenOffsets


class HuggingFaceTokenizer:
    """A `tokenizers` tokenizer from a `tokenizer.json`, with truncation and padding switched off.

    Loads in milliseconds and needs no torch, so chunk borders can be shown before a model is up.

    Raises
    ------
    ModelError : the folder has no fast tokenizer, or a broken one.
    """

    def __init__(self, folder: Path) -> None:
        path = Path(folder) / "tokenizer.json"
        if not path.is_file():
            raise ModelError(
                f"the model in {folder} has no tokenizer.json, so token offsets are unknown. "
                "Save it once with a fast tokenizer (AutoTokenizer(...).save_pretrained)."
            )
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_file(str(path))
        except Exception as error:
            # It raises nothing narrower.
            raise ModelError(f"tokenizer.json in {folder} cannot be read: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._n_special: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)

    @property
    def n_special(self) -> int:
        """Special tokens that the encoder adds to every text ([CLS] and [SEP], say)."""
        return self._n_special

    def offsets(self, texts: Sequence[str]) -> list[TokenOffsets]:
        """Character offsets of the tokens of each text, without special tokens."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        result = []
        for encoding in encodings:
            pairs = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
            result.append(TokenOffsets(pairs[:, 0].copy(), pairs[:, 1].copy()))
        return result

    def count(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without special tokens."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]
