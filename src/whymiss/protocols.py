"""What a tokenizer, chunker, encoder, retriever, reranker and generator must offer.

Anything with these methods plugs in; nothing has to inherit from whymiss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from whymiss.records import Answer, Chunk, Context, Document, Query, Ranking, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TokenOffsets:
    """Where the tokens of a text stand: two int64 arrays of half-open character offsets, ascending.

    Special tokens are not among them.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVectors:
    """One vector per token of a text, in its context: `vectors[i]` belongs to token i of `offsets`.

    Shape (n_tokens, dimension), float16 as they are kept, of no particular length.
    """

    vectors: NDArray[np.float16]
    offsets: TokenOffsets

    def __len__(self) -> int:
        return len(self.offsets)


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledTokens:
    """All token vectors whose sum, at length 1, is a text's vector; those the encoder adds too.

    vectors : float32, shape (n_tokens, dimension).
    offsets : characters of the text; both are -1 for a token that the encoder put to it.
    names : the tokens as they are written; "[special]" for one that is not written.
    unread : tokens of the text beyond the encoder's limit: no part of the sum.
    """

    vectors: NDArray[np.float32]
    offsets: TokenOffsets
    names: tuple[str, ...]
    unread: TokenOffsets

    def __len__(self) -> int:
        return len(self.names)


@runtime_checkable
class Tokenizer(Protocol):
    """Splits text as the encoder does, without any limit of length."""

    @property
    def n_special(self) -> int:
        """Special tokens that the encoder adds to every text."""
        ...

    def offsets(self, texts: Sequence[str]) -> list[TokenOffsets]:
        """Token offsets of each text."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without special tokens."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def model_version(self) -> str:
        """Name, weights hash and everything else that changes a document vector."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Most tokens the encoder sees of a text, special tokens included."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of this encoder."""
        ...

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Vectors of passages, float32, shape (len(texts), dimension), each of length 1.

        `progress` is called with the number of texts finished since its last call.
        """
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries, float32, shape (len(texts), dimension), each of length 1."""
        ...


@runtime_checkable
class TokenEncoder(Encoder, Protocol):
    """An encoder whose document vector is the mean of its token vectors, and which gives them."""

    @property
    def no_token_vectors_because(self) -> str:
        """Why this one cannot after all; empty when it can."""
        ...

    def document_tokens(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> list[TokenVectors]:
        """Vectors of all tokens of passages of any length; offsets are those of `tokenizer`.

        `progress` is called with the number of tokens finished since its last call.
        """
        ...

    def query_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Vectors of all tokens of queries."""
        ...


@runtime_checkable
class PoolingEncoder(Encoder, Protocol):
    """An encoder that gives the very token vectors that it averages to a text's vector."""

    @property
    def no_token_vectors_because(self) -> str:
        """Why this one cannot after all; empty when it can."""
        ...

    def pooled_documents(self, texts: Sequence[str]) -> list[PooledTokens]:
        """The tokens behind `encode_documents` of each text."""
        ...

    def pooled_queries(self, texts: Sequence[str]) -> list[PooledTokens]:
        """The tokens behind `encode_queries` of each text."""
        ...


@runtime_checkable
class Chunker(Protocol):
    """Cuts one document into spans: in order, inside the text, leaving out only white space."""

    def spans(self, document: Document) -> Sequence[Span]:
        """The spans of the document's chunks."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Finds chunks for queries."""

    @property
    def stage(self) -> str:
        """Name of the stage its rankings belong to."""
        ...

    def search(self, queries: Sequence[Query], *, depth: int) -> list[Ranking]:
        """One ranking per query, at most `depth` hits, only chunks the query may see."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Reorders the candidates of a query."""

    @property
    def model_version(self) -> str:
        """Name and version of the model."""
        ...

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """One finite score per chunk; higher is better."""
        ...


@runtime_checkable
class Generator(Protocol):
    """Writes an answer from a context, and from nothing else."""

    @property
    def name(self) -> str:
        """What the trace calls it."""
        ...

    def generate(self, query: Query, context: Context) -> Answer:
        """An answer with citations into the context, or an abstention with its reason."""
        ...
