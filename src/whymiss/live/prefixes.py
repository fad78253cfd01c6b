"""Sums of the token vectors of what stands before chunks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import TokenEncoder, TokenVectors

    Sums = NDArray[np.float32]

_BETWEEN = " > "


class PrefixSums:
    """The sum of token vectors of each prefix, and of each way to shorten it from the front.

    A smaller chunk is given fewer of its headings. What is left of them is read within the longer
    path, as late chunking reads a chunk within its document, so that no model is run for it.

    Examples
    --------
    >>> from whymiss.testing import HashingEncoder
    >>> encoder = HashingEncoder()
    >>> sums = PrefixSums(encoder)
    >>> both = sums.of(["Plans > Annual\\n", "Annual\\n"])
    >>> (alone,) = encoder.document_tokens(["Annual"])
    >>> bool(np.allclose(both[1], alone.vectors.sum(axis=0), atol=1e-3))
    True
    """

    def __init__(self, encoder: TokenEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, Sums] = {"": np.zeros(encoder.dimension, np.float32)}
        self._lock = threading.Lock()

    def of(self, prefixes: Sequence[str]) -> Sums:
        """The sums of some prefixes, shape (n, dimension); runs the model for unknown ones."""
        self.learn(prefixes)
        found = [self._known[prefix] for prefix in prefixes]
        return np.array(found, dtype=np.float32).reshape(len(found), self._encoder.dimension)

    def learn(self, prefixes: Iterable[str]) -> None:
        """Read prefixes that will be asked for, all at once."""
        with self._lock:
            waiting: list[str] = []
            covered = set(self._known)
            for prefix in sorted(set(prefixes), key=lambda text: (-len(text), text)):
                if prefix not in covered:
                    waiting.append(prefix)
                    covered.update(prefix[at:] for at in _beginnings(prefix))
            found = self._encoder.document_tokens(waiting) if waiting else []
            for prefix, tokens in zip(waiting, found, strict=True):
                self._add(prefix, tokens)

    def _add(self, prefix: str, tokens: TokenVectors) -> None:
        for at in _beginnings(prefix):
            inside = tokens.vectors[int(np.searchsorted(tokens.offsets.starts, at)) :]
            self._known.setdefault(prefix[at:], inside.sum(axis=0, dtype=np.float32))


def _beginnings(prefix: str) -> Iterator[int]:
    """Where a heading of the path begins."""
    at = 0
    while True:
        yield at
        found = prefix.find(_BETWEEN, at)
        if found < 0:
            return
        at = found + len(_BETWEEN)
