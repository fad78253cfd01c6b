"""Who asks and under which filter, as a person writes it in one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whymiss.frames import clause_text
from whymiss.records import Clause
from whymiss.retrieval import parse_where


def names_of(text: str) -> tuple[str, ...]:
    """Names between commas.

    >>> names_of("support, ann ,")
    ('support', 'ann')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def where_of(text: str, before: Iterable[Clause] = ()) -> tuple[Clause, ...]:
    """Clauses between semicolons; one that reads as a clause of before is that clause.

    Raises
    ------
    FilterError : one is not understood.

    >>> several = Clause(field="plan", op="in", value=("annual", "monthly"))
    >>> where_of("plan in annual, monthly; year>=2024", [several])[0] == several
    True
    """
    known = {clause_text(clause): clause for clause in before}
    parts = (part.strip() for part in text.split(";"))
    given: list[Any] = [known.get(part, part) for part in parts if part]
    return parse_where(given)


def where_text(where: Iterable[Clause]) -> str:
    """Clauses as a person writes them, between semicolons."""
    return "; ".join(map(clause_text, where))
