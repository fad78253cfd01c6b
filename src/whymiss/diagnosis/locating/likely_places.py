"""Places of a corpus that resemble a quote or an expected answer, best first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Final

from whymiss.answering.lexical import Rarity, terms
from whymiss.answering.statements import Statement, statements
from whymiss.diagnosis.records import Candidate
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Document
from whymiss.text import Interval, intersection_length, merge_spans

BLOCK: Final = 600
"""Characters in which terms are counted together; three sentences seldom take more."""

REGIONS: Final = 64
"""Stretches of the corpus that are read carefully; on our own questions more found no more."""

SENTENCES: Final = 3
"""Most sentences of one candidate."""

FURTHER: Final = 0.03
"""What a further sentence must add to the match; else the shorter candidate is better."""

QUESTION: Final = 0.5
"""What a term of the question counts for beside one of the expected answer: an answer is often
put in few words ("No, on Fleet only"), and only the question says what it is about."""

SURROUNDINGS: Final = 0.5
"""What a term counts for that stands in the document's title or the heading above alone."""

_SOUGHT: Final = 24
"""Terms that regions are sought by: the longest, which are the rarest."""

_WORD: Final = re.compile(r"[^\W_]+")
_LINE: Final = re.compile(r"[^\n]*\S")


def resembling(
    answer: str, documents: Iterable[Document], *, question: str = "", limit: int = 5
) -> list[Candidate]:
    """Passages of one to three sentences that say most of what an expected answer says.

    The match is the share of the terms' weight that a passage holds, from 0 to 1. A term weighs by
    its rarity in the corpus; one of the question alone counts half, and one that only the heading
    or the document's title holds counts half. Words must be the same but for their endings: what
    says the same in other words is not found.

    Parameters
    ----------
    documents : where to look; 3 MB of text take a fraction of a second.
    question : what was asked, in which an answer of few words is often understood alone.
    limit : most candidates; no two of them overlap.

    Examples
    --------
    >>> faq = Document(doc_id="faq", text="Refunds take ten days. Cards are quicker. Ask us.")
    >>> [(c.text, round(c.match, 2)) for c in resembling("A refund takes ten days", [faq])]
    [('Refunds take ten days.', 1.0)]
    """
    shares = _shares(terms(answer), terms(question))
    if not shares:
        return []
    blocks = _Blocks(documents, shares, BLOCK)
    found: list[Candidate] = []
    for document, start, end in blocks.regions(shares, REGIONS):
        found += _passages(document, (start, end), blocks.weights(shares))
    return _best(found, limit)


def aligned(quote: str, documents: Iterable[Document], *, limit: int = 5) -> list[Candidate]:
    """Passages that read like a quote: the same words in the same order, some of them changed.

    The match is twice the words that both have in the same order, divided by the words of both
    (Ratcliff and Obershelp 1988, as in `difflib`). Case and punctuation do not count.

    Parameters
    ----------
    documents, limit : as in `resembling`.

    Examples
    --------
    >>> faq = Document(doc_id="faq", text="Most refunds are paid within ten days. Ask us.")
    >>> [(c.text, round(c.match, 2)) for c in aligned("Refunds are paid in ten days", [faq])]
    [('refunds are paid within ten days', 0.83)]
    """
    wanted = [match.group().casefold() for match in _WORD.finditer(quote)]
    shares = _shares(terms(quote) or frozenset(wanted))
    if not shares:
        return []
    width = max(BLOCK, len(quote))
    found = [
        candidate
        for document, start, end in _Blocks(documents, shares, width).regions(shares, REGIONS // 4)
        for candidate in _alignments(document, (start, end), wanted)
    ]
    return _best(found, limit)


def _shares(wanted: Set[str], besides: Set[str] = frozenset()) -> dict[str, float]:
    """What each term counts for before its rarity.

    In alphabetical order: sums of fractions depend on their order in the last digit, and the
    order of a set on the process.
    """
    return {t: 1.0 if t in wanted else QUESTION for t in sorted(wanted | besides)}


def _best(found: Iterable[Candidate], limit: int) -> list[Candidate]:
    """The best candidates, none of which overlaps a better one."""
    chosen: list[Candidate] = []
    for candidate in sorted(found, key=lambda c: (-c.match, c.span.doc_id, c.span.interval)):
        if candidate.match > 0 and not any(overlapping(candidate, other) for other in chosen):
            chosen.append(candidate)
        if len(chosen) == limit:
            break
    return chosen


def overlapping(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates share characters of a document."""
    same = one.span.doc_id == other.span.doc_id
    return same and intersection_length(one.span.interval, other.span.interval) > 0


@dataclass(frozen=True, slots=True)
class _Held:
    """A document, the terms its title holds, and those of each block by the block's number."""

    document: Document
    title: frozenset[str]
    blocks: Mapping[int, set[str]]


class _Blocks:
    """Which of a few terms begin in which stretches of `width` characters of each document.

    A plain search for the beginnings of words, so that no text has to be taken apart: what it
    finds wrongly (a word that only begins alike) the careful comparison puts right.
    """

    def __init__(self, documents: Iterable[Document], wanted: Collection[str], width: int) -> None:
        self._width = width
        self._wanted = frozenset(wanted)
        sought = sorted(wanted, key=lambda term: (-len(term), term))[:_SOUGHT]
        self._held: list[_Held] = []
        every: list[frozenset[str]] = []
        for document in documents:
            blocks = _blocks_of(document.text, sought, width)
            self._held.append(_Held(document, self._wanted & terms(document.title), blocks))
            n_blocks = len(document.text) // width + 1
            every += [frozenset(blocks.get(number, ())) for number in range(n_blocks)]
        self._rarity = Rarity(every)

    def weights(self, shares: Mapping[str, float]) -> dict[str, float]:
        """What holding each term adds to the match; together 1."""
        weighed = {term: share * self._rarity.weight(term) for term, share in shares.items()}
        total = sum(weighed.values())
        return {term: weight / total for term, weight in weighed.items()}

    def regions(
        self, shares: Mapping[str, float], most: int
    ) -> Iterator[tuple[Document, int, int]]:
        """The stretches, each of two blocks or more, that hold the most weight."""
        weights = self.weights(shares)
        scored: list[tuple[float, int, int]] = []
        for place, held in enumerate(self._held):
            for number in held.blocks.keys() | {number - 1 for number in held.blocks}:
                own = held.blocks.get(number, set()) | held.blocks.get(number + 1, set())
                scored.append((_weight(own, held.title, weights), place, number))
        scored.sort(key=lambda item: (-item[0], item[1:]))
        spans: dict[int, list[Interval]] = defaultdict(list)
        for _, place, number in scored[:most]:
            start = max(0, number * self._width)
            spans[place].append((start, (number + 2) * self._width))
        for place, found in spans.items():
            document = self._held[place].document
            for start, end in merge_spans(found):
                yield document, start, min(end, len(document.text))


def _weight(own: Collection[str], around: Collection[str], weights: Mapping[str, float]) -> float:
    return sum(
        weight if term in own else SURROUNDINGS * weight
        for term, weight in weights.items()
        if term in own or term in around
    )


def _blocks_of(text: str, sought: Sequence[str], width: int) -> dict[int, set[str]]:
    lowered = text.lower()
    if len(lowered) != len(text):
        # The one letter whose small form is two characters: dotted capital I.
        lowered = text.replace("\u0130", "i").lower()
    blocks: dict[int, set[str]] = defaultdict(set)
    for term in sought:
        # The stem of "policy" and "policies" is "polici".
        beginning = term[:-1] if term.endswith("i") and len(term) > 3 else term
        at = lowered.find(beginning)
        while at >= 0:
            if at == 0 or not lowered[at - 1].isalnum():
                blocks[at // width].add(term)
                # The rest of a block in which the term is known need not be searched.
                at = max(at, (at // width + 1) * width - 1)
            at = lowered.find(beginning, at + 1)
    return blocks


def _passages(
    document: Document, region: Interval, weights: Mapping[str, float]
) -> Iterator[Candidate]:
    """Every run of up to three sentences that begins in the region or around it."""
    start, text = _whole_lines(document.text, region)
    pieces = [short for piece in statements(text) for short in _short(piece, text)]
    said = [terms(text[piece.start : piece.end]) for piece in pieces]
    title = terms(document.title)
    for first, piece in enumerate(pieces):
        around = title | terms(piece.topic)
        own: frozenset[str] = frozenset()
        for n, last in enumerate(pieces[first : first + SENTENCES]):
            if n and last.end - piece.start > BLOCK:
                break
            own |= said[first + n]
            match = _weight(own, around, weights) - FURTHER * n
            yield _candidate(document, (start + piece.start, start + last.end), match, "words")


def _short(piece: Statement, text: str) -> Iterator[Statement]:
    """The statement; its lines where it is as long as rows of a table taken for one sentence."""
    if piece.end - piece.start <= BLOCK:
        yield piece
        return
    for line in _LINE.finditer(text, piece.start, piece.end):
        yield replace(piece, start=line.start(), end=line.end())


def _whole_lines(text: str, region: Interval) -> tuple[int, str]:
    """The region with a block before and after it, from the beginning of a line to the end of one.

    Returns where it starts, and its text.
    """
    start = text.rfind("\n", 0, max(0, region[0] - BLOCK)) + 1
    end = text.find("\n", min(len(text), region[1] + BLOCK))
    return start, text[start : end if end >= 0 else len(text)]


def _alignments(document: Document, region: Interval, wanted: Sequence[str]) -> Iterator[Candidate]:
    # Words stand for characters here: a region is whole words, and its ends may lie inside one.
    start, text = _whole_lines(document.text, region)
    places = [match.span() for match in _WORD.finditer(text)]
    given = [text[a:b].casefold() for a, b in places]
    # Popular words anchor nothing where the second text is long: that must be the quote, as a
    # short quote may consist of nothing else.
    matcher = SequenceMatcher(None, given, wanted)
    blocks = [(a, size) for a, _, size in matcher.get_matching_blocks() if size]
    if not blocks:
        return
    match, first, last = _best_run(blocks, len(wanted))
    span = (start + places[first][0], start + places[last][1])
    yield _candidate(document, span, match, "fuzzy")


def _best_run(blocks: Sequence[tuple[int, int]], n_wanted: int) -> tuple[float, int, int]:
    """The run of matching blocks (first word, words) that reads most like the quote.

    A block far away from the others would only widen the passage.

    Returns
    -------
    (match, first, last)
        The last two are words of the region.
    """
    best = (0.0, 0, 0)
    for at, (first, _) in enumerate(blocks):
        same = 0
        for begin, size in blocks[at:]:
            same += size
            end = begin + size
            best = max(best, (2 * same / (end - first + n_wanted), -first, end - 1))
    match, first, last = best
    return match, -first, last


def _candidate(document: Document, span: Interval, match: float, how: str) -> Candidate:
    start, end = span
    text = document.text[start:end]
    evidence = EvidenceSpan(doc_id=document.doc_id, start=start, end=end, quote=text)
    return Candidate(span=evidence, text=text, match=match, how=how)
