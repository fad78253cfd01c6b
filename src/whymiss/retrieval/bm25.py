"""BM25 (Robertson and Zaragoza 2009) over the permitted chunks and nothing else.

rank-bm25 defines the scores; a sparse matrix computes the same numbers fast. Document frequency,
number of chunks and mean length are those of the permitted chunks: statistics over all of them
would tell an asker how often a word stands in documents that are hidden from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rank_bm25 import BM25Okapi
from scipy import sparse

from whymiss.config import RetrievalConfig
from whymiss.records import Query, Ranking
from whymiss.retrieval.space import SearchSpace, top_rows
from whymiss.retrieval.terms import term_splitter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.retrieval.space import Mask

_DECIMALS: Final = 6


class ReferenceBM25(BM25Okapi):  # type: ignore[misc]
    """rank-bm25's Okapi with an idf that is never zero or negative: ln(1 + (N-n+.5)/(n+.5)).

    The package's own idf is negative for a term in more than half of the texts, and its repair
    (a share of the mean idf) is negative again in small collections.
    """

    def _calc_idf(self, nd: dict[str, int]) -> None:
        for term, n in nd.items():
            self.idf[term] = inverse_document_frequency(self.corpus_size, n)


def inverse_document_frequency(n_texts: float, n_with_term: float) -> float:
    """Weight of a term that stands in `n_with_term` of `n_texts`; always above zero.

    >>> round(inverse_document_frequency(10, 2), 4)
    1.4816
    """
    return float(np.log1p((n_texts - n_with_term + 0.5) / (n_with_term + 0.5)))


@dataclass(frozen=True)
class TermIndex:
    """How often each term stands in each row: a sparse matrix, by column, and row lengths."""

    vocabulary: dict[str, int]
    counts: Any
    lengths: NDArray[np.float64]

    @classmethod
    def of(cls, texts: Sequence[str], split: Callable[[str], list[str]]) -> TermIndex:
        """Count the terms of each text."""
        vocabulary: dict[str, int] = {}
        columns: list[int] = []
        bounds = [0]
        for text in texts:
            columns.extend(vocabulary.setdefault(term, len(vocabulary)) for term in split(text))
            bounds.append(len(columns))
        shape = (len(texts), max(len(vocabulary), 1))
        ones = np.ones(len(columns), dtype=np.float32)
        rows = sparse.csr_array((ones, np.array(columns, np.int32), np.array(bounds)), shape=shape)
        rows.sum_duplicates()
        return cls(vocabulary, rows.tocsc(), np.diff(bounds).astype(np.float64))

    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Rows that hold a term, and how often."""
        column = self.vocabulary.get(term)
        if column is None:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        part = slice(self.counts.indptr[column], self.counts.indptr[column + 1])
        return self.counts.indices[part], self.counts.data[part]


class BM25Retriever:
    """Ranks by BM25; chunks that share no term with the question are not hits."""

    stage = "bm25"

    def __init__(self, space: SearchSpace, *, retrieval: RetrievalConfig) -> None:
        self._space = space
        self._config = retrieval
        self._split = term_splitter(retrieval.stemmer, retrieval.stop_words)

    @property
    def terms(self) -> TermIndex:
        """The term counts of all rows, made on first use and kept with the space."""
        chunks = self._space.snapshot.chunks
        return self._space.derived(
            ("terms", self._config.stemmer, self._config.stop_words),
            lambda: TermIndex.of([chunk.indexed_text for chunk in chunks], self._split),
        )

    def search(self, queries: Sequence[Query], *, depth: int) -> list[Ranking]:
        """One ranking per query, at most `depth` hits."""
        return [self._one(query, depth) for query in queries]

    def scores(self, query: Query, visible: Mask) -> NDArray[np.float64]:
        """BM25 of every visible row; 0 elsewhere."""
        terms = self._split(query.text)
        engine = self._reference if self._config.bm25_engine == "rank_bm25" else self._sparse
        rounded: NDArray[np.float64] = np.round(engine(terms, visible), _DECIMALS)
        return rounded

    def _one(self, query: Query, depth: int) -> Ranking:
        pre = self._config.filter_mode == "pre"
        visible = self._space.visible(query, apply_where=pre)
        scores = self.scores(query, visible)
        rows = top_rows(scores, visible & (scores > 0), depth)
        if not pre:
            matching = self._space.visible(query)
            rows = [row for row in rows if matching[row]]
        chunks = self._space.snapshot.chunks
        scored = [(chunks[r], float(scores[r]), {"bm25": float(scores[r])}) for r in rows]
        return Ranking.of(query.query_id, self.stage, scored)

    def _sparse(self, terms: Sequence[str], visible: Mask) -> NDArray[np.float64]:
        index, k1, b = self.terms, self._config.bm25_k1, self._config.bm25_b
        total = np.zeros(len(index.lengths))
        lengths = index.lengths[visible]
        if not lengths.any():
            return total
        for term in terms:
            rows, counts = index.postings(term)
            seen = visible[rows]
            rows, tf = rows[seen], counts[seen].astype(np.float64)
            idf = inverse_document_frequency(len(lengths), len(rows))
            norm = k1 * (1 - b + b * index.lengths[rows] / lengths.mean())
            total[rows] += idf * tf * (k1 + 1) / (tf + norm)
        return total

    def _reference(self, terms: Sequence[str], visible: Mask) -> NDArray[np.float64]:
        total = np.zeros(len(visible))
        rows = np.flatnonzero(visible)
        texts = [self._split(self._space.snapshot.chunks[row].indexed_text) for row in rows]
        # rank-bm25 divides by zero where there is no text, or no term in any; and, with k1 = 0 or
        # b = 1, in a text that lacks the term: the term then adds 0.
        if any(texts):
            reference = ReferenceBM25(texts, k1=self._config.bm25_k1, b=self._config.bm25_b)
            with np.errstate(invalid="ignore"):
                for term in terms:
                    total[rows] += np.nan_to_num(reference.get_scores([term]), nan=0.0)
        return total
