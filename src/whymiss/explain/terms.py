"""BM25 term by term: how often it stands there, how rare it is, how long the text."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from whymiss.config import RetrievalConfig
from whymiss.explain.ledger import Ledger, Part, Standing, View
from whymiss.explain.removal import effects
from whymiss.explain.words import Word, placed, without, words_at, words_of
from whymiss.records import Chunk, Query
from whymiss.retrieval.bm25 import TermStatistics, gain, inverse_document_frequency
from whymiss.retrieval.terms import TermPlace, term_finder
from whymiss.text import Interval

_STRETCH: Final = re.compile(r"\S+")


@dataclass(frozen=True)
class TermScore:
    """One chunk's BM25 for one question, ready to be taken apart.

    counted : whether the chunk is one of the texts that the statistics count: where it is, they
        change with it. A chunk that is hidden from the asker is scored by those of the others.
    """

    query: Query
    chunk: Chunk
    statistics: TermStatistics
    config: RetrievalConfig
    counted: bool = True

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words of the indexed text."""
        return words_of(self.chunk.indexed_text)

    @cached_property
    def asked(self) -> dict[str, list[Interval]]:
        """The distinct terms of the question and their places in it."""
        return _places(self._find(self.query.text))

    @cached_property
    def found(self) -> dict[str, list[Interval]]:
        """The distinct terms of the chunk and their places in its indexed text."""
        return _places(self._find(self.chunk.indexed_text))

    def gains(self, gone: Collection[int] = ()) -> dict[str, tuple[float, dict[str, float]]]:
        """What each term of the question adds without some of the words, and from what numbers."""
        here = self._counts(gone)
        length, mean = here.total(), self.statistics.mean_length
        if self.counted:
            mean += (length - self._whole.total()) / self.statistics.n_texts
        gains = {}
        for term, places in self.asked.items():
            n_with = self._n_with[term]
            if self.counted:
                n_with += (here[term] > 0) - (term in self.found)
            idf = inverse_document_frequency(self.statistics.n_texts, n_with)
            numbers: dict[str, float] = {
                "tf": here[term], "idf": idf, "length": length, "mean_length": mean,
                "n_with": n_with, "n_texts": self.statistics.n_texts, "in_question": len(places),
            }  # fmt: skip
            gains[term] = len(places) * _gain(here[term], length, idf, mean, self.config), numbers
        return gains

    def score(self, gone: Collection[int]) -> float:
        """BM25 without some of the words; the statistics change with them."""
        return math.fsum(added for added, _ in self.gains(gone).values())

    @cached_property
    def _whole(self) -> Counter[str]:
        return Counter({term: len(places) for term, places in self.found.items()})

    @cached_property
    def _n_with(self) -> dict[str, int]:
        return {term: self.statistics.n_with(term) for term in self.asked}

    @cached_property
    def _stretches(self) -> list[Interval]:
        """What stands between white space, over which no term reaches."""
        return [match.span() for match in _STRETCH.finditer(self.chunk.indexed_text)]

    def _counts(self, gone: Collection[int]) -> Counter[str]:
        """The terms without some words; only the stretches that hold them are split anew."""
        if not gone:
            return self._whole
        text, counts = self.chunk.indexed_text, self._whole.copy()
        less = without(text, self.words, gone)
        for start, end in {self._stretch(self.words[number].start) for number in gone}:
            counts.subtract(place.term for place in self._find(text[start:end]))
            counts.update(place.term for place in self._find(less[start:end]))
        return counts

    def _stretch(self, place: int) -> Interval:
        return self._stretches[
            bisect_right(self._stretches, (place, len(self.chunk.indexed_text))) - 1
        ]

    def _find(self, text: str) -> list[TermPlace]:
        return term_finder(self.config.stemmer, self.config.stop_words)(text)


def term_ledger(scored: TermScore, standing: Standing) -> Ledger:
    """BM25 per distinct term of the question; one that the question repeats counts so often.

    The effect of a term is that of leaving out all its places at once.
    """
    whole = scored.score(())
    parts = []
    for term, (value, numbers) in scored.gains().items():
        ranges = scored.found.get(term, [])
        gone = set(words_at(scored.words, (start for start, _ in ranges)))
        parts.append(
            Part(
                name=term,
                value=value,
                question=tuple(scored.asked[term]),
                **placed(scored.chunk, ranges),
                effect=whole - scored.score(gone) if gone else 0.0,
                numbers=numbers,
                note="" if ranges else "does not stand in the chunk",
            )
        )
    return _ledger(scored, standing, "terms", parts)


def term_word_ledger(scored: TermScore, standing: Standing) -> Ledger:
    """The same over the words of the chunk: what a term adds, in equal shares of its places."""
    words = scored.words
    shares = [0.0] * len(words)
    terms: list[list[str]] = [[] for _ in words]
    for term, (value, _) in scored.gains().items():
        ranges = scored.found.get(term, [])
        for number in words_at(words, (start for start, _ in ranges)):
            shares[number] += value / len(ranges)
            terms[number].append(term)
    parts = [
        Part(
            name=word.name,
            value=share,
            question=tuple(span for term in dict.fromkeys(mine) for span in scored.asked[term]),
            **placed(scored.chunk, [(word.start, word.end)]),
            effect=effect,
        )
        for word, share, mine, effect in zip(words, shares, terms, effects(scored), strict=True)
    ]
    return _ledger(scored, standing, "passage tokens", parts)


def _ledger(scored: TermScore, standing: Standing, view: View, parts: Sequence[Part]) -> Ledger:
    score = scored.score(()) if standing.score is None else standing.score
    return Ledger(standing=standing, score=score, view=view, parts=tuple(parts))


def _gain(tf: int, length: int, idf: float, mean: float, config: RetrievalConfig) -> float:
    # With no term in any text there is no mean; with none of this one nothing is added.
    if not tf or not mean:
        return 0.0
    added = gain(
        np.array([float(tf)]), np.array([float(length)]), idf=idf, mean_length=mean, config=config
    )
    return float(added[0])


def _places(found: Sequence[TermPlace]) -> dict[str, list[Interval]]:
    places: dict[str, list[Interval]] = {}
    for term, start, end in found:
        places.setdefault(term, []).append((start, end))
    return places
