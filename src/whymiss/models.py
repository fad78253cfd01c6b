"""Which encoder, reranker, generator and chunker a configuration means; each is made once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from whymiss.answering import make_generator
from whymiss.chunking import make_chunker
from whymiss.config import LATE_INTERACTION
from whymiss.embedding import CachedEncoder, SentenceTransformersEncoder, TokenStore
from whymiss.embedding.late_encoder import LateChunkingEncoder
from whymiss.errors import ModelError
from whymiss.reranking import (
    CrossEncoderReranker,
    EncodedTokens,
    LateInteractionReranker,
    StoredTokens,
)

if TYPE_CHECKING:
    from whymiss.chunking import ChunkFunction
    from whymiss.config import EmbeddingConfig, PipelineConfig, RerankConfig
    from whymiss.embedding import VectorCache
    from whymiss.protocols import Chunker, Encoder, Generator, Reranker, TokenEncoder
    from whymiss.retrieval import SearchSpace


class Models:
    """The models and chunkers that configurations name, or the caller's own in their place.

    Parameters
    ----------
    tokens : folder of the token store; late interaction and late chunking read it.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from whymiss.config import PipelineConfig
    >>> from whymiss.embedding import VectorCache
    >>> from whymiss.testing import HashingEncoder
    >>> folder = Path(mkdtemp())
    >>> models = Models(VectorCache(folder / "vectors.sqlite"), tokens=folder / "tokens",
    ...                 encoder=HashingEncoder())
    >>> models.encoder(PipelineConfig()).model_version
    'hashing-64'
    >>> models.reranker(PipelineConfig().replace({"rerank.model": ""})) is None
    True
    """

    def __init__(
        self,
        cache: VectorCache,
        *,
        tokens: Path,
        encoder: Encoder | None = None,
        reranker: Reranker | None = None,
        generator: Generator | None = None,
        chunkers: Mapping[str, ChunkFunction] | None = None,
    ) -> None:
        self.cache = cache
        self.token_folder = tokens
        self._own_encoder = encoder
        self._own_reranker = reranker
        self._own_generator = generator
        self._chunkers = dict(chunkers or {})
        self._encoders: dict[EmbeddingConfig, CachedEncoder] = {}
        self._cross_encoders: dict[RerankConfig, Reranker] = {}
        self._token_stores: dict[str, TokenStore] = {}
        self._late: dict[str, tuple[LateInteractionReranker, EncodedTokens]] = {}
        self._lock = threading.RLock()

    def encoder(self, config: PipelineConfig) -> CachedEncoder:
        """The encoder, behind the vector cache.

        Raises
        ------
        ModelError : late chunking is configured and the encoder gives no token vectors.
        """
        embedding = config.embedding
        with self._lock:
            if embedding not in self._encoders:
                self._encoders[embedding] = self._make_encoder(config)
            return self._encoders[embedding]

    def token_encoder(self, config: PipelineConfig) -> TokenEncoder | None:
        """The encoder by itself, where it offers token vectors; the model may yet refuse them.

        See `TokenEncoder.no_token_vectors_because`.
        """
        return self._exact_encoder(config).token_encoder

    def token_store(self, config: PipelineConfig) -> TokenStore:
        """The store of the encoder's token vectors."""
        version = self._exact_encoder(config).model_version
        with self._lock:
            if version not in self._token_stores:
                self._token_stores[version] = TokenStore(self.token_folder, version)
            return self._token_stores[version]

    def reranker(self, config: PipelineConfig, space: SearchSpace | None = None) -> Reranker | None:
        """The reranker; None where the stage does not run.

        It does not run where the configuration names no model and the caller gave none, nor where
        late interaction is configured and the encoder has no token vectors.

        Parameters
        ----------
        space : what is searched. Without it late interaction encodes every chunk by itself.
        """
        rerank = config.rerank
        if self._own_reranker is not None or not rerank.model:
            return self._own_reranker
        if rerank.model == LATE_INTERACTION:
            return self._late_interaction(config, space)
        with self._lock:
            if rerank not in self._cross_encoders:
                self._cross_encoders[rerank] = CrossEncoderReranker(rerank)
            return self._cross_encoders[rerank]

    def reads_tokens(self, config: PipelineConfig) -> bool:
        """Whether a configuration reads token vectors of documents."""
        if config.embedding.late_chunking:
            return True
        return self._own_reranker is None and config.rerank.model == LATE_INTERACTION

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

    def close(self) -> None:
        """Close the token stores."""
        with self._lock:
            for store in self._token_stores.values():
                store.close()
            self._token_stores.clear()

    def _exact_encoder(self, config: PipelineConfig) -> CachedEncoder:
        """The same model without late chunking, so that it is loaded once."""
        return self.encoder(config.replace({"embedding.late_chunking": False}))

    def _make_encoder(self, config: PipelineConfig) -> CachedEncoder:
        if not config.embedding.late_chunking:
            encoder = self._own_encoder or SentenceTransformersEncoder(config.embedding)
            return CachedEncoder(encoder, self.cache)
        exact, offered = self._exact_encoder(config), self.token_encoder(config)
        if offered is None:
            raise ModelError(
                f"embedding.late_chunking needs token vectors; encoder {exact.model_version} "
                "offers none. Switch it off, or use a mean-pooling sentence-transformers model."
            )
        return LateChunkingEncoder(exact, offered, self.cache, self.token_store(config))

    def _late_interaction(
        self, config: PipelineConfig, space: SearchSpace | None
    ) -> Reranker | None:
        encoder = self.token_encoder(config)
        # Asking a model whether it can loads it: only where it is about to be used.
        if encoder is None or (space is not None and encoder.no_token_vectors_because):
            return None

        store = self.token_store(config)

        def make() -> LateInteractionReranker:
            late, encoded = self._shared_late(encoder)
            return late.over(StoredTokens(store, hash_of, encoded))

        def hash_of(doc_id: str) -> str | None:
            if space is None or doc_id in space.stale_documents():
                # Cut from a text that is no longer stored: its hash is not known.
                return None
            return space.catalogue.content_hashes.get(doc_id)

        if space is None:
            return make()
        # Configurations over one space share it.
        return space.derived(("late interaction", store), make)

    def _shared_late(self, encoder: TokenEncoder) -> tuple[LateInteractionReranker, EncodedTokens]:
        """What has read the questions so far, and the passages that no token store holds."""
        version = encoder.model_version
        with self._lock:
            if version not in self._late:
                encoded = EncodedTokens(encoder)
                self._late[version] = LateInteractionReranker(encoder, encoded), encoded
            return self._late[version]
