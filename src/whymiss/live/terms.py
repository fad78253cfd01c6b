"""BM25's term counts of new chunks, looked up in the words of their documents when asked for."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.live.places import Places
    from whymiss.records import Document

    Ints = NDArray[np.int64]

_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a text between white space; the terms of word i are
    `terms[bounds[i]:bounds[i + 1]]`."""

    starts: Ints
    ends: Ints
    terms: Ints
    bounds: Ints


class Vocabulary:
    """A number for each term, and the words of documents read so far. Safe for threads.

    Parameters
    ----------
    split : from text to terms; see `term_splitter`.
    """

    def __init__(self, split: Callable[[str], list[str]]) -> None:
        self.numbers: dict[str, int] = {}
        self._split = split
        self._of_word: dict[str, list[int]] = {}
        self._documents: dict[str, _Words] = {}
        self._lock = threading.Lock()

    def terms(self, texts: Sequence[str]) -> list[list[int]]:
        """Numbers of the terms of each text, in their order."""
        with self._lock:
            return [self._numbers(text) for text in texts]

    def terms_kept(self, texts: Sequence[str]) -> list[list[int]]:
        """The same for texts that come again and again."""
        with self._lock:
            return [self._of(text) for text in texts]

    def words(self, documents: Sequence[Document]) -> list[_Words]:
        """The words of each document; those of other documents are forgotten."""
        with self._lock:
            known = self._documents
            self._documents = {
                document.content_hash: known.get(document.content_hash) or self._words(document)
                for document in documents
            }
            return [self._documents[document.content_hash] for document in documents]

    def _words(self, document: Document) -> _Words:
        found = [(match.start(), match.end()) for match in _WORD.finditer(document.text)]
        places = np.array(found, dtype=np.int64).reshape(-1, 2)
        lists = [self._of(document.text[start:end]) for start, end in found]
        terms, bounds = _flat(lists)
        return _Words(places[:, 0], places[:, 1], terms, bounds)

    def _of(self, word: str) -> list[int]:
        numbers = self._of_word.get(word)
        if numbers is None:
            numbers = self._of_word[word] = self._numbers(word)
        return numbers

    def _numbers(self, text: str) -> list[int]:
        return [self.numbers.setdefault(term, len(self.numbers)) for term in self._split(text)]


@dataclass(frozen=True)
class CorpusTerms:
    """The words of all documents in a row, and where each term stands among all terms.

    No term reaches over white space, so that a chunk has the terms of its words.

    Examples
    --------
    >>> from whymiss.live.places import Places
    >>> from whymiss.records import Document
    >>> document = Document(doc_id="d", text="annual plan annual")
    >>> terms = CorpusTerms.of(Vocabulary(str.split), [document], np.array([0]))
    >>> none = np.zeros(2, int)
    >>> two = Places(none, np.array([0, 7]), np.array([11, 18]), ("",), none)
    >>> counts = terms.counted(two)
    >>> [some.tolist() for some in counts.postings("annual")], counts.lengths.tolist()
    ([[0, 1], [1.0, 1.0]], [2.0, 2.0])
    """

    vocabulary: Vocabulary
    documents: Sequence[Document]
    bases: Ints
    starts: Ints
    ends: Ints
    bounds: Ints
    by_term: Ints
    first_of_term: Ints

    @classmethod
    def of(cls, vocabulary: Vocabulary, documents: Sequence[Document], bases: Ints) -> Self:
        """Read the documents; those that the vocabulary has read are not read again."""
        words = vocabulary.words(documents)
        none = np.empty(0, np.int64)
        pairs = list(zip(words, bases, strict=True))
        n_terms = np.cumsum([0, *(len(some.terms) for some in words)])
        terms = np.concatenate([none, *(some.terms for some in words)])
        first = np.cumsum(np.bincount(terms, minlength=len(vocabulary.numbers)))
        parts = (some.bounds[:-1] + n for some, n in zip(words, n_terms, strict=False))
        return cls(
            vocabulary=vocabulary,
            documents=documents,
            bases=bases,
            starts=np.concatenate([none, *(some.starts + base for some, base in pairs)]),
            ends=np.concatenate([none, *(some.ends + base for some, base in pairs)]),
            bounds=np.concatenate([*parts, n_terms[-1:]]),
            by_term=np.argsort(terms, kind="stable"),
            first_of_term=np.concatenate([[0], first]),
        )

    def positions(self, number: int) -> Ints:
        """Where a term stands among all terms, ascending."""
        if number + 1 >= len(self.first_of_term):
            return self.by_term[:0]
        return self.by_term[self.first_of_term[number] : self.first_of_term[number + 1]]

    def counted(self, places: Places) -> ChunkTerms:
        """The term counts of chunks."""
        first = np.searchsorted(self.ends, places.starts, side="right")
        behind = np.maximum(first, np.searchsorted(self.starts, places.ends, side="left"))
        torn = self._torn(places, first, behind)
        begin, end = self.bounds[first], self.bounds[behind]
        end[torn] = begin[torn]
        own = self.vocabulary.terms(self._texts(places, torn))
        return ChunkTerms(
            corpus=self,
            begin=begin,
            end=end,
            torn=_Loose.of(own, torn, len(places)),
            prefixes=_Loose.of(self.vocabulary.terms_kept(places.prefixes)),
            prefix_of=places.prefix_of,
        )

    def _torn(self, places: Places, first: Ints, behind: Ints) -> Ints:
        """Chunks that begin or end inside a word."""
        inside = np.flatnonzero(behind > first)
        torn = (self.starts[first[inside]] < places.starts[inside]) | (
            self.ends[behind[inside] - 1] > places.ends[inside]
        )
        return inside[torn]

    def _texts(self, places: Places, rows: Ints) -> list[str]:
        numbers = places.documents[rows]
        base = self.bases[numbers]
        ranges = zip(
            numbers.tolist(),
            (places.starts[rows] - base).tolist(),
            (places.ends[rows] - base).tolist(),
            strict=True,
        )
        return [self.documents[number].text[start:end] for number, start, end in ranges]


@dataclass(frozen=True)
class _Loose:
    """Terms of a few texts: `terms[i]` stands in the text of row `rows[i]`, of `n` rows in all."""

    terms: Ints
    rows: Ints
    n: int

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]], rows: Ints | None = None, n: int = 0) -> Self:
        owners = np.arange(len(lists)) if rows is None else rows
        terms, bounds = _flat(lists)
        return cls(terms, np.repeat(owners, np.diff(bounds)), n or len(lists))

    def counts(self, number: int | None = None) -> Ints:
        """How often each row has a term; all terms without a number."""
        rows = self.rows if number is None else self.rows[self.terms == number]
        return np.bincount(rows, minlength=self.n)


@dataclass(frozen=True)
class ChunkTerms:
    """Gives the same counts as a `TermIndex` of the chunks' texts, term by term.

    The terms of a chunk are those from `begin` to `end` of the corpus; where it begins or ends
    inside a word it is read by itself instead. To both come the terms of its prefix.
    """

    corpus: CorpusTerms
    begin: Ints
    end: Ints
    torn: _Loose
    prefixes: _Loose
    prefix_of: Ints

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """Terms of each chunk."""
        counts = self.end - self.begin + self.torn.counts() + self._of_prefixes(None)
        return counts.astype(np.float64)

    def postings(self, term: str) -> tuple[Ints, NDArray[np.float32]]:
        """Rows that hold a term, and how often."""
        number = self.corpus.vocabulary.numbers.get(term)
        if number is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        places = self.corpus.positions(number)
        counts = np.searchsorted(places, self.end) - np.searchsorted(places, self.begin)
        counts += self.torn.counts(number) + self._of_prefixes(number)
        rows = np.flatnonzero(counts)
        return rows, counts[rows].astype(np.float32)

    def _of_prefixes(self, number: int | None) -> Ints:
        if not len(self.prefix_of):
            return self.prefix_of
        return self.prefixes.counts(number)[self.prefix_of]


def _flat(lists: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """All numbers in a row, and where each list begins and ends."""
    bounds = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    return np.fromiter(chain.from_iterable(lists), np.int64, int(bounds[-1])), bounds
