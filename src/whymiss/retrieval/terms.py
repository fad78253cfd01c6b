"""Text to BM25 terms: words and identifiers, lower-cased, stemmed, without function words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from whymiss.errors import ConfigError

_TERM: Final = re.compile(r"\w+(?:[-._/']\w+)*")
_PARTS: Final = re.compile(r"[^\W_]+")

STOP_WORDS: Final = frozenset(
    (  # noqa: SIM905
        "a an and are as at be but by for if in into is it no not of on or such that the "
        "their then there these they this to was will with"
    ).split()
)
"""The 33 words that Lucene's English analyser leaves out."""


@lru_cache(maxsize=16)
def term_splitter(stemmer: str, stop_words: bool) -> Callable[[str], list[str]]:
    """A function from text to terms.

    An identifier such as FW-1042 or support_tiers_v3 gives one term as a whole and one for each
    part, so that both "FW-1042" and "1042" find it. Only plain words are stemmed.

    Raises
    ------
    ConfigError : no Snowball stemmer of this name.

    >>> term_splitter("english", True)("Invoices for the FW-1042 error")
    ['invoic', 'fw-1042', 'fw', '1042', 'error']
    """
    find = _finder(stemmer, stop_words)

    def split(text: str) -> list[str]:
        return [term for term, _, _ in find(text.lower())]

    return split


class TermPlace(NamedTuple):
    """A term and the characters of the text that it was made of."""

    term: str
    start: int
    end: int


def term_finder(stemmer: str, stop_words: bool) -> Callable[[str], list[TermPlace]]:
    """The same terms as `term_splitter` gives, in the same order, with their places.

    >>> term_finder("english", True)("The invoices")
    [TermPlace(term='invoic', start=4, end=12)]
    """
    find = _finder(stemmer, stop_words)

    def places(text: str) -> list[TermPlace]:
        lowered = text.lower()
        if len(lowered) == len(text):
            return [TermPlace(*found) for found in find(lowered)]
        # Some characters are two in lower case.
        origins = [i for i, character in enumerate(text) for _ in character.lower()]
        return [TermPlace(t, origins[a], origins[b - 1] + 1) for t, a, b in find(lowered)]

    return places


@lru_cache(maxsize=16)
def _finder(stemmer: str, stop_words: bool) -> Callable[[str], Iterator[tuple[str, int, int]]]:
    """Terms of a text in lower case, with the range of each."""
    stem = _stemmer(stemmer)
    left_out = STOP_WORDS if stop_words else frozenset()

    def find(lowered: str) -> Iterator[tuple[str, int, int]]:
        for whole in _TERM.finditer(lowered):
            word = whole.group()
            start, end = whole.span()
            # Most words are one part, and are not searched again.
            if word.isalnum():
                if word not in left_out:
                    yield stem(word), start, end
                continue
            parts = [part.span() for part in _PARTS.finditer(lowered, start, end)]
            if len(parts) > 1:
                yield word, start, end
            for first, behind in parts:
                if (part := lowered[first:behind]) not in left_out:
                    yield stem(part), first, behind

    return find


def _stemmer(language: str) -> Callable[[str], str]:
    if not language:
        return str
    import Stemmer

    if language not in Stemmer.algorithms():
        raise ConfigError(
            f"retrieval.stemmer does not know {language!r}; it takes "
            f"{', '.join(Stemmer.algorithms())}, or an empty text for none."
        )
    snowball = Stemmer.Stemmer(language)

    @lru_cache(maxsize=200_000)
    def stem(word: str) -> str:
        return word if any(c.isdigit() for c in word) else str(snowball.stemWord(word))

    return stem
