"""An encoder that says how far it is, where whoever calls it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from whymiss.protocols import Encoder, Tokenizer, Vectors

_BLOCK: Final = 32
"""Passages between two reports: well under a second on a slow machine."""


@dataclass(frozen=True, slots=True)
class WatchedEncoder:
    """Encodes passages a few at a time and reports before each few, and when all are done.

    Semantic chunking encodes all sentences of a document in one call; behind a cached encoder what
    was done before an interruption is kept.

    Parameters
    ----------
    report : called with (passages done, passages in all); what it raises stops the encoding.

    Examples
    --------
    >>> from whymiss.testing import HashingEncoder
    >>> watched = WatchedEncoder(HashingEncoder(), lambda done, total: print(done, "of", total))
    >>> watched.encode_documents(["annual plan"] * 40).shape
    0 of 40
    32 of 40
    40 of 40
    (40, 64)
    """

    encoder: Encoder
    report: Callable[[int, int], None]

    @property
    def model_version(self) -> str:
        """The wrapped encoder's version."""
        return self.encoder.model_version

    @property
    def dimension(self) -> int:
        """The wrapped encoder's dimension."""
        return self.encoder.dimension

    @property
    def max_tokens(self) -> int:
        """The wrapped encoder's limit."""
        return self.encoder.max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """The wrapped encoder's tokenizer."""
        return self.encoder.tokenizer

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors of passages, as the wrapped encoder gives them."""
        made = [np.empty((0, self.dimension), dtype=np.float32)]
        for first in range(0, len(texts), _BLOCK):
            self.report(first, len(texts))
            block = list(texts[first : first + _BLOCK])
            made.append(self.encoder.encode_documents(block, progress=progress))
        self.report(len(texts), len(texts))
        return np.concatenate(made)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries, as the wrapped encoder gives them."""
        return self.encoder.encode_queries(texts)
