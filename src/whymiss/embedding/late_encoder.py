"""An encoder that makes chunk vectors by late chunking, and all other vectors as ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from whymiss.embedding.cache import CachedEncoder, VectorCache
from whymiss.embedding.late_chunking import pool_chunks, sum_prefixes
from whymiss.protocols import PooledTokens, TokenOffsets

if TYPE_CHECKING:
    from whymiss.embedding.document_tokens import DocumentTokens
    from whymiss.embedding.token_store import TokenStore
    from whymiss.protocols import TokenEncoder, Vectors
    from whymiss.records import Chunk, Document


class LateChunkingEncoder(CachedEncoder):
    """A `CachedEncoder` that gives chunks the mean of their token vectors, read in the document.

    Its `model_version` says so: vectors of late chunking never mix with exact ones. Sentences and
    questions are encoded as by the encoder itself.

    Parameters
    ----------
    exact : encodes sentences and questions.
    encoder : gives token vectors; its own vectors are their means.
    tokens : where token vectors are kept; documents that are missing there are added.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from whymiss.embedding.token_store import TokenStore
    >>> from whymiss.testing import HashingEncoder
    >>> folder, inner = Path(mkdtemp()), HashingEncoder()
    >>> tokens = TokenStore(folder / "tokens", inner.model_version)
    >>> cache = VectorCache(folder / "vectors.sqlite")
    >>> LateChunkingEncoder(CachedEncoder(inner, cache), inner, cache, tokens).model_version
    'late hashing-64'
    """

    def __init__(
        self, exact: CachedEncoder, encoder: TokenEncoder, cache: VectorCache, tokens: TokenStore
    ) -> None:
        super().__init__(encoder, cache)
        self._exact = exact
        self._token_encoder = encoder
        self._tokens = tokens

    @property
    def model_version(self) -> str:
        """The encoder's version, marked as late chunking."""
        return f"late {self._token_encoder.model_version}"

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors of texts by themselves, remembered among the exact ones, which they are."""
        before = self._exact.n_encoded
        vectors = self._exact.encode_documents(texts, progress=progress)
        self.n_encoded += self._exact.n_encoded - before
        return vectors

    def encode_chunks(
        self,
        chunks: Sequence[Chunk],
        documents: Sequence[Document],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Vectors:
        """Unit vectors of chunks, shape (len(chunks), dimension).

        A chunk in which the tokenizer finds no token has no mean: it is encoded by itself.

        Parameters
        ----------
        documents : those that the chunks were cut from, with their texts.
        progress : called with the number of tokens read from documents since its last call.

        Raises
        ------
        StoreError : the token store may not grow so large.
        """
        self._tokens.build(documents, self._token_encoder, progress=progress)
        tokens = {d.doc_id: self._tokens.get(d.content_hash) for d in documents}
        vectors = np.empty((len(chunks), self.dimension), dtype=np.float32)
        pooled = np.array([_has_tokens(c, tokens[c.doc_id]) for c in chunks], dtype=bool)
        late = [chunk for chunk, has in zip(chunks, pooled, strict=True) if has]
        if late:
            sums = sum_prefixes((chunk.prefix for chunk in late), self._token_encoder)
            vectors[pooled] = pool_chunks(late, tokens.__getitem__, prefix_sums=sums)
        alone = [c.indexed_text for c, has in zip(chunks, pooled, strict=True) if not has]
        if alone:
            vectors[~pooled] = self.encode_documents(alone)
        return vectors

    def pooled_chunk(self, chunk: Chunk, document: Document) -> PooledTokens | None:
        """The tokens whose sum, at length 1, is the chunk's vector; offsets in `indexed_text`.

        None for a chunk in which the tokenizer finds no token: it was encoded by itself.

        Parameters
        ----------
        document : the one that the chunk was cut from, with the very text that it was cut from.
        """
        self._tokens.build([document], self._token_encoder)
        tokens = self._tokens.get(document.content_hash)
        if not _has_tokens(chunk, tokens):
            return None
        first, behind = tokens.touching(np.array([chunk.start]), np.array([chunk.end]))
        some = slice(int(first[0]), int(behind[0]))
        # A token may begin before its chunk does; what counts is where it stands in it.
        starts, ends = (
            np.clip(at[some].astype(np.int64), chunk.start, chunk.end)
            - chunk.start
            + len(chunk.prefix)
            for at in (tokens.starts, tokens.ends)
        )
        vectors = tokens.vectors[some].astype(np.float32)
        if chunk.prefix:
            (before,) = self._token_encoder.document_tokens([chunk.prefix])
            starts = np.concatenate([before.offsets.starts, starts])
            ends = np.concatenate([before.offsets.ends, ends])
            vectors = np.concatenate([before.vectors.astype(np.float32), vectors])
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return PooledTokens(
            vectors=vectors,
            offsets=TokenOffsets(starts, ends),
            names=tuple(chunk.indexed_text[a:b] for a, b in pairs),
            unread=TokenOffsets(starts[:0], ends[:0]),
        )


def _has_tokens(chunk: Chunk, tokens: DocumentTokens) -> bool:
    first, behind = tokens.touching(np.array([chunk.start]), np.array([chunk.end]))
    return bool(behind[0] > first[0])
