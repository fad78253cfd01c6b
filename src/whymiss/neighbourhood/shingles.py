"""Texts compared by the runs of words they share (Broder 1997): "same subject" is no match.

Two texts on one subject share words and hardly any run of three of them; a copy shares most of its
runs, and each word that was changed in it costs three.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LENGTH: Final = 3
"""Words of a shingle: long enough to be no idiom, short enough to survive a changed number."""

_WORD: Final = re.compile(r"\w+")
_PAIRS_AT_ONCE: Final = 20_000


@dataclass(frozen=True, eq=False)
class Shingles:
    """Which shingles stand in which text: a matrix of zeros and ones, one row per text.

    Examples
    --------
    Five words have three shingles, four of the words have two, and both stand in the five.

    >>> texts = ["phone support costs nothing here", "support costs nothing here", "Ask the desk"]
    >>> made = Shingles.of(texts)
    >>> made.containment([0, 0], [1, 2]).tolist()
    [1.0, 0.0]
    >>> [round(value, 3) for value in made.jaccard([0], [1]).tolist()]
    [0.667]
    """

    matrix: Any

    @classmethod
    def of(cls, texts: Sequence[str]) -> Shingles:
        """The distinct shingles of each text; a text of one or two words is one by itself."""
        numbers: dict[tuple[str, ...], int] = {}
        columns: list[int] = []
        bounds = [0]
        for text in texts:
            found = _shingles(text)
            columns.extend(numbers.setdefault(shingle, len(numbers)) for shingle in found)
            bounds.append(len(columns))
        ones = np.ones(len(columns), np.float32)
        shape = (len(texts), max(1, len(numbers)))
        return cls(sparse.csr_array((ones, np.array(columns, np.int64), bounds), shape=shape))

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many distinct shingles each text has."""
        counts: NDArray[np.int64] = np.diff(self.matrix.indptr).astype(np.int64)
        return counts

    def shared(self, first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
        """How many shingles the texts of each pair have in common."""
        one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
        found = np.zeros(len(one))
        for at in range(0, len(one), _PAIRS_AT_ONCE):
            part = slice(at, at + _PAIRS_AT_ONCE)
            both = self.matrix[one[part]].multiply(self.matrix[other[part]])
            found[part] = np.asarray(both.sum(axis=1)).ravel()
        return found

    def containment(self, first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
        """Share of the smaller text's shingles that the other has; 0 where a text has none."""
        counts = self.counts
        smaller = np.minimum(counts[np.asarray(first, int)], counts[np.asarray(second, int)])
        return _ratio(self.shared(first, second), smaller)

    def jaccard(self, first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
        """Shared shingles of all that the two texts have; 0 where they have none."""
        counts, shared = self.counts, self.shared(first, second)
        either = counts[np.asarray(first, int)] + counts[np.asarray(second, int)] - shared
        return _ratio(shared, either)


def plain_words(text: str) -> list[str]:
    """Words in reading order, case folded, without what stands between them.

    >>> plain_words("Phone support: FW-12, free!")
    ['phone', 'support', 'fw', '12', 'free']
    """
    return _WORD.findall(text.casefold())


def _shingles(text: str) -> dict[tuple[str, ...], None]:
    found = plain_words(text)
    if 0 < len(found) < LENGTH:
        return {tuple(found): None}
    return dict.fromkeys(zip(*(found[i:] for i in range(LENGTH)), strict=False))


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.divide(
        part, whole, out=np.zeros(len(part)), where=np.asarray(whole) > 0
    )
    return found
