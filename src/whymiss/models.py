"""Which encoder, reranker, generator and chunker a configuration means; each is made once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from whymiss.answering import make_generator
from whymiss.chunking import make_chunker
from whymiss.embedding import CachedEncoder, SentenceTransformersEncoder
from whymiss.reranking import CrossEncoderReranker

if TYPE_CHECKING:
    from whymiss.chunking import ChunkFunction
    from whymiss.config import EmbeddingConfig, PipelineConfig, RerankConfig
    from whymiss.embedding import VectorCache
    from whymiss.protocols import Chunker, Encoder, Generator, Reranker


class Models:
    """The models and chunkers that configurations name, or the caller's own in their place.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from pathlib import Path
    >>> from whymiss.config import PipelineConfig
    >>> from whymiss.embedding import VectorCache
    >>> from whymiss.testing import HashingEncoder
    >>> models = Models(VectorCache(Path(mkdtemp()) / "vectors.sqlite"), encoder=HashingEncoder())
    >>> models.encoder(PipelineConfig()).model_version
    'hashing-64'
    >>> models.reranker(PipelineConfig()) is None
    True
    """

    def __init__(
        self,
        cache: VectorCache,
        *,
        encoder: Encoder | None = None,
        reranker: Reranker | None = None,
        generator: Generator | None = None,
        chunkers: Mapping[str, ChunkFunction] | None = None,
    ) -> None:
        self._cache = cache
        self._own_encoder = encoder
        self._own_reranker = reranker
        self._own_generator = generator
        self._chunkers = dict(chunkers or {})
        self._encoders: dict[EmbeddingConfig, CachedEncoder] = {}
        self._rerankers: dict[RerankConfig, Reranker] = {}
        self._lock = threading.RLock()

    def encoder(self, config: PipelineConfig) -> CachedEncoder:
        """The encoder, behind the vector cache."""
        embedding = config.embedding
        with self._lock:
            if embedding not in self._encoders:
                inner = self._own_encoder or SentenceTransformersEncoder(embedding)
                self._encoders[embedding] = CachedEncoder(inner, self._cache)
            return self._encoders[embedding]

    def reranker(self, config: PipelineConfig) -> Reranker | None:
        """The reranker; None where the configuration names no model and the caller gave none."""
        rerank = config.rerank
        if self._own_reranker is not None or not rerank.model:
            return self._own_reranker
        with self._lock:
            if rerank not in self._rerankers:
                self._rerankers[rerank] = CrossEncoderReranker(rerank)
            return self._rerankers[rerank]

    def generator(self, config: PipelineConfig) -> Generator:
        """The generator of answers."""
        return self._own_generator or make_generator(config.answer, self.encoder(config))

    def chunker(self, config: PipelineConfig) -> Chunker:
        """The chunker, counting in the encoder's tokens.

        Raises
        ------
        ChunkingError : the strategy is "custom:NAME" and there is no function of that name.
        """
        encoder = self.encoder(config)
        return make_chunker(
            config.chunking, encoder.tokenizer, encoder=encoder, custom=self._chunkers
        )
