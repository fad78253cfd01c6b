"""Texts to vectors: find a model, count its tokens, encode, remember."""

from __future__ import annotations

from whymiss.embedding.cache import CachedEncoder, VectorCache
from whymiss.embedding.document_tokens import DocumentTokens
from whymiss.embedding.encoder import SentenceTransformersEncoder
from whymiss.embedding.late_chunking import pool, pool_chunks, sum_prefixes
from whymiss.embedding.models import locate_model
from whymiss.embedding.token_store import TokenPlan, TokenStore
from whymiss.embedding.tokenizer import HuggingFaceTokenizer

__all__ = [
    "CachedEncoder",
    "DocumentTokens",
    "HuggingFaceTokenizer",
    "SentenceTransformersEncoder",
    "TokenPlan",
    "TokenStore",
    "VectorCache",
    "locate_model",
    "pool",
    "pool_chunks",
    "sum_prefixes",
]
