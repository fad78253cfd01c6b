"""Contextual token vectors of texts of any length, read through overlapping windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from whymiss.embedding.batches import batches_by_length
from whymiss.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Read = Callable[[Sequence[Ids]], Sequence[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Tokens [start, end) are read together; the vectors of [keep_start, keep_end) are kept."""

    start: int
    end: int
    keep_start: int
    keep_end: int


def windows(n_tokens: int, size: int) -> list[Window]:
    """Windows of `size` tokens, each half a window after the last; each token is kept once.

    A token is kept from the window in whose middle it lies most, so that it has seen what stands
    before and after it. The last window is moved back so that it is full.

    >>> [(w.start, w.end, w.keep_start, w.keep_end) for w in windows(11, 4)]
    [(0, 4, 0, 3), (2, 6, 3, 5), (4, 8, 5, 7), (6, 10, 7, 8), (7, 11, 8, 11)]
    """
    if n_tokens == 0:
        return []
    last = max(0, n_tokens - size)
    starts = [*range(0, last, max(1, size // 2)), last]
    halfway = [(one + other + size) // 2 for one, other in pairwise(starts)]
    return [
        Window(start=start, end=min(start + size, n_tokens), keep_start=first, keep_end=behind)
        for start, (first, behind) in zip(starts, pairwise([0, *halfway, n_tokens]), strict=True)
    ]


def read_in_windows(
    texts: Sequence[Ids],
    read: Read,
    *,
    size: int,
    dimension: int,
    tokens_per_batch: int,
    progress: Callable[[int], None] | None = None,
) -> list[NDArray[np.float16]]:
    """One float16 vector per token of each text.

    Parameters
    ----------
    texts : token ids of each text, without special tokens.
    read : gives the vectors of rows of ids, one array per row; never more than `size` ids a row.
    tokens_per_batch : most tokens of the rows given to `read` at once, or one row.
    progress : called with the number of tokens finished since its last call.

    Raises
    ------
    ModelError : a vector is not finite, or too large for float16.
    """
    vectors = [np.empty((len(ids), dimension), dtype=np.float16) for ids in texts]
    jobs = [(i, window) for i, ids in enumerate(texts) for window in windows(len(ids), size)]
    lengths = [window.end - window.start for _, window in jobs]
    for batch in batches_by_length(lengths, tokens_per_batch):
        some = [jobs[number] for number in batch]
        rows = read([texts[i][window.start : window.end] for i, window in some])
        for (i, window), row in zip(some, rows, strict=True):
            kept = row[window.keep_start - window.start : window.keep_end - window.start]
            vectors[i][window.keep_start : window.keep_end] = _halved(kept)
        if progress is not None:
            progress(sum(window.keep_end - window.keep_start for _, window in some))
    return vectors


def _halved(vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = vectors.astype(np.float16)
    if not np.isfinite(half).all():
        raise ModelError(
            "the model gave token vectors that are not finite numbers of float16 (up to 65,504); "
            "they cannot be kept. Use exact embedding, or another model or precision."
        )
    return half
