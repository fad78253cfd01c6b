"""What tells two nearly equal sentences apart: a number, a code, a negation, a value, a word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final, Literal

from whymiss.answering.lexical import FUNCTION_WORDS
from whymiss.chunking import sentence_starts

DifferenceKind = Literal["code", "number", "negation", "metadata", "word"]

NEGATIONS: Final = frozenset(
    "not no never none nor neither nothing nobody cannot without except unless".split()  # noqa: SIM905
)

SAME_SENTENCE: Final = 0.7
"""Sentences are the same but for what decides where so much of their other words is shared."""

_FEWEST_WORDS: Final = 4
_MOST_WORDS: Final = 60
_WORDS_CHANGED: Final = 2
"""Sentences that differ in more plain words than these say different things in their own way."""

_TOKEN: Final = re.compile(r"[^\W_]+(?:['’._:/@,-][^\W_]+)*")
_DIGIT: Final = re.compile(r"\d")
_LETTER: Final = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Difference:
    """What stands on each side of a pair, in one place; a side may have nothing there."""

    kind: DifferenceKind
    one: str
    other: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or line as its words, and what is left of them without what may decide."""

    tokens: tuple[str, ...]
    frame: Counter[str]


def sentences(text: str, values: Collection[str]) -> list[Sentence]:
    """The sentences and lines of a text of 4 to 60 words, each once."""
    found: dict[tuple[str, ...], Sentence] = {}
    for piece in pieces(text):
        tokens = tuple(match.group() for match in _TOKEN.finditer(piece))
        if _FEWEST_WORDS <= len(tokens) <= _MOST_WORDS:
            key = tuple(token.casefold() for token in tokens)
            frame = Counter(word for word in key if kind_of(word, values) == "word")
            found.setdefault(key, Sentence(tokens, frame))
    return list(found.values())


def pieces(text: str) -> Iterator[str]:
    """The sentences of a text, cut at line breaks too.

    >>> list(pieces("One ends here. Two goes on\\nin a new line."))
    ['One ends here.', 'Two goes on', 'in a new line.']
    """
    starts = [*map(int, sentence_starts(text)), len(text)]
    for start, end in pairwise(starts):
        yield from (line.strip() for line in text[start:end].splitlines() if line.strip())


def kind_of(word: str, values: Collection[str]) -> DifferenceKind:
    """What a case-folded word may decide; `values` are those of metadata fields.

    >>> [kind_of(word, {"annual"}) for word in ("fw-12", "1,200", "not", "annual", "plan")]
    ['code', 'number', 'negation', 'metadata', 'word']
    """
    if _DIGIT.search(word):
        return "code" if _LETTER.search(word) else "number"
    if word in NEGATIONS or word.endswith(("n't", "n’t")):
        return "negation"
    return "metadata" if word in values else "word"


def differences(
    one: Sequence[Sentence], other: Sequence[Sentence], values: Collection[str]
) -> tuple[Difference, ...]:
    """What differs between sentences that are otherwise the same, each difference once.

    A sentence of one side is held against the most similar one of the other, by the words that
    decide nothing (Jaccard of their counts, at least 0.7). Sentences that stand on both sides tell
    nothing, and neither do those that differ in more than two plain words.

    >>> values = {"annual", "monthly"}
    >>> one = sentences("Annual plans get phone support in 4 hours.", values)
    >>> other = sentences("Monthly plans get no phone support in 8 hours.", values)
    >>> [(d.kind, d.one, d.other) for d in differences(one, other, values)]
    [('metadata', 'Annual', 'Monthly'), ('negation', '', 'no'), ('number', '4', '8')]
    """
    known = {_folded(sentence) for sentence in other}
    shared = {_folded(sentence) for sentence in one} & known
    left = [sentence for sentence in other if _folded(sentence) not in shared]
    found: dict[Difference, None] = {}
    for sentence in one:
        if _folded(sentence) in shared:
            continue
        best = max(left, key=lambda s: _alike(sentence, s), default=None)
        if best is not None and _alike(sentence, best) >= SAME_SENTENCE:
            found |= dict.fromkeys(_between(sentence, best, values))
    return tuple(found)


def _folded(sentence: Sentence) -> tuple[str, ...]:
    return tuple(token.casefold() for token in sentence.tokens)


def _alike(one: Sentence, other: Sentence) -> float:
    either = (one.frame | other.frame).total()
    return (one.frame & other.frame).total() / either if either else 0.0


def _between(one: Sentence, other: Sentence, values: Collection[str]) -> list[Difference]:
    first, second = _folded(one), _folded(other)
    found = [
        _difference(one.tokens[a:b], other.tokens[c:d], values)
        for what, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
        if what != "equal"
    ]
    # What only one side says adds to it and contradicts nothing, but for a "not".
    found = [d for d in found if d.kind == "negation" or (d.one and d.other)]
    plain = [difference for difference in found if difference.kind == "word"]
    if sum(len(max(d.one, d.other, key=len).split()) for d in plain) > _WORDS_CHANGED:
        return [difference for difference in found if difference.kind != "word"]
    meaning = [d for d in plain if not _connects(d)]
    return [d for d in found if d.kind != "word" or d in meaning]


def _difference(one: Sequence[str], other: Sequence[str], values: Collection[str]) -> Difference:
    """A changed place, called by what decides most in it."""
    order: tuple[DifferenceKind, ...] = ("code", "number", "negation", "metadata", "word")
    kinds = {kind_of(token.casefold(), values) for token in (*one, *other)}
    kind = next(kind for kind in order if kind in kinds)
    return Difference(kind, " ".join(one), " ".join(other))


def _connects(difference: Difference) -> bool:
    changed = f"{difference.one} {difference.other}".casefold().split()
    return all(word in FUNCTION_WORDS for word in changed)
