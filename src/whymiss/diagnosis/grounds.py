"""Whether an answer rests on the evidence, and whether its citations point there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from whymiss.answering import sentence_support
from whymiss.answering.claims import claims
from whymiss.answering.lexical import Rarity, terms
from whymiss.answering.support import SUPPORTED
from whymiss.records import Answer, Context, Passage

SAYS: Final = 0.6
"""Share of the weighted words of a claim in the evidence, or of the evidence in the claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What an answer rests on.

    says : whether a claim of the answer repeats the evidence (or the expected answer).
    unsupported : claims that no passage supports.
    miscited : claims that repeat the evidence and cite no passage that supports them.
    abstained : the answer is an abstention.
    """

    says: bool
    unsupported: tuple[str, ...]
    miscited: tuple[str, ...]
    abstained: bool

    @property
    def sound(self) -> bool:
        """Whether there is nothing to object to."""
        return self.says and not self.unsupported and not self.miscited


def grounds_of(
    answer: Answer, context: Context, *, evidence: str, expected: str | None = None
) -> Grounds:
    """Hold an answer against what it should rest on; words are counted, not meaning.

    Parameters
    ----------
    evidence : what the labelled spans say.
    expected : the expected answer, where it is known.

    Examples
    --------
    >>> passage = Passage(number=1, chunk_ids=("c",), doc_id="faq", start=0, end=22,
    ...                   text="Refunds take ten days.")
    >>> context = Context(passages=(passage,), dropped=(), text="", n_tokens=0, budget=9)
    >>> answer = Answer(text="Refunds take ten days. [1]", generator="me")
    >>> grounds_of(answer, context, evidence="Refunds take ten days.").says
    True
    """
    if answer.abstained:
        return Grounds(says=False, unsupported=(), miscited=(), abstained=True)
    supports = {s.start: s for s in sentence_support(answer, context)}
    rarity = Rarity([terms(passage.text) for passage in context.passages])
    wanted = [found for found in (terms(evidence), terms(expected or "")) if found]
    said = [claim for claim in claims(answer.text) if terms(claim.text)]
    telling = [claim for claim in said if _repeats(terms(claim.text), wanted, rarity)]
    everything = frozenset[str]().union(*(terms(claim.text) for claim in said))
    passages = {passage.number: passage for passage in context.passages}
    return Grounds(
        says=bool(telling) or any(rarity.containment(w, everything) >= SAYS for w in wanted),
        unsupported=tuple(
            claim.text
            for claim in said
            if claim.start in supports and supports[claim.start].support < SUPPORTED
        ),
        miscited=tuple(
            claim.text
            for claim in telling
            if not _cites(answer, claim.start, claim.end, terms(claim.text), passages, rarity)
        ),
        abstained=False,
    )


def _repeats(claim: frozenset[str], wanted: Collection[frozenset[str]], rarity: Rarity) -> bool:
    return any(
        rarity.containment(claim, some) >= SAYS or rarity.containment(some, claim) >= SAYS
        for some in wanted
    )


def _cites(
    answer: Answer,
    start: int,
    end: int,
    claim: frozenset[str],
    passages: dict[int, Passage],
    rarity: Rarity,
) -> bool:
    """Whether a passage cited for the claim holds its words."""
    cited = [c.passage for c in answer.citations if c.start < end and start < c.end]
    return any(
        rarity.containment(claim, terms("\n".join((p.title, *p.headings, p.text)))) >= SUPPORTED
        for number in cited
        if (p := passages.get(number)) is not None
    )
