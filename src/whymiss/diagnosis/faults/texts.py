"""Texts that are nearly another text: what it said before, what its sibling says."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

import numpy as np

_PAIRS: Final = (
    "annual monthly", "annually monthly", "yearly monthly", "year month", "years months",
    "weekly daily", "week day", "weeks days", "hours minutes", "hour minute", "before after",
    "first last", "minimum maximum", "always never", "all no", "included excluded",
    "include exclude", "includes excludes", "allowed forbidden", "enabled disabled",
    "enable disable", "enables disables", "required optional", "increase decrease",
    "increased decreased", "more fewer", "above below", "north south", "east west", "true false",
    "add remove", "local remote", "new old", "with without", "public private", "free paid",
    "read write", "input output", "open closed", "internal external", "single several",
    "largest smallest", "higher lower", "highest lowest", "long short", "early late",
)  # fmt: skip
_SWAPS: Final = {one: other for pair in map(str.split, _PAIRS) for one, other in (pair, pair[::-1])}
_NEGATED: Final = {
    "is": "is not", "are": "are not", "was": "was not", "were": "were not", "can": "cannot",
    "will": "will not", "must": "need not", "should": "should not", "may": "may not",
    "has": "has no", "have": "have no", "does": "does not", "do": "do not", "not": "also",
}  # fmt: skip
_NUMBER: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"[^\W\d_]+")
_SPARED: Final = 4
"""Letters below which a word is not left out."""


def confused(text: str, rng: np.random.Generator, changed: tuple[int, int] | None = None) -> str:
    """The text with decisive words of `changed`, a part of it, turned round: numbers, terms,
    negations. Where there are none, words of it are left out.

    >>> confused("Annual plans cost 12 euros.", np.random.default_rng(0))
    'Monthly plans cost 13 euros.'
    """
    start, end = changed or (0, len(text))
    part = text[start:end]
    swaps = [m for m in _WORD.finditer(part) if m.group().casefold() in _SWAPS]
    numbers = list(_NUMBER.finditer(part))
    places = swaps + numbers
    if not places:
        places = [m for m in _WORD.finditer(part) if m.group().casefold() in _NEGATED][:1]
    if not places:
        return text[:start] + _thinned(part, rng) + text[end:]
    # At least one, and mostly all but one: copies that all say the same would be one copy.
    kept = rng.random(len(places)) < 0.8
    kept[int(rng.integers(len(places)))] = True
    chosen = [m for m, keep in zip(places, kept.tolist(), strict=True) if keep]
    for match in sorted(chosen, key=lambda m: -m.start()):
        part = part[: match.start()] + _other(match.group(), rng) + part[match.end() :]
    return text[:start] + part + text[end:]


def earlier_wording(text: str, rng: np.random.Generator) -> str:
    """How a passage may have read before: some words fewer, other numbers, never longer."""
    thin = _thinned(text, rng)
    return _NUMBER.sub(lambda match: _number(match.group(), rng), thin)


def _thinned(text: str, rng: np.random.Generator) -> str:
    """About one longer word in twelve left out, at least one where there is one."""
    found = [m for m in _WORD.finditer(text) if len(m.group()) >= _SPARED]
    if not found:
        return text[:-1]
    n = max(1, len(found) // 12)
    gone = sorted(rng.choice(len(found), size=n, replace=False).tolist(), reverse=True)
    for place in gone:
        match = found[place]
        end = match.end() + (text[match.end() : match.end() + 1] == " ")
        text = text[: match.start()] + text[end:]
    return text


def _other(word: str, rng: np.random.Generator) -> str:
    if word.isdigit():
        return _number(word, rng)
    plain = word.casefold()
    other = _SWAPS.get(plain) or _NEGATED[plain]
    return other.capitalize() if word[0].isupper() else other


def _number(digits: str, rng: np.random.Generator) -> str:
    """Another number of as many digits."""
    low = 10 ** (len(digits) - 1) if len(digits) > 1 else 0
    if len(digits) > 15:
        return digits[::-1]
    found = int(rng.integers(low, 10 ** len(digits)))
    other = str(found).zfill(len(digits))
    return other if other != digits else str((found + 1 - low) % (10 ** len(digits) - low) + low)


def sibling_id(doc_id: str, suffix: str) -> str:
    """The id of a document beside another one.

    >>> sibling_id("plans/guide.v2.md", "1"), sibling_id("faq", "1")
    ('plans/guide.v2-1.md', 'faq-1')
    """
    folder, slash, name = doc_id.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not stem:
        return f"{doc_id}-{suffix}"
    return f"{folder}{slash}{stem}-{suffix}{dot}{extension}"


def free_ids(doc_id: str, n: int, taken: Container[str]) -> list[str]:
    """Ids of n more documents beside one, none of them in `taken`."""
    found: list[str] = []
    number = 0
    while len(found) < n:
        number += 1
        made = sibling_id(doc_id, str(number))
        if made not in taken:
            found.append(made)
    return found
