"""BM25 (Robertson and Zaragoza 2009) over the permitted chunks and nothing else.

rank-bm25 defines the scores; a sparse matrix computes the same numbers fast. Document frequency,
number of chunks and mean length are those of the permitted chunks: statistics over all of them
would tell an asker how often a word stands in documents that are hidden from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from rank_bm25 import BM25Okapi
from scipy import sparse

from whymiss.candidates import Candidates, best_first
from whymiss.config import RetrievalConfig
from whymiss.records import Query, Ranking
from whymiss.retrieval.space import SearchSpace, rows_within
from whymiss.retrieval.terms import term_splitter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.retrieval.space import Mask

    Floats = NDArray[np.float64]

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
        return cls.of_columns(np.array(columns, np.int32), np.array(bounds), vocabulary)

    @classmethod
    def of_columns(
        cls, columns: NDArray[np.int32], bounds: NDArray[np.int64], vocabulary: dict[str, int]
    ) -> TermIndex:
        """Count terms that have their numbers: those of row i are columns[bounds[i]:bounds[i + 1]].

        Both arrays are written over.

        >>> columns, bounds = np.array([0, 1, 0], np.int32), np.array([0, 3])
        >>> index = TermIndex.of_columns(columns, bounds, {"annual": 0, "plan": 1})
        >>> index.postings("annual")[1].tolist(), index.lengths.tolist()
        ([2.0], [3.0])
        """
        # First, because the matrix takes over the bounds and moves them.
        lengths = np.diff(bounds).astype(np.float64)
        shape = (len(lengths), max(len(vocabulary), 1))
        ones = np.ones(len(columns), dtype=np.float32)
        rows = sparse.csr_array((ones, columns, bounds), shape=shape)
        rows.sum_duplicates()
        return cls(vocabulary, rows.tocsc(), lengths)

    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Rows that hold a term, and how often."""
        column = self.vocabulary.get(term)
        if column is None:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        part = slice(self.counts.indptr[column], self.counts.indptr[column + 1])
        return self.counts.indices[part], self.counts.data[part]


class TermStatistics:
    """What BM25 counts over the visible rows: how many, their mean length, how many hold a term."""

    def __init__(self, index: TermIndex, visible: Mask) -> None:
        lengths = index.lengths[visible]
        self._index = index
        self._visible = visible
        self.n_texts = len(lengths)
        self.mean_length = float(lengths.mean()) if lengths.any() else 0.0

    def n_with(self, term: str) -> int:
        """How many visible rows hold a term."""
        rows, _ = self._index.postings(term)
        return int(self._visible[rows].sum())


def gain(
    tf: Floats, lengths: Floats, *, idf: float, mean_length: float, config: RetrievalConfig
) -> Floats:
    """What a term adds to the score of texts that hold it `tf` times and are `lengths` terms long.

    >>> gain(np.array([2.0]), np.array([10.0]), idf=1.0, mean_length=10.0,
    ...      config=RetrievalConfig(bm25_k1=1.0))
    array([1.33333333])
    """
    k1, b = config.bm25_k1, config.bm25_b
    added: Floats = idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * lengths / mean_length))
    return added


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
        chunks = self._space.snapshot.chunks
        return [
            Ranking.of(
                query.query_id,
                self.stage,
                [(chunks[row], s, {"bm25": s}) for row, s in zip(*map(list, found), strict=True)],
            )
            for query, found in zip(queries, self.find(queries, depth=depth), strict=True)
        ]

    def find(self, queries: Sequence[Query], *, depth: int) -> list[Candidates]:
        """The same as rows and scores, for many queries at a time."""
        pre = self._config.filter_mode == "pre"
        engines: dict[int, Engine] = {}
        found = []
        for query in queries:
            visible = self._searched(query)
            # The space hands out one mask for all who may see the same.
            engine = engines.get(id(visible)) or self._engine(visible)
            engines[id(visible)] = engine
            best = self._best(engine, query, depth)
            found.append(best if pre else best.where(self._space.visible(query)[best.rows]))
        return found

    def scores(self, query: Query, visible: Mask) -> NDArray[np.float64]:
        """BM25 of every visible row; 0 elsewhere."""
        rounded: NDArray[np.float64] = np.round(
            self._engine(visible).scores(self._split(query.text)), _DECIMALS
        )
        return rounded

    def statistics(self, query: Query) -> TermStatistics:
        """The counts that this query's scores rest on."""
        return TermStatistics(self.terms, self._searched(query))

    def _searched(self, query: Query) -> Mask:
        return self._space.visible(query, apply_where=self._config.filter_mode == "pre")

    def _best(self, engine: Engine, query: Query, depth: int) -> Candidates:
        scores = engine.scores(self._split(query.text))
        rows = np.flatnonzero(scores)
        values = np.round(scores[rows], _DECIMALS)
        near = rows_within(values, values > 0, depth, slack=0.0)
        return best_first(rows[near], values[near], depth)

    def _engine(self, visible: Mask) -> Engine:
        if self._config.bm25_engine == "rank_bm25":
            chunks = self._space.snapshot.chunks
            texts = [self._split(chunks[row].indexed_text) for row in np.flatnonzero(visible)]
            return ReferenceEngine(texts, visible, self._config)
        return SparseEngine(self.terms, visible, self._config)


class Engine(Protocol):
    """Scores every row for a list of terms; rows that may not be seen stay 0."""

    visible: Mask

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """BM25 by row."""
        ...


class SparseEngine:
    """BM25 from a term index, its statistics those of the visible rows."""

    def __init__(self, index: TermIndex, visible: Mask, config: RetrievalConfig) -> None:
        self.visible = visible
        self._index = index
        self._config = config
        self._statistics = TermStatistics(index, visible)
        self._added: dict[str, tuple[NDArray[np.int32], NDArray[np.float64]]] = {}

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """BM25 by row."""
        total = np.zeros(len(self._index.lengths))
        if self._statistics.mean_length:
            for term in terms:
                rows, added = self._gains(term)
                total[rows] += added
        return total

    def _gains(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """What a term adds, and to which rows; many questions share their terms."""
        if term not in self._added:
            statistics = self._statistics
            rows, counts = self._index.postings(term)
            seen = self.visible[rows]
            rows, tf = rows[seen], counts[seen].astype(np.float64)
            self._added[term] = (
                rows,
                gain(
                    tf,
                    self._index.lengths[rows],
                    idf=inverse_document_frequency(statistics.n_texts, len(rows)),
                    mean_length=statistics.mean_length,
                    config=self._config,
                ),
            )
        return self._added[term]


class ReferenceEngine:
    """rank-bm25 itself over the visible texts, in the order of their rows."""

    def __init__(
        self, texts: Sequence[Sequence[str]], visible: Mask, config: RetrievalConfig
    ) -> None:
        self.visible = visible
        # rank-bm25 divides by zero where there is no text, or no term in any.
        self._reference = (
            ReferenceBM25(texts, k1=config.bm25_k1, b=config.bm25_b) if any(texts) else None
        )

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """BM25 by row."""
        total = np.zeros(len(self.visible))
        if self._reference is not None:
            # With k1 = 0 or b = 1 it divides by zero in a text that lacks the term, which adds 0.
            with np.errstate(invalid="ignore"):
                for term in terms:
                    added = self._reference.get_scores([term])
                    total[self.visible] += np.nan_to_num(added, nan=0.0)
        return total
