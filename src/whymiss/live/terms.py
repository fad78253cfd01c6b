"""BM25's term counts of new chunks, put together from the words of their documents."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.retrieval.bm25 import TermIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.records import Chunk, Document

    Ints = NDArray[np.int64]

_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a document between white space, and the terms of each.

    Terms of word i are `terms[bounds[i]:bounds[i + 1]]`.
    """

    starts: Ints
    ends: Ints
    terms: NDArray[np.int32]
    bounds: Ints


class Terms:
    """Counts terms as `TermIndex.of` does, splitting each document only once.

    No term reaches over white space, so that a chunk has the terms of its words; one that begins
    or ends inside a word is split by itself.

    Parameters
    ----------
    split : from text to terms; see `term_splitter`.

    Examples
    --------
    >>> from whymiss.records import Chunk, Document
    >>> document = Document(doc_id="d", text="annual plan annual")
    >>> chunk = Chunk(chunk_id="c", doc_id="d", start=0, end=11, text="annual plan", n_tokens=4,
    ...               parent_start=0, parent_end=11)
    >>> index = Terms(str.split).index([document], [(chunk,)])
    >>> index.postings("annual")[1].tolist(), index.lengths.tolist()
    ([1.0], [2.0])
    """

    def __init__(self, split: Callable[[str], list[str]]) -> None:
        self._split = split
        self._vocabulary: dict[str, int] = {}
        self._of_word: dict[str, list[int]] = {}
        self._documents: dict[str, _Words] = {}
        self._lock = threading.Lock()

    def index(
        self, documents: Sequence[Document], chunks: Sequence[tuple[Chunk, ...]]
    ) -> TermIndex:
        """The term index of all chunks, in their order."""
        with self._lock:
            known = {d.content_hash: self._words(d) for d in documents}
            self._documents = known
            lists: list[NDArray[np.int32]] = []
            for document, some in zip(documents, chunks, strict=True):
                lists += self._of_chunks(known[document.content_hash], some)
            vocabulary = dict(self._vocabulary)
        bounds = np.cumsum([0, *map(len, lists)])
        columns = np.concatenate([*lists, np.empty(0, np.int32)])
        return TermIndex.of_columns(columns, bounds, vocabulary)

    def _words(self, document: Document) -> _Words:
        kept = self._documents.get(document.content_hash)
        if kept is not None:
            return kept
        found = [(match.start(), match.end()) for match in _WORD.finditer(document.text)]
        places = np.array(found, dtype=np.int64).reshape(-1, 2)
        lists = [self._numbers(document.text[start:end]) for start, end in found]
        bounds = np.concatenate([[0], np.cumsum([len(numbers) for numbers in lists])])
        terms = np.fromiter((n for some in lists for n in some), np.int32, int(bounds[-1]))
        return _Words(places[:, 0], places[:, 1], terms, bounds.astype(np.int64))

    def _numbers(self, word: str) -> list[int]:
        numbers = self._of_word.get(word)
        if numbers is None:
            numbers = self._of_word[word] = self._numbered(word)
        return numbers

    def _numbered(self, text: str) -> list[int]:
        vocabulary = self._vocabulary
        return [vocabulary.setdefault(term, len(vocabulary)) for term in self._split(text)]

    def _of_chunks(self, words: _Words, chunks: Sequence[Chunk]) -> list[NDArray[np.int32]]:
        starts = np.array([chunk.start for chunk in chunks], dtype=np.int64)
        ends = np.array([chunk.end for chunk in chunks], dtype=np.int64)
        first = np.searchsorted(words.ends, starts, side="right")
        behind = np.searchsorted(words.starts, ends, side="left")
        whole = behind <= first
        inside = np.flatnonzero(~whole)
        whole[inside] = (words.starts[first[inside]] >= starts[inside]) & (
            words.ends[behind[inside] - 1] <= ends[inside]
        )
        lists = []
        for chunk, a, b, complete in zip(
            chunks,
            words.bounds[first].tolist(),
            words.bounds[np.maximum(first, behind)].tolist(),
            whole.tolist(),
            strict=True,
        ):
            body = words.terms[a:b] if complete else np.array(self._numbered(chunk.text), np.int32)
            if chunk.prefix:
                head = np.array(self._numbered(chunk.prefix), np.int32)
                body = np.concatenate([head, body])
            lists.append(body)
        return lists
