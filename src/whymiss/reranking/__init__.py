"""A second look at the best candidates."""

from __future__ import annotations

from whymiss.reranking.cross_encoder import CrossEncoderReranker
from whymiss.reranking.late_interaction import (
    EncodedTokens,
    LateInteractionReranker,
    StoredTokens,
    TokenMatch,
)
from whymiss.reranking.rerank import rerank

__all__ = [
    "CrossEncoderReranker",
    "EncodedTokens",
    "LateInteractionReranker",
    "StoredTokens",
    "TokenMatch",
    "rerank",
]
