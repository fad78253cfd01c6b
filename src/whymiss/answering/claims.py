"""The claims of an answer and the passages each of them cites."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from whymiss.answering.prompt import ABSTENTION
from whymiss.chunking.sentences import sentence_starts
from whymiss.records import Citation, Context
from whymiss.text import locate_quote, normalise_whitespace

# [1], [1, 2], [1-3] and the wide brackets that some models write.
_MARKER: Final = re.compile(r"[\[【]\s*\d{1,4}(?:\s*[,;–-]\s*\d{1,4})*\s*[\]】]")
_NUMBERS: Final = re.compile(r"(?P<first>\d+)(?:\s*[–-]\s*(?P<last>\d+))?")
_LIST_MARK: Final = re.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)])\s+")
_LONGEST_RANGE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence [start, end) of an answer, its words without markers, and what it cites."""

    start: int
    end: int
    text: str
    cited: tuple[int, ...] = ()


def claims(text: str) -> tuple[Claim, ...]:
    """The sentences of an answer, each with the passage numbers cited in or right after it.

    Every line is split by itself. A marker belongs to the sentence it stands in or follows on its
    line; at the beginning of a line, to the sentence after it; alone on a line, to the one before.

    >>> [(c.text, c.cited) for c in claims("Ten days [1]. Cards are faster. [2][3]")]
    [('Ten days.', (1,)), ('Cards are faster.', (2, 3))]
    """
    masked = _MARKER.sub(lambda match: " " * len(match.group()), text)
    bounds: list[tuple[int, int]] = []
    for line in re.finditer(r"[^\n]+", masked):
        bounds.extend(_sentences(masked, *line.span()))
    cited: list[list[int]] = [[] for _ in bounds]
    for marker in _MARKER.finditer(text):
        owner = _owner(text, bounds, marker.start())
        if owner is not None:
            cited[owner].extend(_numbers(marker.group()))
    return tuple(
        Claim(
            start=start,
            end=end,
            text=re.sub(r"\s+(?=[.,;:!?])", "", normalise_whitespace(masked[start:end])),
            cited=tuple(dict.fromkeys(numbers)),
        )
        for (start, end), numbers in zip(bounds, cited, strict=True)
    )


def cited(text: str, context: Context) -> tuple[tuple[Citation, ...], tuple[int, ...]]:
    """Citations of an answer's text into a context, and cited numbers that no passage has.

    A passage made of several chunks is cited by its best-ranked one.
    """
    passages = {passage.number: passage for passage in context.passages}
    citations: list[Citation] = []
    unknown: list[int] = []
    for claim in claims(text):
        for number in claim.cited:
            passage = passages.get(number)
            if passage is None:
                unknown.append(number)
                continue
            citations.append(
                Citation(
                    start=claim.start,
                    end=claim.end,
                    passage=number,
                    chunk_id=passage.chunk_ids[0],
                    doc_id=passage.doc_id,
                )
            )
    return tuple(citations), tuple(dict.fromkeys(unknown))


def is_abstention(text: str) -> bool:
    """Whether an answer is the abstention sentence and nothing else but markers and punctuation.

    >>> is_abstention("the passages do not answer this question [1]")
    True
    >>> is_abstention("The passages do not answer this question. It costs EUR 5.")
    False
    """
    plain = _MARKER.sub(" ", text)
    found = locate_quote(plain, ABSTENTION.rstrip("."))
    if not found:
        return False
    start, end = found[0]
    return re.search(r"\w", plain[:start] + plain[end:]) is None


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    mark = _LIST_MARK.match(text, start, end)
    start = mark.end() if mark else start
    line = text[start:end]
    starts = [int(place) for place in sentence_starts(line)]
    spans = [
        (start + first, start + first + len(line[first:last].rstrip()))
        for first, last in pairwise([*starts, len(line)])
    ]
    return [(a, b) for a, b in spans if re.search(r"\w", text[a:b])]


def _owner(text: str, bounds: Sequence[tuple[int, int]], at: int) -> int | None:
    """Which sentence a marker at this place belongs to."""
    before = [i for i, (start, _) in enumerate(bounds) if start <= at]
    after = [i for i, (start, _) in enumerate(bounds) if start > at]
    if before and "\n" not in text[bounds[before[-1]][0] : at]:
        return before[-1]
    if after and "\n" not in text[at : bounds[after[0]][0]]:
        return after[0]
    return before[-1] if before else after[0] if after else None


def _numbers(marker: str) -> list[int]:
    numbers: list[int] = []
    for match in _NUMBERS.finditer(marker):
        first, last = int(match["first"]), int(match["last"] or match["first"])
        is_range = first <= last < first + _LONGEST_RANGE
        numbers.extend(range(first, last + 1) if is_range else (first, last))
    return numbers
