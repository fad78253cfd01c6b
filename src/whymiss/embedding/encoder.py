"""Any sentence-transformers model as an `Encoder`: loaded late, versioned, never cut in silence."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from whymiss.config import EmbeddingConfig
from whymiss.embedding.batches import TOKENS_PER_BATCH, batches_by_length
from whymiss.embedding.models import ModelFiles, locate_model, stay_offline
from whymiss.embedding.token_vectors import last_hidden_states, read_in_windows, why_not_a_mean
from whymiss.embedding.tokenizer import HuggingFaceTokenizer
from whymiss.errors import ModelError
from whymiss.protocols import TokenVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors


class SentenceTransformersEncoder:
    """Turns texts into unit vectors with a sentence-transformers model.

    Name, version, limit and tokenizer are known at once; the weights are loaded on first use.
    Texts longer than `max_tokens` are cut by the model: `Chunk.n_truncated` says by how much.

    Raises
    ------
    ModelError : the model is missing, damaged, or gives vectors that cannot be searched.
    """

    def __init__(self, config: EmbeddingConfig) -> None:
        self._config = config
        self._files: ModelFiles = locate_model(config)
        own_limit = self._files.max_tokens
        self._max_tokens = min(config.max_tokens or own_limit, own_limit)
        self._tokenizer = HuggingFaceTokenizer(self._files.folder)
        self._model: Any = None
        self._no_token_vectors_because: str | None = None
        self._lock = threading.Lock()

    @property
    def model_version(self) -> str:
        """Name, weights and all settings that change a document's vector, as one tag."""
        return self._files.version(
            precision="float32",
            document_prefix=self._config.document_prefix,
            max_tokens=self._max_tokens,
        )

    @property
    def query_version(self) -> str:
        """The same for a query's vector."""
        version = self._files.version(
            precision="float32",
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
        return int(self._loaded().get_embedding_dimension())

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
        model = self._loaded()
        with self._lock:
            if self._no_token_vectors_because is None:
                self._no_token_vectors_because = why_not_a_mean(model)
            return self._no_token_vectors_because

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

    def warm_up(self) -> None:
        """Load the weights and run once, so that the first question is not slow."""
        self.encode_queries(["warm up"])

    def _encode(self, texts: list[str], progress: Callable[[int], None] | None) -> Vectors:
        model = self._loaded()
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for batch in batches_by_length(self._lengths(texts), TOKENS_PER_BATCH):
            # One batch at a time: torch modules are not safe to run from two threads at once.
            with self._lock:
                vectors[batch] = model.encode(
                    [texts[i] for i in batch],
                    # Not the model's default prompt: only prefixes that are configured and counted.
                    prompt="",
                    batch_size=len(batch),
                    show_progress_bar=False,
                    normalize_embeddings=True,
                )
            if progress is not None:
                progress(len(batch))
        if not np.isfinite(vectors).all():
            raise ModelError(
                f"model {self.model_version} gave vectors that are not finite; they could never be "
                "found again. Check the model and its precision."
            )
        return vectors

    def _tokens(
        self, texts: Sequence[str], prefix: str, progress: Callable[[int], None] | None
    ) -> list[TokenVectors]:
        if self.no_token_vectors_because:
            raise ModelError(
                f"token vectors of {self.model_version} are of no use: "
                f"{self.no_token_vectors_because}. Use exact embedding, or a mean-pooling model."
            )
        model = self._loaded()
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
                return last_hidden_states(model, rows, before=before, after=after)

        vectors = read_in_windows(
            [piece.ids for piece in pieces],
            read,
            size=size,
            dimension=self.dimension,
            progress=progress,
        )
        return [
            TokenVectors(vectors=found, offsets=piece.offsets)
            for found, piece in zip(vectors, pieces, strict=True)
        ]

    def _lengths(self, texts: list[str]) -> list[int]:
        special = self._tokenizer.n_special
        return [min(n + special, self._max_tokens) for n in self._tokenizer.count(texts)]

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _load(self) -> Any:
        stay_offline()
        yield_idle_cores()
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        try:
            model = SentenceTransformer(
                str(self._files.folder),
                device=self._config.device or None,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                f"model {self._config.model!r} in {self._files.folder} cannot be loaded: {error}"
            ) from error
        model.max_seq_length = self._max_tokens
        return model


def yield_idle_cores() -> None:
    """Let threads that wait for each other sleep instead of spinning, unless the user decided.

    OpenMP's default is to spin. On a machine that is busy with something else, a browser say, each
    thread then burns the time slice the other one needs, and one short question took 730 ms
    instead of 15. Read when torch is first imported, so this runs before.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
