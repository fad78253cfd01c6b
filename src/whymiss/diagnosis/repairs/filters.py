"""A metadata filter that separates the evidence from what outranked it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from whymiss.diagnosis.case import Case, names
from whymiss.diagnosis.causes.embedding import with_clauses
from whymiss.diagnosis.repairs.change import Change, Rule
from whymiss.records import Clause, Query

_MOST_APART: Final = 0.5
"""Of what stands in front, so much has another value in a field that separates."""

_NO_RULE: Final = "the question does not name the value, so there is no rule for other questions"


def filters(case: Case) -> Iterator[Change]:
    """A filter for every field that separates the evidence from what outranked it.

    Where the question names the value there is a rule for other questions: one that names a value
    of the field is asked with that value. Where it does not, somebody has to know what is meant,
    and nothing is priced.
    """
    if not case.lost or not case.gold:
        return
    used = {clause.field for clause in case.scene.question.query.where}
    for field, value in sorted(_shared(case).items()):
        named = case.named(value)
        if field in used or not (named or _separates(case, field, value)):
            continue
        clause = Clause(field=field, op="eq", value=value)
        rule = _rule(field, _values(case, field)) if named else None
        yield Change(
            unpriced="" if named else _NO_RULE,
            title=f"filter {field} = {value}",
            kind="filter",
            code=f"wb.ask({case.scene.question.query.text!r}, where={{{field!r}: {value!r}}})",
            where=(clause,),
            alter=partial(with_clauses, values={field: value}),
            for_query=rule,
        )


def _separates(case: Case, field: str, value: str) -> bool:
    """Whether most of what stands in front has another value, or none."""
    apart = [row for row in case.ahead if case.marks(row).get(field) != value]
    return bool(case.ahead) and len(apart) >= _MOST_APART * len(case.ahead)


def _shared(case: Case) -> dict[str, str]:
    """Fields of text that have one value in all chunks with evidence."""
    first, *others = [case.marks(row) for row in case.gold]
    return {f: value for f, value in first.items() if all(o.get(f) == value for o in others)}


def _values(case: Case, field: str) -> list[str]:
    """Every value of a field in the index."""
    values = {case.marks(row).get(field) for row in range(len(case.chunks))}
    return sorted(value for value in values if value is not None)


def _rule(field: str, values: list[str]) -> Rule:
    def with_rule(query: Query) -> Query:
        named = [value for value in values if names(query.text, value)]
        # A question that names two values compares them, and wants both.
        if len(named) != 1:
            return query
        return replace(query, where=(*query.where, Clause(field=field, op="eq", value=named[0])))

    return with_rule
