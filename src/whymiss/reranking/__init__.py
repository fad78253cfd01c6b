"""A second look at the best candidates."""

from __future__ import annotations

from whymiss.reranking.cross_encoder import CrossEncoderReranker
from whymiss.reranking.late_interaction import (
    LateInteractionReranker,
    StoredTokens,
    TokenMatch,
    encoded_tokens,
)
from whymiss.reranking.rerank import rerank

__all__ = [
    "CrossEncoderReranker",
    "LateInteractionReranker",
    "StoredTokens",
    "TokenMatch",
    "encoded_tokens",
    "rerank",
]
