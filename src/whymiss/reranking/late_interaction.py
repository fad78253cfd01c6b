"""Late interaction: every word of the question looks for its best match in the passage.

Khattab and Zaharia (2020), "ColBERT: Efficient and Effective Passage Search via Contextualized
Late Interaction over BERT", SIGIR, arXiv:2004.12832; here with the token vectors of the encoder
that is already there, so that no other weights are needed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.embedding.float16 import widened
from whymiss.errors import StoreError
from whymiss.protocols import TokenOffsets, TokenVectors
from whymiss.records import Chunk, Query

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.embedding import DocumentTokens, TokenStore
    from whymiss.protocols import TokenEncoder

_QUESTIONS_KEPT: Final = 1024
_DOCUMENTS_KEPT: Final = 4096
_ENCODED_KEPT: Final = 256
_DECIMALS: Final = 6
_NOTHING: Final = -1.0
"""Similarity to a passage without tokens: the lowest there is."""

TokensOf = Callable[[Sequence[Chunk]], Sequence[TokenVectors]]
"""Gives the token vectors of chunks, with character offsets in their documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMatch:
    """One token of the question and the token of the passage that it matches best.

    `query_start` and `query_end` are characters of the question, `start` and `end` of the document.
    `similarity` is their cosine, `contribution` what it adds to the score. A passage without tokens
    has an empty range and similarity -1.
    """

    token: str
    query_start: int
    query_end: int
    start: int
    end: int
    similarity: float
    contribution: float


class LateInteractionReranker:
    """MaxSim: the mean, over the question's tokens, of the best cosine with a passage token.

    The score lies in -1..1. Every token counts alike, special tokens do not count; prefixes of
    chunks are not read. A question without tokens scores 0 everywhere.

    Parameters
    ----------
    encoder : gives the question's token vectors.
    tokens_of : gives the chunks' token vectors, of the same encoder: `StoredTokens` (milliseconds)
        or `EncodedTokens` (runs the model on every chunk).

    Examples
    --------
    >>> from whymiss.testing import HashingEncoder
    >>> encoder = HashingEncoder()
    >>> chunk = Chunk(chunk_id="c", doc_id="faq", start=9, end=31, text="Refunds take ten days.",
    ...               n_tokens=7, parent_start=9, parent_end=31)
    >>> reranker = LateInteractionReranker(encoder, EncodedTokens(encoder))
    >>> query = Query(query_id="q", text="refunds when")
    >>> [round(score, 1) for score in reranker.scores(query, [chunk])]
    [0.5]
    >>> best = reranker.parts(query, chunk)[0]
    >>> best.token, (best.start, best.end), round(best.contribution, 1)
    ('refunds', (9, 16), 0.5)
    """

    def __init__(self, encoder: TokenEncoder, tokens_of: TokensOf) -> None:
        self._encoder = encoder
        self._tokens_of = tokens_of
        self._asked: OrderedDict[str, TokenVectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def model_version(self) -> str:
        """The encoder's version, marked as late interaction."""
        return f"maxsim:{self._encoder.model_version}"

    def over(self, tokens_of: TokensOf) -> LateInteractionReranker:
        """The same reranker over other passages; questions that one has read both have read."""
        made = LateInteractionReranker(self._encoder, tokens_of)
        made._asked, made._lock = self._asked, self._lock
        return made

    def lacks(self, chunks: Sequence[Chunk]) -> bool:
        """Whether tokens of some of these chunks are not stored where they should be."""
        return isinstance(self._tokens_of, StoredTokens) and not self._tokens_of.holds(chunks)

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """One score per chunk, -1 to 1, higher is better."""
        asked = self._tokens_asked(query)
        if not chunks or not len(asked):
            return [0.0] * len(chunks)
        best = max_similarities(asked.vectors, [t.vectors for t in self._tokens_of(chunks)])
        # A matrix product rounds a chunk differently beside others; what differs less is no score.
        return [round(float(score), _DECIMALS) for score in best.mean(axis=0, dtype=np.float64)]

    def parts(self, query: Query, chunk: Chunk) -> tuple[TokenMatch, ...]:
        """What each token of the question adds to the chunk's score; they sum to it."""
        asked, found = self.tokens(query, chunk)
        cosines = similarities(asked.vectors, found.vectors)
        return tuple(
            _match(query.text, asked.offsets, number, found.offsets, row, chunk.start)
            for number, row in enumerate(cosines)
        )

    def tokens(self, query: Query, chunk: Chunk) -> tuple[TokenVectors, TokenVectors]:
        """The tokens of a question and of a chunk, as `scores` compares them."""
        return self._tokens_asked(query), self._tokens_of([chunk])[0]

    def read(self, queries: Sequence[Query]) -> None:
        """Read questions that will be asked, all at once: that is quicker than one by one."""
        texts = dict.fromkeys(query.text for query in queries)
        new = [text for text in texts if text not in self._asked]
        self._keep(new, self._encoder.query_tokens(new) if new else [])

    def _tokens_asked(self, query: Query) -> TokenVectors:
        """The question's tokens; those of the last questions are at hand."""
        known = self._asked.get(query.text)
        if known is None:
            (known,) = self._encoder.query_tokens([query.text])
            self._keep([query.text], [known])
        return known

    def _keep(self, texts: Sequence[str], tokens: Sequence[TokenVectors]) -> None:
        with self._lock:
            self._asked.update(zip(texts, tokens, strict=True))
            while len(self._asked) > max(_QUESTIONS_KEPT, len(texts)):
                self._asked.popitem(last=False)


class StoredTokens:
    """Chunks' tokens from a token store: those that share a character with the chunk.

    A chunk whose document is not there is encoded by itself, which is right but takes the model a
    tenth of a second.

    Parameters
    ----------
    hash_of : content hash of a document (by doc_id) as it was when its chunks were cut from it;
        None where that is not known. A newer hash would give the tokens of another text.
    encoded : gives the tokens of chunks that are not stored, from the model.
    """

    def __init__(
        self, store: TokenStore, hash_of: Callable[[str], str | None], encoded: TokensOf
    ) -> None:
        self._store = store
        self._hash_of = hash_of
        self._encoded = encoded
        self._found: dict[str, DocumentTokens] = {}

    def __call__(self, chunks: Sequence[Chunk]) -> list[TokenVectors]:
        """The tokens of chunks, with offsets in their documents."""
        found = {doc_id: self._read(doc_id) for doc_id in dict.fromkeys(c.doc_id for c in chunks)}
        alone = [chunk for chunk in chunks if found[chunk.doc_id] is None]
        encoded = iter(self._encoded(alone) if alone else ())
        made = []
        for chunk in chunks:
            tokens = found[chunk.doc_id]
            made.append(next(encoded) if tokens is None else _touching(tokens, chunk))
        return made

    def holds(self, chunks: Sequence[Chunk]) -> bool:
        """Whether the tokens of all these chunks are stored."""
        hashes = [self._hash_of(doc_id) for doc_id in {chunk.doc_id for chunk in chunks}]
        known = [content_hash for content_hash in hashes if content_hash is not None]
        unread = [content_hash for content_hash in known if content_hash not in self._found]
        return len(known) == len(hashes) and not (unread and self._store.missing(unread))

    def _read(self, doc_id: str) -> DocumentTokens | None:
        content_hash = self._hash_of(doc_id)
        if content_hash is None:
            return None
        found = self._found.get(content_hash)
        if found is None:
            # Not asked beforehand whether it is there: another process may drop it in between.
            with suppress(StoreError):
                found = self._store.get(content_hash)
                self._remember(content_hash, found)
        return found

    def _remember(self, content_hash: str, tokens: DocumentTokens) -> None:
        # Where they stand, not what they hold: vectors are mapped from the files.
        if len(self._found) >= _DOCUMENTS_KEPT:
            self._found.clear()
        self._found[content_hash] = tokens


def _touching(tokens: DocumentTokens, chunk: Chunk) -> TokenVectors:
    first, behind = tokens.touching(np.array([chunk.start]), np.array([chunk.end]))
    some = slice(int(first[0]), int(behind[0]))
    return TokenVectors(
        vectors=tokens.vectors[some],
        offsets=TokenOffsets(
            tokens.starts[some].astype(np.int64), tokens.ends[some].astype(np.int64)
        ),
    )


class EncodedTokens:
    """Chunks' tokens from the model itself, each chunk read by itself; those read last are kept."""

    def __init__(self, encoder: TokenEncoder) -> None:
        self._encoder = encoder
        self._read: OrderedDict[str, TokenVectors] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, chunks: Sequence[Chunk]) -> list[TokenVectors]:
        """The tokens of chunks, with offsets in their documents."""
        with self._lock:
            known = {c.text: self._read[c.text] for c in chunks if c.text in self._read}
        new = [text for text in dict.fromkeys(c.text for c in chunks) if text not in known]
        if new:
            known.update(zip(new, self._encoder.document_tokens(new), strict=True))
        with self._lock:
            self._read.update(known)
            while len(self._read) > _ENCODED_KEPT:
                self._read.popitem(last=False)
        return [_moved(known[chunk.text], chunk.start) for chunk in chunks]


def _moved(tokens: TokenVectors, start: int) -> TokenVectors:
    offsets = TokenOffsets(tokens.offsets.starts + start, tokens.offsets.ends + start)
    return TokenVectors(vectors=tokens.vectors, offsets=offsets)


def max_similarities(
    query: NDArray[np.float16], passages: Sequence[NDArray[np.float16]]
) -> NDArray[np.float32]:
    """For each query token (rows) the highest cosine in each passage (columns).

    A passage without tokens has -1. Computed in float32.
    """
    lengths = np.array([len(passage) for passage in passages])
    best = np.full((len(query), len(passages)), _NOTHING, dtype=np.float32)
    full = np.flatnonzero(lengths)
    if len(full):
        cosines = similarities(query, np.concatenate([passages[i] for i in full.tolist()]))
        starts = np.cumsum(lengths[full]) - lengths[full]
        best[:, full] = np.maximum.reduceat(cosines, starts, axis=1)
    return best


def similarities(query: NDArray[np.float16], passage: NDArray[np.float16]) -> NDArray[np.float32]:
    """Cosines of all query tokens (rows) with all passage tokens (columns), in float32.

    A vector of length 0 has the cosine 0 with everything.
    """
    asked, found = widened(query), widened(passage)
    asked /= _lengths(asked)[:, None]
    # Dividing the few cosines, not the many vectors, saves a pass over all of them.
    cosines: NDArray[np.float32] = asked @ found.T
    cosines /= _lengths(found)
    return np.clip(cosines, -1.0, 1.0, out=cosines)


def _lengths(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.where(lengths > 0, lengths, np.float32(1.0))


def _match(
    text: str,
    asked: TokenOffsets,
    number: int,
    found: TokenOffsets,
    cosines: NDArray[np.float32],
    chunk_start: int,
) -> TokenMatch:
    first, behind = int(asked.starts[number]), int(asked.ends[number])
    start = end = chunk_start
    similarity = _NOTHING
    if len(found):
        best = int(cosines.argmax())
        start, end = int(found.starts[best]), int(found.ends[best])
        similarity = float(cosines[best])
    return TokenMatch(
        token=text[first:behind],
        query_start=first,
        query_end=behind,
        start=start,
        end=end,
        similarity=similarity,
        contribution=similarity / len(asked),
    )
