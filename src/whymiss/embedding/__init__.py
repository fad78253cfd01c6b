"""Texts to vectors: find a model, count its tokens, encode, remember."""

from __future__ import annotations

from whymiss.embedding.cache import CachedEncoder, VectorCache
from whymiss.embedding.encoder import SentenceTransformersEncoder
from whymiss.embedding.models import locate_model
from whymiss.embedding.tokenizer import HuggingFaceTokenizer

__all__ = [
    "CachedEncoder",
    "HuggingFaceTokenizer",
    "SentenceTransformersEncoder",
    "VectorCache",
    "locate_model",
]
