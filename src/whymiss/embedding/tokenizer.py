"""The encoder's own tokenizer, without its limit: sizes are counted as the encoder counts them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.errors import ModelError
from whymiss.protocols import TokenOffsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORDS_KEPT: Final = 200_000
_SPACE: Final = re.compile("[ \t\n\r]+")
"""White space that certainly parts words; a tokenizer may know more, and drop the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The tokens of one text: ids, as the model reads them, and their places."""

    ids: NDArray[np.int64]
    offsets: TokenOffsets


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
        splitter = type(self._tokenizer.pre_tokenizer).__name__
        self._words_add_up = splitter == "BertPreTokenizer"
        self._known: dict[str, int] = {}
        self._n_special: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)

    @property
    def words_add_up(self) -> bool:
        """Whether texts have as many tokens as their words: none reaches over white space."""
        return self._words_add_up

    @property
    def n_special(self) -> int:
        """Special tokens that the encoder adds to every text ([CLS] and [SEP], say)."""
        return self._n_special

    def offsets(self, texts: Sequence[str]) -> list[TokenOffsets]:
        """Character offsets of the tokens of each text, without special tokens."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [_offsets(encoding) for encoding in encodings]

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """Token ids of each text and where they stand in it, without special tokens."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            Pieces(ids=np.asarray(encoding.ids, dtype=np.int64), offsets=_offsets(encoding))
            for encoding in encodings
        ]

    def special_ids(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids of the special tokens that the encoder puts before a text, and behind it."""
        encoding = self._tokenizer.encode("a", add_special_tokens=True)
        ids = np.asarray(encoding.ids, dtype=np.int64)
        own = np.flatnonzero(np.asarray(encoding.special_tokens_mask) == 0)
        return ids[: own[0]], ids[own[-1] + 1 :]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without special tokens."""
        if not self._words_add_up:
            return self._counted(texts)
        # The same words stand everywhere; each is tokenised once.
        known = self._known
        words = [_SPACE.split(text) for text in texts]
        missing = {word for some in words for word in some if word not in known}
        if len(known) + len(missing) > _WORDS_KEPT:
            # Nothing of this call is given up: some of it would be looked up in vain.
            wanted = {word for some in words for word in some}
            known = self._known = {word: known[word] for word in wanted if word in known}
        new = list(missing)
        known.update(zip(new, self._counted(new), strict=True))
        return [sum(map(known.__getitem__, some)) for some in words]

    def _counted(self, texts: Sequence[str]) -> list[int]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]


def _offsets(encoding: Any) -> TokenOffsets:
    pairs = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    return TokenOffsets(pairs[:, 0].copy(), pairs[:, 1].copy())
