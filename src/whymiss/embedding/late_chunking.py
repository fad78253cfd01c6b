"""Late chunking: a chunk's vector as the mean of its token vectors, read in the whole document.

Günther et al. (2024), "Late Chunking: Contextual Chunk Embeddings Using Long-Context Embedding
Models", arXiv:2409.04701.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from whymiss.embedding.document_tokens import DocumentTokens
from whymiss.errors import ChunkingError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from whymiss.protocols import TokenEncoder, Vectors
    from whymiss.records import Chunk

    Sums = NDArray[np.float64]


def pool(tokens: DocumentTokens, spans: ArrayLike) -> Vectors:
    """One vector per span of a document, from running sums: no model is run.

    A token counts for every span that it shares a character with. Special tokens are not counted:
    measured, they bring the mean no nearer to the exact vector.

    Parameters
    ----------
    spans : half-open character ranges, shape (n_spans, 2); in any order, overlapping or not.

    Returns
    -------
    float32 array, shape (n_spans, dimension), rows of length 1.

    Raises
    ------
    ChunkingError : a span touches no token, or its token vectors cancel out; the message names it.

    Examples
    --------
    >>> from whymiss.testing import HashingEncoder
    >>> encoder = HashingEncoder()
    >>> found, = encoder.document_tokens(["Annual plans renew. Refunds take ten days."])
    >>> late = pool(DocumentTokens.of(found), [(0, 19), (20, 42)])
    >>> exact = encoder.encode_documents(["Annual plans renew.", "Refunds take ten days."])
    >>> bool(np.allclose(late, exact, atol=0.01))
    True
    """
    places = _checked_spans(spans)
    sums, n_tokens = span_sums(tokens, places)
    return _unit(sums, n_tokens, [f"span [{a}, {b})" for a, b in places.tolist()])


def pool_chunks(
    chunks: Sequence[Chunk],
    tokens_of: Callable[[str], DocumentTokens],
    *,
    prefix_sums: Mapping[str, Sums] | None = None,
) -> Vectors:
    """One vector per chunk of a corpus, in the order given.

    Parameters
    ----------
    tokens_of : gives the tokens of a document by its doc_id, of the very text that the chunks were
        cut from; asked once per document.
    prefix_sums : the sum of token vectors of each chunk's prefix (see `sum_prefixes`), counted as
        if the prefix stood in the chunk. Without it prefixes are ignored.

    Returns
    -------
    float32 array, shape (len(chunks), dimension), rows of length 1.

    Raises
    ------
    ChunkingError : a chunk touches no token, or its token vectors cancel out.
    """
    rows_of: dict[str, list[int]] = {}
    for row, chunk in enumerate(chunks):
        rows_of.setdefault(chunk.doc_id, []).append(row)
    parts: list[Sums] = []
    counts: list[NDArray[np.int64]] = []
    for doc_id, rows in rows_of.items():
        places = np.array([(chunks[row].start, chunks[row].end) for row in rows], dtype=np.int64)
        sums, n_tokens = span_sums(tokens_of(doc_id), places)
        if prefix_sums is not None:
            for total, row in zip(sums, rows, strict=True):
                if chunks[row].prefix:
                    total += prefix_sums[chunks[row].prefix]
        parts.append(sums)
        counts.append(n_tokens)
    if not parts:
        return np.empty((0, 0), dtype=np.float32)
    order = np.concatenate([np.array(rows) for rows in rows_of.values()])
    names = [f"chunk {chunks[row].chunk_id!r} of {chunks[row].doc_id!r}" for row in order]
    vectors = np.empty((len(chunks), parts[0].shape[1]), dtype=np.float32)
    vectors[order] = _unit(np.concatenate(parts), np.concatenate(counts), names)
    return vectors


def span_sums(tokens: DocumentTokens, spans: NDArray[np.int64]) -> tuple[Sums, NDArray[np.int64]]:
    """Sum of the token vectors of each span, and how many they are; 0 tokens have the sum 0."""
    first, behind = tokens.touching(spans[:, 0], spans[:, 1])
    return range_sums(tokens, first, behind), behind - first


def range_sums(tokens: DocumentTokens, first: NDArray[np.int64], behind: NDArray[np.int64]) -> Sums:
    """Sum of the token vectors of each range: from token `first`, and before token `behind`."""
    # Neighbouring ranges share a border: each is summed up to once.
    borders, where = np.unique(np.concatenate([first, behind]), return_inverse=True)
    before = tokens.sums_before(borders)
    starts, ends = np.split(where, 2)
    sums: Sums = before[ends] - before[starts]
    return sums


def sum_prefixes(prefixes: Iterable[str], encoder: TokenEncoder) -> dict[str, Sums]:
    """The sum of token vectors of each distinct text; runs the model."""
    distinct = sorted({prefix for prefix in prefixes if prefix})
    found = encoder.document_tokens(distinct)
    return {
        prefix: tokens.vectors.sum(axis=0, dtype=np.float64)
        for prefix, tokens in zip(distinct, found, strict=True)
    }


def _checked_spans(spans: ArrayLike) -> NDArray[np.int64]:
    places = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
    wrong = (places[:, 0] < 0) | (places[:, 1] <= places[:, 0])
    if wrong.any():
        a, b = places[int(np.argmax(wrong))]
        raise ChunkingError(f"pool needs spans with 0 <= start < end; got [{a}, {b}).")
    return places


def _unit(sums: Sums, n_tokens: NDArray[np.int64], names: Sequence[str]) -> Vectors:
    lengths = np.linalg.norm(sums, axis=1)
    bad = (n_tokens == 0) | (lengths == 0)
    if bad.any():
        which = int(np.argmax(bad))
        why = "touches no token" if n_tokens[which] == 0 else "has token vectors that cancel out"
        raise ChunkingError(
            f"late chunking: {names[which]} {why} ({int(bad.sum())} of {len(bad)} have no mean). "
            "Leave it out, or embed its text."
        )
    vectors: Vectors = (sums / lengths[:, None]).astype(np.float32)
    return vectors
