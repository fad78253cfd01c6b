"""Reranking with a cross-encoder: a model that reads question and passage together."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from whymiss.config import EmbeddingConfig, RerankConfig
from whymiss.embedding import locate_model
from whymiss.embedding.models import ModelFiles, stay_offline
from whymiss.errors import ModelError
from whymiss.records import Chunk, Query

_BATCH: Final = 8
_WITH_SCORES: Final = ("ForSequenceClassification", "ForCausalLM")


class CrossEncoderReranker:
    """Any sentence-transformers cross-encoder, by name or folder; loaded on first use.

    Raises
    ------
    ModelError : the model is missing, damaged, or gives more than one score for a pair.
    """

    def __init__(self, config: RerankConfig) -> None:
        self._files = _located(config)
        self._model: Any = None
        self._lock = threading.Lock()

    @property
    def model_version(self) -> str:
        """Name and weights of the model."""
        return f"{self._files.name}@{self._files.weights_sha256[:8]}"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """One score per chunk, higher is better; the scale is the model's own."""
        if not chunks:
            return []
        with self._lock:
            if self._model is None:
                self._model = _load(self._files.folder)
            raw = self._model.predict(
                [(query.text, chunk.indexed_text) for chunk in chunks],
                batch_size=_BATCH,
                show_progress_bar=False,
            )
        if raw.ndim != 1:
            raise ModelError(
                f"reranker {self.model_version} gives {raw.shape[1]} scores for a pair; a reranker "
                "needs one. Choose a model with a single output."
            )
        return [float(score) for score in raw]


def _located(config: RerankConfig) -> ModelFiles:
    try:
        files = locate_model(
            EmbeddingConfig(model=config.model, allow_download=config.allow_download)
        )
        settings = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    except (ModelError, OSError, ValueError) as error:
        raise ModelError(
            f"rerank.model {config.model!r} cannot be used: {error} (For a reranker, "
            "rerank.allow_download = true fetches it; an empty rerank.model skips the stage.)"
        ) from error
    kinds = settings.get("architectures") or [] if isinstance(settings, dict) else []
    if not any(str(kind).endswith(_WITH_SCORES) for kind in kinds):
        # It would load all the same, with a last layer of random numbers.
        raise ModelError(
            f"rerank.model {config.model!r} is not a cross-encoder: its config.json names "
            f"{', '.join(map(str, kinds)) or 'no architecture'}, and a cross-encoder is a "
            "...ForSequenceClassification. Choose one trained for reranking."
        )
    return files


def _load(folder: Path) -> Any:
    stay_offline()
    from safetensors import SafetensorError
    from sentence_transformers import CrossEncoder

    try:
        return CrossEncoder(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"reranker in {folder} cannot be loaded: {error}") from error
