"""Groups of landmarks by their vectors, and the words that tell one group from the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.answering.lexical import FUNCTION_WORDS
from whymiss.text import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

_FEWEST, _MOST = 2, 40
N_TERMS: Final = 3
"""Words in a label."""


def n_topics(n_chunks: int) -> int:
    """How many groups are made of so many chunks: the root of half their number, from 2 to 40.

    >>> n_topics(1108), n_topics(3), n_topics(20_000)
    (24, 2, 40)
    """
    return min(_MOST, max(_FEWEST, round(math.sqrt(n_chunks / 2))))


def centres(vectors: Vectors, n: int, *, seed: int) -> Vectors:
    """Centres of groups found among the vectors themselves (k-means), of length 1.

    Not on the plane: groups of what only looks near there would hide what it distorts.

    Parameters
    ----------
    vectors : unit vectors, shape (m, dimension).
    n : how many; there are fewer where there are fewer distinct vectors.
    """
    from sklearn.cluster import KMeans

    distinct = np.unique(vectors, axis=0)
    n = min(n, len(distinct))
    if n == 0:
        return np.empty((0, vectors.shape[1]), np.float32)
    found = KMeans(n, n_init=1, random_state=seed).fit(vectors).cluster_centers_
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    unit: Vectors = (found / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return unit


def assigned(vectors: Vectors, centres: Vectors) -> NDArray[np.int64]:
    """The nearest centre of each vector; -1 where there is none."""
    if not len(centres):
        return np.full(len(vectors), -1, np.int64)
    nearest: NDArray[np.int64] = (vectors @ centres.T).argmax(axis=1)
    return nearest


def labels(texts: Sequence[str], groups: NDArray[np.int64], n: int) -> tuple[str, ...]:
    """A label of each of n groups: the terms that are frequent in it and rare in the others.

    Class-based tf-idf (Grootendorst 2022, "BERTopic", arXiv:2203.05794): the share of a term among
    the words of a group times ln(1 + A / f), A being the mean number of words in a group and f how
    often the term stands in all. Equal weights by the alphabet.

    >>> labels(["monthly fee", "monthly bill", "photo sync", "photo"], np.array([0, 0, 1, 1]), 2)
    ('monthly, bill, fee', 'photo, sync')
    """
    counts = [Counter[str]() for _ in range(n)]
    for text, group in zip(texts, groups.tolist(), strict=True):
        if group >= 0:
            counts[group].update(filter(_telling, words(text)))
    everywhere = sum(counts, Counter[str]())
    mean = sum(everywhere.values()) / max(1, n)
    return tuple(_label(group, everywhere, mean) for group in counts)


def _telling(word: str) -> bool:
    return len(word) > 2 and word not in FUNCTION_WORDS and any(c.isalpha() for c in word)


def _label(group: Counter[str], everywhere: Counter[str], mean: float) -> str:
    size = sum(group.values())
    weights = {
        term: count / size * math.log(1 + mean / everywhere[term]) for term, count in group.items()
    }
    best = sorted(weights, key=lambda term: (-weights[term], term))
    return ", ".join(_unlike(best))


def _unlike(terms: Sequence[str]) -> list[str]:
    """The first terms of which none is written within another: "invoice" beside "invoices"."""
    chosen: list[str] = []
    for term in terms:
        if len(chosen) == N_TERMS:
            break
        if not any(term in other or other in term for other in chosen):
            chosen.append(term)
    return chosen
