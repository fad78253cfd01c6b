"""Words that carry meaning, how rare they are in a context, and numbers that must match exactly.

Shared by the extractive generator and the support measures, so that both mean the same by "says".
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from typing import Final

import Stemmer

from whymiss.text import words

_CONNECTING: Final = (
    "a about after all also am an and any are as at be because been before being but by can could "
    "did do does doing done for from get gets got had has have having he her here hers him his "
    "how i if in into is it its just let may me might mine more most must my of off on once only "
    "or our ours out over shall she should so some still such than that the their theirs them "
    "then there these they this those through to too under up us very was we were what when where "
    "which while who whom whose why will with would yes yet you your yours s t d ll m re ve "
    "please hi hello thanks"
)
FUNCTION_WORDS: Final = frozenset(_CONNECTING.split())
"""English words that connect others. Negations are not among them: they change what is said."""

_TO_TWENTY: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_NUMBER_WORDS: Final = {word: str(value) for value, word in enumerate(_TO_TWENTY.split())} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "ninety": "90",
}

_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER_WORD: Final = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b")
# A word with a digit in it, with what such words are joined by: 99.9, 08:00, FW-1042, v3.
_EXACT: Final = re.compile(r"[^\W_]+(?:[._:/-]+[^\W_]+)*")


def terms(text: str) -> frozenset[str]:
    """The meaning-carrying words of a text, stemmed as English unless they hold a digit.

    >>> sorted(terms("The refunds of FW-1042 are refunded"))
    ['1042', 'fw', 'fw-1042', 'refund']
    """
    found = {word for word in words(text) if word not in FUNCTION_WORDS}
    # A stemmer is cheap to make and must not be shared between threads.
    stemmer = Stemmer.Stemmer("english", 0)
    return frozenset(
        word if any(c.isdigit() for c in word) else str(stemmer.stemWord(word)) for word in found
    )


class Rarity:
    """How much a term says, from the statements of one context: the rarer, the more.

    A term in n of N statements weighs ln(1 + (N + 1) / (n + 1)), Spärck Jones' inverse document
    frequency (1972), smoothed so that terms the context lacks weigh most and none weighs 0.

    >>> rarity = Rarity([frozenset({"plan", "price"}), frozenset({"plan"})])
    >>> rarity.weight("plan") < rarity.weight("price") < rarity.weight("refund")
    True
    """

    def __init__(self, statements: Sequence[Set[str]]) -> None:
        self._n = len(statements)
        self._counts = Counter(term for statement in statements for term in statement)

    def weight(self, term: str) -> float:
        """What one term counts for."""
        return math.log(1 + (self._n + 1) / (self._counts[term] + 1))

    def containment(self, wanted: Iterable[str], given: Set[str]) -> float:
        """Share of the wanted terms' weight that is among the given; 0 when nothing is wanted."""
        # In an order of their own: sums of the same numbers in another differ in the last digit.
        weights = {term: self.weight(term) for term in sorted(wanted)}
        total = sum(weights.values())
        return sum(w for term, w in weights.items() if term in given) / total if total else 0.0


def exact_terms(text: str) -> tuple[str, ...]:
    """Numbers and identifiers with digits, as written but for case and thousands commas.

    >>> exact_terms("FW-1042: EUR 1,000 from 08:00, 99.9 %")
    ('fw-1042', '1000', '08:00', '99.9')
    """
    found = (match.group() for match in _EXACT.finditer(_plain(text)))
    return tuple(dict.fromkeys(term for term in found if any(c.isdigit() for c in term)))


def missing_exact(wanted: Iterable[str], passage: str) -> tuple[str, ...]:
    """Those of the exact terms that a passage does not hold as a whole.

    9 is not in 99.9 and 08 is not in 08:00, but 08:00 is in 08:00-18:00, and 12 is in "twelve".

    >>> missing_exact(("9", "12", "08:00"), "99.9 % in twelve months, 08:00-18:00")
    ('9',)
    """
    plain = _NUMBER_WORD.sub(lambda match: _NUMBER_WORDS[match.group()], _plain(passage))
    return tuple(term for term in wanted if not _holds(plain, term))


def _holds(plain: str, term: str) -> bool:
    whole = rf"(?<![^\W_])(?<!\d[.:]){re.escape(term)}(?![^\W_])(?![.:]\d)"
    return re.search(whole, plain) is not None


def _plain(text: str) -> str:
    return _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold())
