"""The generator that needs no language model: it quotes the sentences that answer best."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.answering.lexical import Rarity, terms
from whymiss.answering.prompt import ABSTENTION
from whymiss.answering.statements import Statement, statements
from whymiss.config import AnswerConfig
from whymiss.protocols import Encoder
from whymiss.records import Answer, Citation, Context, Passage, Query

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANDIDATES: Final = 16
"""Most statements that are encoded for one answer; on our own questions 48 found no more."""

COSINE_SHARE: Final = 0.6
"""What the encoder's cosine counts for in a statement's support; shared words have the rest."""

CLOSE: Final = 0.9
"""A further statement must score at least this share of the best one."""

REDUNDANT: Final = 0.7
"""A statement with this share of its terms among those quoted, and no new number, adds nothing."""

_SHORT: Final = 8
"""Words below which a statement is not understood without what it stands under."""

_FITTING: Final = 0.05
"""What the right kind of value (a date for "when") adds to a statement's score, not its support."""


class ExtractiveGenerator:
    """Quotes, word for word, the statements of the context that are closest to the question.

    A statement is a sentence, a list item, a table row (quoted below its header row) or a line of
    a list of names and values. Its *support* blends two views of question and statement: the
    cosine of their vectors (0.6) and the share of the question's terms that it or the heading or
    question above it holds, weighted by their rarity in the context (0.4). A statement of few
    words ("No, never.") is encoded with that heading. A question for a date, a duration or an
    amount slightly prefers statements that have one.

    The best statement is quoted when its support reaches `config.min_support`; up to
    `config.max_sentences` in all when they score at least 0.9 of the best and add words or numbers.
    Otherwise the generator abstains and says how close the best statement came.

    Support measures closeness to the question, not truth: a quote is always in the context, but it
    may miss the point of the question. No sentence is rewritten, joined or shortened.

    Parameters
    ----------
    encoder : any encoder; asked once for the question and once for at most 16 statements, those
        that share most with the question and, among equals, those of earlier passages.
    config : `min_support` and `max_sentences`.
    """

    def __init__(self, encoder: Encoder, config: AnswerConfig) -> None:
        self._encoder = encoder
        self._config = config

    @property
    def name(self) -> str:
        """What the trace calls it."""
        return "extractive"

    def generate(self, query: Query, context: Context) -> Answer:
        """The best statements with their citations, or an abstention with its reason."""
        found = _candidates(query.text, context)
        if not found:
            reason = "no passage states anything" if context.passages else "the context is empty"
            return self._abstention(reason)
        supports = self._supports(query.text, found)
        scores = supports + _FITTING * np.array([_fits(query.text, c.text) for c in found])
        best = int(np.argmax(np.where(supports >= self._config.min_support, scores, -1.0)))
        if supports[best] < self._config.min_support:
            return self._abstention(
                f"the closest statement supports the question at {supports.max():.2f}, below "
                f"min_support {self._config.min_support:.2f}"
            )
        ranked = sorted(range(len(found)), key=lambda i: (i != best, -scores[i], i))
        enough = max(self._config.min_support, CLOSE * float(scores[best]))
        chosen = [found[i] for i in ranked if i == best or scores[i] >= enough]
        return self._answer(_varied(chosen, self._config.max_sentences))

    def _supports(self, question: str, found: Sequence[_Candidate]) -> NDArray[np.float64]:
        asked = self._encoder.encode_queries([question])[0]
        vectors = self._encoder.encode_documents([c.encoded for c in found])
        cosines = np.clip(vectors @ asked, 0.0, 1.0).astype(np.float64)
        overlaps = np.array([c.overlap for c in found], dtype=np.float64)
        supports: NDArray[np.float64] = COSINE_SHARE * cosines + (1 - COSINE_SHARE) * overlaps
        return supports

    def _abstention(self, reason: str) -> Answer:
        return Answer(text=ABSTENTION, abstained=True, reason=reason, generator=self.name)

    def _answer(self, chosen: Sequence[_Candidate]) -> Answer:
        lines: list[str] = []
        citations: list[Citation] = []
        start = 0
        for candidate in chosen:
            quote = candidate.quote
            citations.append(
                Citation(
                    start=start,
                    end=start + len(quote),
                    passage=candidate.passage.number,
                    chunk_id=candidate.passage.chunk_ids[0],
                    doc_id=candidate.passage.doc_id,
                )
            )
            lines.append(f"{quote} [{candidate.passage.number}]")
            start += len(lines[-1]) + 1
        return Answer(text="\n".join(lines), citations=tuple(citations), generator=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    passage: Passage
    statement: Statement
    overlap: float

    @property
    def text(self) -> str:
        return self.passage.text[self.statement.start : self.statement.end]

    @property
    def header(self) -> str:
        return self.passage.text[slice(*self.statement.header)] if self.statement.header else ""

    @property
    def quote(self) -> str:
        return f"{self.header}\n{self.text}" if self.header else self.text

    @property
    def encoded(self) -> str:
        return "\n".join(
            part for part in (_topic(self.passage, self.statement), self.quote) if part
        )


def _topic(passage: Passage, statement: Statement) -> str:
    """The words a statement stands under: in the passage, else the headings it was found under."""
    return statement.topic or " ".join(passage.headings[-1:]) or passage.title


def _candidates(question: str, context: Context) -> list[_Candidate]:
    """Statements worth encoding, in reading order."""
    pieces = [(p, s) for p in context.passages for s in statements(p.text)]
    said = [terms(p.text[s.start : s.end]) for p, s in pieces]
    rarity = Rarity(said)
    asked = terms(question)
    found = [
        _Candidate(
            passage=passage,
            statement=statement,
            overlap=rarity.containment(asked, own | terms(_topic(passage, statement))),
        )
        for (passage, statement), own in zip(pieces, said, strict=True)
    ]
    kept = sorted(range(len(found)), key=lambda i: (-found[i].overlap, i))[:CANDIDATES]
    return [found[i] for i in sorted(kept)]


_MONTHS: Final = "january|february|march|april|june|july|august|september|october|november|december"
# What questions ask for, and what such a value looks like. "may" alone is rarely a month.
_ASKED_FOR: Final = (
    (
        re.compile(r"\b(?:when|what (?:date|day|time)|how long|until|since|deadline)\b", re.I),
        re.compile(
            rf"\d-\d\d|\d:\d\d|\b(?:19|20)\d\d\b|\d may\b|\bmay \d|\b(?:{_MONTHS})\b"
            r"|\b(?:minute|hour|day|week|month|year)s?\b",
            re.I,
        ),
    ),
    (
        re.compile(r"\bhow (?:much|many)\b|\b(?:price|cost|fee|number of|limit|maximum)\b", re.I),
        re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve)\b", re.I),
    ),
)


def _fits(question: str, statement: str) -> bool:
    """Whether the statement holds the kind of value that the question asks for."""
    return any(asked.search(question) and given.search(statement) for asked, given in _ASKED_FOR)


def _varied(ranked: Sequence[_Candidate], most: int) -> list[_Candidate]:
    """The first, and those after it that do not repeat what is already quoted."""
    chosen: list[_Candidate] = []
    known: frozenset[str] = frozenset()
    for candidate in ranked:
        own = terms(candidate.text)
        # A second price or date is news even where all words around it are the same.
        news = [term for term in own - known if any(c.isdigit() for c in term)]
        if chosen and not news and len(own & known) >= REDUNDANT * len(own):
            continue
        chosen.append(candidate)
        known |= own
        if len(chosen) == most:
            break
    return chosen
