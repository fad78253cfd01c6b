"""A store of small documents, live search over it, and encoders that make exact scores differ."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from whymiss.config import PipelineConfig
from whymiss.embedding import VectorCache
from whymiss.index import Store, sync_documents
from whymiss.live import Live
from whymiss.models import Models
from whymiss.protocols import TokenVectors
from whymiss.records import Document
from whymiss.testing import HashingEncoder

WORDS = (
    *("refund", "invoice", "annual", "monthly", "plan", "renew", "cancel", "ticket", "support"),
    *("export", "import", "account", "member", "team", "owner", "billing", "address", "tax"),
    *("receipt", "trial", "upgrade", "seat", "limit", "storage", "backup", "region", "key"),
)


class ContextEncoder(HashingEncoder):
    """Exact vectors of words; token vectors that lean towards what stands before, as a model's do.

    So previews are wrong now and then, and something has to be embedded to find out.
    """

    def document_tokens(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> list[TokenVectors]:
        found = super().document_tokens(texts, progress=progress)
        return [
            TokenVectors(vectors=leaning(tokens.vectors), offsets=tokens.offsets)
            for tokens in found
        ]


def leaning(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    wide = vectors.astype(np.float32)
    before = np.cumsum(wide, axis=0)
    before[20:] -= before[:-20].copy()
    return (wide + 0.1 * before).astype(np.float16)


class GatedEncoder(ContextEncoder):
    """Waits at a gate before every batch of passages, once the gate is closed; counts batches."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "gate", threading.Event())
        object.__setattr__(self, "arrived", threading.Semaphore(0))
        self.gate.set()

    gate: threading.Event
    arrived: threading.Semaphore

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Any:
        self.arrived.release()
        assert self.gate.wait(20)
        return super().encode_documents(texts, progress=progress)

    def encode_queries(self, texts: Sequence[str]) -> Any:
        return HashingEncoder().encode_documents(texts)


def corpus(n_documents: int = 6, n_words: int = 400, seed: int = 0) -> list[Document]:
    rng = np.random.default_rng(seed)
    documents = []
    for number in range(n_documents):
        favourites = rng.choice(WORDS, size=8)
        words = [
            str(rng.choice(favourites if rng.random() < 0.6 else WORDS)) for _ in range(n_words)
        ]
        ends = [word + ("." if rng.random() < 0.1 else "") for word in words]
        documents.append(Document(doc_id=f"d{number}", text=" ".join(ends), allowed=["*"]))
    return documents


class Desk:
    """One store with everything on it."""

    def __init__(self, folder: Path, documents: Sequence[Document], encoder: Any) -> None:
        self.store = Store(folder / "store")
        with self.store.writing():
            sync_documents(self.store, documents)
        self.encoder = encoder
        self.models = Models(
            VectorCache(folder / "vectors.sqlite"), tokens=folder / "tokens", encoder=encoder
        )
        self.lives: list[Live] = []

    def live(self, *, prepared: bool = True, **knobs: Any) -> Live:
        live = Live(self.store, self.models, **knobs)
        self.lives.append(live)
        if prepared:
            assert live.prepare(config()) == ""
        return live


def config(**knobs: Any) -> PipelineConfig:
    """Small fixed chunks, dense, three hits."""
    base = PipelineConfig().replace(
        {
            "chunking.strategy": "fixed",
            "chunking.size": 16,
            "retrieval.mode": "dense",
            "retrieval.k": 3,
            "rerank.model": "",
        }
    )
    return base.replace(**knobs)
