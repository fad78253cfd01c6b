"""Text to BM25 terms: words and identifiers, lower-cased, stemmed, without function words."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

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
    stem = _stemmer(stemmer)

    def split(text: str) -> list[str]:
        terms: list[str] = []
        for whole in _TERM.findall(text.lower()):
            parts = _PARTS.findall(whole)
            if len(parts) > 1:
                terms.append(whole)
            terms.extend(stem(p) for p in parts if not (stop_words and p in STOP_WORDS))
        return terms

    return split


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
