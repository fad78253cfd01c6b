"""Finding candidates: what may be seen, dense and lexical search, fusion, variety."""

from __future__ import annotations

from whymiss.retrieval.bm25 import BM25Retriever
from whymiss.retrieval.dense import DenseRetriever
from whymiss.retrieval.filters import parse_where, satisfies
from whymiss.retrieval.fusion import reciprocal_rank_fusion, weighted_fusion
from whymiss.retrieval.mmr import select_diverse
from whymiss.retrieval.space import SearchSpace

__all__ = [
    "BM25Retriever",
    "DenseRetriever",
    "SearchSpace",
    "parse_where",
    "reciprocal_rank_fusion",
    "satisfies",
    "select_diverse",
    "weighted_fusion",
]
