"""What a ledger says: the parts of one score, and of the margin between two."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from whymiss.errors import InvalidRecordError
from whymiss.text import Interval

View = Literal["terms", "lists", "question tokens", "passage tokens"]
"""How a score is taken apart. Passage tokens of two chunks have nothing to be paired by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One term, token, word or list, and what it adds to a score.

    question, passage, prefix : where it stands: characters of the question, of the document, and of
        the chunk's prefix. One that the encoder adds itself stands nowhere.
    effect : how much the score falls when this alone is left out and all else is kept; None where
        that is not known.
    numbers : what the value was computed from, such as tf, idf, rank or similarity.
    """

    name: str
    value: float
    question: tuple[Interval, ...] = ()
    passage: tuple[Interval, ...] = ()
    prefix: tuple[Interval, ...] = ()
    effect: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one chunk stands at one stage.

    stage : one of `whymiss.stages`, or "reranker": the reranker's own score, where "rerank" is the
        order that is made of it.
    score : as the run has it; for a chunk that is not among its candidates, what it would score.
        None where the chunk has no score of this stage.
    rank : among the candidates of the run, `n` of them; None where it is not among them.
    would_be : the rank it would have, were no list cut; None where it has one, or none is told.
    """

    stage: str
    chunk_id: str
    score: float | None
    rank: int | None = None
    n: int = 0
    would_be: int | None = None
    note: str = ""

    @property
    def retrieved(self) -> bool:
        """Whether it is among the candidates of this stage."""
        return self.rank is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """One score of one chunk, taken apart.

    exact : whether the parts sum to the score by definition; where not, `note` says what they are.
    """

    standing: Standing
    score: float
    view: View
    parts: tuple[Part, ...]
    exact: bool = True
    note: str = ""

    @property
    def stage(self) -> str:
        """The stage whose score this is."""
        return self.standing.stage

    @property
    def chunk_id(self) -> str:
        """The chunk whose score this is."""
        return self.standing.chunk_id

    @property
    def residual(self) -> float:
        """What of the score no part accounts for."""
        return self.score - math.fsum(part.value for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a contrast: a part of either chunk's score, or of one of them alone."""

    name: str
    chunk: Part | None
    against: Part | None

    @property
    def difference(self) -> float:
        """What it adds to the margin."""
        return _value(self.chunk) - _value(self.against)

    @property
    def question(self) -> tuple[Interval, ...]:
        """Where it stands in the question."""
        found = self.chunk or self.against
        return found.question if found else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The ledgers of two chunks at one stage, in one view: their parts side by side.

    Examples
    --------
    >>> def ledger(chunk_id, **values):
    ...     parts = tuple(Part(name=name, value=value) for name, value in values.items())
    ...     score = sum(values.values())
    ...     standing = Standing(stage="bm25", chunk_id=chunk_id, score=score)
    ...     return Ledger(standing=standing, score=score, view="terms", parts=parts)
    >>> found = Contrast(chunk=ledger("a", plan=2.0, year=0.5), against=ledger("b", plan=1.0))
    >>> found.margin, [(row.name, row.difference) for row in found.rows]
    (1.5, [('plan', 1.0), ('year', 0.5)])
    """

    chunk: Ledger
    against: Ledger

    def __post_init__(self) -> None:
        one, other = self.chunk, self.against
        if (one.stage, one.view) != (other.stage, other.view):
            raise InvalidRecordError(
                f"Contrast needs two ledgers of one stage and view; got {one.stage} {one.view} "
                f"and {other.stage} {other.view}."
            )

    @property
    def stage(self) -> str:
        """The stage of both."""
        return self.chunk.stage

    @property
    def view(self) -> View:
        """The view of both."""
        return self.chunk.view

    @property
    def exact(self) -> bool:
        """Whether both ledgers are exact."""
        return self.chunk.exact and self.against.exact

    @property
    def margin(self) -> float:
        """How far the chunk's score is above (or, negative, below) the other's."""
        return self.chunk.score - self.against.score

    @property
    def rows(self) -> tuple[Row, ...]:
        """Parts of either, paired by name and place in the question; their differences sum up."""
        if self.view == "passage tokens":
            mine = [Row(name=part.name, chunk=part, against=None) for part in self.chunk.parts]
            theirs = [Row(name=part.name, chunk=None, against=part) for part in self.against.parts]
            return (*mine, *theirs)
        pairs: dict[tuple[str, tuple[Interval, ...]], list[Part | None]] = {}
        for side, ledger in enumerate((self.chunk, self.against)):
            for part in ledger.parts:
                pairs.setdefault((part.name, part.question), [None, None])[side] = part
        return tuple(
            Row(name=name, chunk=chunk, against=against)
            for (name, _), (chunk, against) in pairs.items()
        )

    @property
    def residual(self) -> float:
        """What of the margin no part accounts for."""
        return self.margin - math.fsum(row.difference for row in self.rows)


def _value(part: Part | None) -> float:
    return part.value if part is not None else 0.0
