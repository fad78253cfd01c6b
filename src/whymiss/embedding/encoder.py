"""Any sentence-transformers model as an `Encoder`: loaded late, versioned, never cut in silence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.config import EmbeddingConfig
from whymiss.embedding.batches import batches_by_length
from whymiss.embedding.models import ModelFiles, locate_model, stay_offline
from whymiss.embedding.processor import keep_to_granted_cores, yield_idle_cores
from whymiss.embedding.token_vectors import read_in_windows
from whymiss.embedding.tokenizer import HuggingFaceTokenizer
from whymiss.errors import ModelError
from whymiss.protocols import PooledTokens, TokenOffsets, TokenVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.embedding.transformer import Transformer
    from whymiss.protocols import Vectors

_TOKENS_PER_BATCH: Final = {"cpu": 2048}
"""Padded tokens run at once, by device: on a CPU more falls out of its caches and runs slower."""
_TOKENS_ELSEWHERE: Final = 32_768
_SPECIAL: Final = "[special]"


class SentenceTransformersEncoder:
    """Turns texts into unit vectors with a sentence-transformers model.

    Name, version, limit and tokenizer are known at once; the weights are loaded on first use.
    Texts longer than `max_tokens` are cut by the model: `Chunk.n_truncated` says by how much.

    Raises
    ------
    ModelError : the model is missing, damaged, or gives vectors that cannot be searched; or the
        processor or the model does not take the configured precision.
    """

    def __init__(self, config: EmbeddingConfig) -> None:
        self._config = config
        self._files: ModelFiles = locate_model(config)
        own_limit = self._files.max_tokens
        self._max_tokens = min(config.max_tokens or own_limit, own_limit)
        self._tokenizer = HuggingFaceTokenizer(self._files.folder)
        self._model: Any = None
        self._transformer: Transformer | None = None
        self._lock = threading.Lock()

    @property
    def model_version(self) -> str:
        """Name, weights and all settings that change a document's vector, as one tag."""
        return self._files.version(
            precision=self._config.precision,
            document_prefix=self._config.document_prefix,
            max_tokens=self._max_tokens,
        )

    @property
    def query_version(self) -> str:
        """The same for a query's vector."""
        version = self._files.version(
            precision=self._config.precision,
            document_prefix=self._config.query_prefix,
            max_tokens=self._max_tokens,
        )
        return f"query {version}"

    @property
    def max_tokens(self) -> int:
        """Most tokens the model sees of a text, special tokens and prefix included."""
        return self._max_tokens

    @property
    def tokenizer(self) -> HuggingFaceTokenizer:
        """The model's tokenizer, without its limit."""
        return self._tokenizer

    @property
    def dimension(self) -> int:
        """Length of a vector; loads the model."""
        self._loaded()
        return int(self._model.get_embedding_dimension())

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors of passages, float32, shape (len(texts), dimension)."""
        prefixed = [self._config.document_prefix + text for text in texts]
        return self._encode(prefixed, progress)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries, float32, shape (len(texts), dimension)."""
        return self._encode([self._config.query_prefix + text for text in texts], None)

    @property
    def no_token_vectors_because(self) -> str:
        """Why token vectors of this model do not make up its sentence vectors; empty when they do.

        Loads the model.
        """
        return self._loaded().no_token_vectors_because

    def document_tokens(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> list[TokenVectors]:
        """Contextual vectors of every token of every text, beyond `max_tokens` too.

        `progress` is called with the number of tokens finished since its last call.

        Raises
        ------
        ModelError : the model does not pool by the mean (see `no_token_vectors_because`).
        """
        return self._tokens(texts, self._config.document_prefix, progress)

    def query_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Contextual vectors of the tokens of queries, those of the query prefix left out."""
        return self._tokens(texts, self._config.query_prefix, None)

    def pooled_documents(self, texts: Sequence[str]) -> list[PooledTokens]:
        """The tokens whose mean `encode_documents` gives: special ones and the prefix's too.

        Raises
        ------
        ModelError : the model does not pool by the mean (see `no_token_vectors_because`).
        """
        return self._pooled(texts, self._config.document_prefix)

    def pooled_queries(self, texts: Sequence[str]) -> list[PooledTokens]:
        """The tokens whose mean `encode_queries` gives."""
        return self._pooled(texts, self._config.query_prefix)

    def warm_up(self) -> None:
        """Load the weights and run once, so that the first question is not slow."""
        self.encode_queries(["warm up"])

    def _encode(self, texts: list[str], progress: Callable[[int], None] | None) -> Vectors:
        transformer = self._loaded()
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        rows = transformer.rows(texts)
        for batch in batches_by_length([len(row) for row in rows], self._tokens_per_batch()):
            # One batch at a time: torch modules are not safe to run from two threads at once.
            with self._lock:
                if transformer.runs_on_ids:
                    vectors[batch] = transformer.sentence_vectors([rows[i] for i in batch])
                else:
                    vectors[batch] = self._encode_slowly([texts[i] for i in batch])
            if progress is not None:
                progress(len(batch))
        if not np.isfinite(vectors).all():
            raise ModelError(
                f"model {self.model_version} gave vectors that are not finite; they could never be "
                "found again. Check the model and its precision."
            )
        return vectors

    def _encode_slowly(self, texts: list[str]) -> Vectors:
        """As sentence-transformers does; for models that cannot be run on token ids."""
        vectors: Vectors = self._model.encode(
            texts,
            # Not the model's default prompt: only prefixes that are configured and counted.
            prompt="",
            batch_size=len(texts),
            show_progress_bar=False,
            normalize_embeddings=True,
        )
        return vectors

    def _tokens(
        self, texts: Sequence[str], prefix: str, progress: Callable[[int], None] | None
    ) -> list[TokenVectors]:
        transformer = self._pooling_by_mean()
        before, after = self._tokenizer.special_ids()
        before = np.concatenate([before, self._tokenizer.pieces([prefix])[0].ids])
        size = self._max_tokens - len(before) - len(after)
        if size < 1:
            raise ModelError(
                f"the prefix {prefix!r} leaves no room for text in the {self._max_tokens} tokens "
                f"of {self.model_version}. Shorten it or raise embedding.max_tokens."
            )
        pieces = self._tokenizer.pieces(texts)

        def read(rows: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float32]]:
            with self._lock:
                found = transformer.token_vectors(
                    [np.concatenate([before, row, after]) for row in rows]
                )
            return [
                states[len(before) : len(before) + len(row)]
                for states, row in zip(found, rows, strict=True)
            ]

        vectors = read_in_windows(
            [piece.ids for piece in pieces],
            read,
            size=size,
            dimension=self.dimension,
            tokens_per_batch=self._tokens_per_batch(),
            progress=progress,
        )
        return [
            TokenVectors(vectors=found, offsets=piece.offsets)
            for found, piece in zip(vectors, pieces, strict=True)
        ]

    def _pooled(self, texts: Sequence[str], prefix: str) -> list[PooledTokens]:
        transformer = self._pooling_by_mean()
        whole = [prefix + text for text in texts]
        rows = transformer.rows(whole)
        vectors: dict[int, NDArray[np.float32]] = {}
        for batch in batches_by_length([len(row) for row in rows], self._tokens_per_batch()):
            with self._lock:
                found = transformer.token_vectors([rows[i] for i in batch])
            vectors.update(zip(batch, found, strict=True))
        before, after = map(len, self._tokenizer.special_ids())
        return [
            _pooled_tokens(text, offsets, vectors[i], around=(before, after), behind=len(prefix))
            for i, (text, offsets) in enumerate(
                zip(whole, self._tokenizer.offsets(whole), strict=True)
            )
        ]

    def _pooling_by_mean(self) -> Transformer:
        transformer = self._loaded()
        if transformer.no_token_vectors_because:
            raise ModelError(
                f"token vectors of {self.model_version} are of no use: "
                f"{transformer.no_token_vectors_because}. Use exact embedding, or a mean-pooling "
                "model."
            )
        return transformer

    def _tokens_per_batch(self) -> int:
        return _TOKENS_PER_BATCH.get(self._model.device.type, _TOKENS_ELSEWHERE)

    def _loaded(self) -> Transformer:
        with self._lock:
            if self._transformer is None:
                self._model, self._transformer = self._load()
            return self._transformer

    def _load(self) -> tuple[Any, Transformer]:
        stay_offline()
        yield_idle_cores()
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        from whymiss.embedding.transformer import Transformer

        keep_to_granted_cores()
        transformers_logging.disable_progress_bar()
        try:
            model = SentenceTransformer(
                str(self._files.folder),
                device=self._config.device or None,
                local_files_only=True,
                trust_remote_code=False,
                # Not the precision that the file happens to have: the version tag says which it is.
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                f"model {self._config.model!r} in {self._files.folder} cannot be loaded: {error}"
            ) from error
        model.max_seq_length = self._max_tokens
        transformer = Transformer(
            model, self._tokenizer, self._max_tokens, precision=self._config.precision
        )
        return model, transformer


def _pooled_tokens(
    text: str,
    offsets: TokenOffsets,
    vectors: NDArray[np.float32],
    *,
    around: tuple[int, int],
    behind: int,
) -> PooledTokens:
    """The tokens of a text that begins with a prefix of `behind` characters.

    `around` is how many special tokens stand before and after those that were read.
    """
    before, after = around
    n_read = len(vectors) - before - after
    starts, ends = offsets.starts[:n_read], offsets.ends[:n_read]
    names = [text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    own = ends > behind
    places = [
        np.concatenate(
            [np.full(before, -1), np.where(own, np.maximum(at - behind, 0), -1), np.full(after, -1)]
        )
        for at in (starts, ends)
    ]
    return PooledTokens(
        vectors=vectors,
        offsets=TokenOffsets(*places),
        names=(*[_SPECIAL] * before, *names, *[_SPECIAL] * after),
        unread=TokenOffsets(offsets.starts[n_read:] - behind, offsets.ends[n_read:] - behind),
    )
