"""The landmarks of a map: sentences of the documents, and the chunks that were there when it was
fitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.chunking import sentence_starts
from whymiss.embedding.late_chunking import pool
from whymiss.text import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.embedding import DocumentTokens, TokenStore
    from whymiss.protocols import Vectors
    from whymiss.records import Chunk, Document

MOST: Final = 20_000
"""More landmarks take minutes to fit and seconds to place by, and draw the same shape."""

_FEWEST_TOKENS: Final = 8
"""Shorter pieces, headings above all, say what stands around them more than anything of their own;
they would be landmarks of nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Atoms:
    """Vectors with the documents they are of.

    vectors : float32, shape (n, dimension), of length 1.
    documents : content hashes; `document_of[i]` is the position of atom i's document among them.
    is_sentence : whether it is a sentence, else a chunk.
    texts : what each says; for labels, never kept with a map.
    notes : what was left out, and why.
    """

    vectors: Vectors
    documents: tuple[str, ...]
    document_of: NDArray[np.int32]
    is_sentence: NDArray[np.bool_]
    texts: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.vectors)


def sentence_spans(text: str) -> NDArray[np.int64]:
    """The sentences of a text as half-open spans without white space at their ends, shape (n, 2).

    >>> sentence_spans("Refunds take ten days.  Cards are quicker. ").tolist()
    [[0, 22], [24, 42]]
    """
    starts = sentence_starts(text)
    ends = [
        start + len(text[start:end].rstrip())
        for start, end in zip(starts, np.append(starts, len(text))[1:], strict=True)
    ]
    return np.stack([starts, np.array(ends, dtype=np.int64)], axis=1)


def gather(
    documents: Iterable[Document],
    chunks: Sequence[Chunk],
    vectors: Vectors,
    *,
    hashes: Mapping[str, str],
    tokens: TokenStore | None,
    most: int = MOST,
) -> Atoms:
    """Sentences, each the mean of its token vectors in its document, and chunks as embedded.

    Where they are more than `most`, those with the least hash stay: an even choice that depends on
    no order, and changes little when documents come or go. Chunks have up to half of the room, or
    what sentences leave of it.

    Parameters
    ----------
    documents : with their texts.
    chunks, vectors : rows of the index, aligned; those whose document has no hash are left out.
    hashes : content hash by doc_id, of documents as they are when chunks and sentences are cut.
    tokens : where the token vectors are; documents without give no sentences, which is noted.
    """
    kept = [row for row, chunk in enumerate(chunks) if chunk.doc_id in hashes]
    of_chunks = [(hashes[chunks[row].doc_id], chunks[row].start, chunks[row].end) for row in kept]
    texts_of = {document.content_hash: document.text for document in documents}
    spans, without = _sentences(texts_of, tokens)
    n_chunks = min(len(kept), max(most // 2, most - len(spans)))
    some_chunks = _least(of_chunks, n_chunks)
    some_spans = _least(spans, most - n_chunks)
    chosen = [spans[i] for i in some_spans]
    names = dict.fromkeys([of_chunks[i][0] for i in some_chunks] + [s[0] for s in chosen])
    number = {content_hash: i for i, content_hash in enumerate(names)}
    rows = [kept[i] for i in some_chunks]
    parts = [vectors[rows], _pooled(chosen, tokens, vectors.shape[1])]
    notes = _notes(len(rows), len(kept), len(chosen), len(spans), without)
    return Atoms(
        vectors=np.concatenate(parts),
        documents=tuple(names),
        document_of=np.array(
            [number[of_chunks[i][0]] for i in some_chunks] + [number[s[0]] for s in chosen],
            dtype=np.int32,
        ),
        is_sentence=np.arange(len(rows) + len(chosen)) >= len(rows),
        texts=(
            *(chunks[row].text for row in rows),
            *(texts_of[content_hash][start:end] for content_hash, start, end in chosen),
        ),
        notes=notes,
    )


Place = tuple[str, int, int]


def _sentences(texts: Mapping[str, str], tokens: TokenStore | None) -> tuple[list[Place], int]:
    """Sentences worth a landmark, and how many documents have no token vectors."""
    missing = set(texts) if tokens is None else set(tokens.missing(texts))
    found: list[Place] = []
    for content_hash, text in texts.items():
        if content_hash in missing or tokens is None or not text.strip():
            continue
        spans = sentence_spans(text)
        first, behind = tokens.get(content_hash).touching(spans[:, 0], spans[:, 1])
        long_enough = behind - first >= _FEWEST_TOKENS
        found += [(content_hash, a, b) for a, b in spans[long_enough].tolist()]
    return found, len(missing)


def _pooled(places: Sequence[Place], tokens: TokenStore | None, dimension: int) -> Vectors:
    by_document: dict[str, list[int]] = {}
    for at, place in enumerate(places):
        by_document.setdefault(place[0], []).append(at)
    vectors = np.empty((len(places), dimension), dtype=np.float32)
    for content_hash, some in by_document.items():
        assert tokens is not None
        found: DocumentTokens = tokens.get(content_hash)
        vectors[some] = pool(found, [places[at][1:] for at in some])
    return vectors


def _least(places: Sequence[Place], n: int) -> list[int]:
    """The n places with the least hash, in their order."""
    if len(places) <= n:
        return list(range(len(places)))
    hashes = [
        int.from_bytes(blake2b(f"{d}|{a}|{b}".encode(), digest_size=8).digest())
        for d, a, b in places
    ]
    return sorted(np.argsort(np.array(hashes, dtype=np.uint64), kind="stable")[:n].tolist())


def _notes(
    n_chunks: int, of_chunks: int, n_sentences: int, of_sentences: int, without: int
) -> tuple[str, ...]:
    notes = []
    if n_chunks < of_chunks or n_sentences < of_sentences:
        notes.append(
            f"fitted on {n_sentences:,} of {of_sentences:,} sentences and {n_chunks:,} of "
            f"{of_chunks:,} chunks, evenly chosen; all others are placed among them"
        )
    if without:
        notes.append(
            f"fitted without the sentences of {counted(without, 'document')}, whose token vectors "
            "are not stored"
        )
    return tuple(notes)
