"""Public doubles for tests of whymiss and of what plugs into it: fast, offline, deterministic."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.protocols import PooledTokens, Tokenizer, TokenOffsets, TokenVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

_WORD: Final = re.compile(r"\w+")
_FAINT: Final = 1e-3
_ROUNDING: Final = 1e-4
"""More than shares of whole numbers err when they are added up."""


@dataclass(frozen=True, slots=True)
class RegexTokenizer:
    """Words in pieces of at most `piece` letters, every other visible character by itself.

    >>> RegexTokenizer(piece=4).count(["Renewals: two."])
    [5]
    """

    piece: int = 8
    n_special: int = 2
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pattern = re.compile(rf"\w{{1,{self.piece}}}|[^\w\s]")
        object.__setattr__(self, "_pattern", pattern)

    def offsets(self, texts: Sequence[str]) -> list[TokenOffsets]:
        """Token offsets of each text."""
        return [self._offsets(text) for text in texts]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""
        return [len(self._pattern.findall(text)) for text in texts]

    def _offsets(self, text: str) -> TokenOffsets:
        ranges = [match.span() for match in self._pattern.finditer(text)]
        table = np.array(ranges, dtype=np.int64).reshape(-1, 2)
        return TokenOffsets(starts=table[:, 0], ends=table[:, 1])


@dataclass(frozen=True, slots=True)
class HashingEncoder:
    """Bag of words hashed into signed buckets, as a unit vector: texts that share words are close.

    A text without words gets the first axis, so that every vector has length 1.

    >>> vectors = HashingEncoder().encode_documents(["annual plan", "plan annual", "refund"])
    >>> bool(np.allclose(vectors[0], vectors[1])), vectors.shape
    (True, (3, 64))
    """

    dimension: int = 64
    max_tokens: int = 256
    tokenizer: Tokenizer = field(default_factory=RegexTokenizer)

    @property
    def model_version(self) -> str:
        """Name of the double and its dimension."""
        return f"hashing-{self.dimension}"

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors, shape (len(texts), dimension)."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row += self._counts(text)
            if not row.any():
                row[0] = 1.0
            row /= np.linalg.norm(row)
        if progress is not None:
            progress(len(texts))
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """The same as for documents: queries need no prefix here."""
        return self.encode_documents(texts)

    @property
    def no_token_vectors_because(self) -> str:
        """Always empty: the mean of the token vectors, at length 1, is the text's vector."""
        return ""

    def document_tokens(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> list[TokenVectors]:
        """Each token has an equal share of its word's vector, whatever stands around it.

        >>> found, = HashingEncoder().document_tokens(["annual plan"])
        >>> mean = found.vectors.astype(float).mean(axis=0)
        >>> whole, = HashingEncoder().encode_documents(["annual plan"])
        >>> bool(np.allclose(mean / np.linalg.norm(mean), whole, atol=0.01))
        True
        """
        found = [
            TokenVectors(vectors=self._token_vectors(text, offsets), offsets=offsets)
            for text, offsets in zip(texts, self.tokenizer.offsets(texts), strict=True)
        ]
        if progress is not None:
            progress(sum(map(len, found)))
        return found

    def query_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The same as for documents."""
        return self.document_tokens(texts)

    def pooled_documents(self, texts: Sequence[str]) -> list[PooledTokens]:
        """The shares of the words, and one special token for what no token accounts for.

        >>> found, = HashingEncoder().pooled_documents(["annual plan"])
        >>> found.names, found.offsets.ends.tolist()
        (('annual', 'plan'), [6, 11])
        """
        return [
            self._pooled(text, offsets)
            for text, offsets in zip(texts, self.tokenizer.offsets(texts), strict=True)
        ]

    def pooled_queries(self, texts: Sequence[str]) -> list[PooledTokens]:
        """The same as for documents."""
        return self.pooled_documents(texts)

    def _pooled(self, text: str, offsets: TokenOffsets) -> PooledTokens:
        vectors = self._shares(text, offsets)
        whole = self._counts(text)
        if not whole.any():
            whole[0] = 1.0
        rest = whole - vectors.sum(axis=0)
        starts, ends = offsets.starts, offsets.ends
        names = [text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        if np.abs(rest).max() > _ROUNDING:
            vectors = np.concatenate([vectors, rest[None]])
            starts, ends = np.append(starts, -1), np.append(ends, -1)
            names.append("[special]")
        return PooledTokens(
            vectors=vectors,
            offsets=TokenOffsets(starts, ends),
            names=tuple(names),
            unread=TokenOffsets(starts[:0], ends[:0]),
        )

    def _token_vectors(self, text: str, offsets: TokenOffsets) -> NDArray[np.float16]:
        vectors = self._shares(text, offsets)
        # So little of the first axis that it tells only where there is nothing else.
        vectors[:, 0] += _FAINT
        return vectors.astype(np.float16)

    def _shares(self, text: str, offsets: TokenOffsets) -> Vectors:
        """Each token's equal share of the vector of its word."""
        vectors = np.zeros((len(offsets), self.dimension), dtype=np.float32)
        for match in _WORD.finditer(text):
            first, behind = np.searchsorted(offsets.starts, match.span())
            if behind > first:
                vectors[first:behind] = self._counts(match.group()) / (behind - first)
        return vectors

    def _counts(self, text: str) -> Vectors:
        row = np.zeros(self.dimension, dtype=np.float32)
        for word in _WORD.findall(text.casefold()):
            bucket = int.from_bytes(
                blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            )
            row[bucket % self.dimension] += 1.0 if bucket >> 63 else -1.0
        return row
