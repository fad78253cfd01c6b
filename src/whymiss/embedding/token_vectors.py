"""Contextual token vectors of texts of any length, read through overlapping windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from whymiss.embedding.batches import TOKENS_PER_BATCH, batches_by_length
from whymiss.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Read = Callable[[Sequence[Ids]], Sequence[NDArray[np.float32]]]

_PROBE = "An annual plan renews by itself."
_SAME = 1e-4


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
    progress: Callable[[int], None] | None = None,
) -> list[NDArray[np.float16]]:
    """One float16 vector per token of each text.

    Parameters
    ----------
    texts : token ids of each text, without special tokens.
    read : gives the vectors of rows of ids, one array per row; never more than `size` ids a row.
    progress : called with the number of tokens finished since its last call.

    Raises
    ------
    ModelError : a vector is not finite, or too large for float16.
    """
    vectors = [np.empty((len(ids), dimension), dtype=np.float16) for ids in texts]
    jobs = [(i, window) for i, ids in enumerate(texts) for window in windows(len(ids), size)]
    lengths = [window.end - window.start for _, window in jobs]
    for batch in batches_by_length(lengths, TOKENS_PER_BATCH):
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


def last_hidden_states(
    model: Any, rows: Sequence[Ids], *, before: Ids, after: Ids
) -> list[NDArray[np.float32]]:
    """What a sentence-transformers model makes of rows of token ids, one vector per id.

    `before` and `after` (special tokens, a prefix) are read with every row; theirs are left out.
    """
    import torch

    whole = [np.concatenate([before, row, after]) for row in rows]
    longest = max(map(len, whole))
    ids = np.full((len(rows), longest), model.tokenizer.pad_token_id or 0, dtype=np.int64)
    mask = np.zeros_like(ids)
    for number, row in enumerate(whole):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    features = {
        "input_ids": torch.from_numpy(ids).to(model.device),
        "attention_mask": torch.from_numpy(mask).to(model.device),
    }
    with torch.inference_mode():
        states = model[0](features)["token_embeddings"].float().cpu().numpy()
    first = len(before)
    return [states[number, first : first + len(row)] for number, row in enumerate(rows)]


def why_not_a_mean(model: Any) -> str:
    """Why the sentence vector is not the mean of the token vectors; empty when it is.

    Asked of the model itself, by one short text: modules and their settings come in many versions.
    """
    tokens = model.encode(
        _PROBE, prompt="", output_value="token_embeddings", show_progress_bar=False
    )
    sentence = model.encode(_PROBE, prompt="", normalize_embeddings=True, show_progress_bar=False)
    mean = np.asarray(tokens.float().cpu()).mean(axis=0)
    if mean.shape == sentence.shape:
        apart = float(np.abs(mean / np.linalg.norm(mean) - sentence).max())
        if apart < _SAME:
            return ""
    modules = " > ".join(type(module).__name__ for module in model)
    return (
        f"its sentence vector is not the mean of its token vectors (modules {modules}), so it "
        "cannot be put together from them"
    )
