"""A metadata filter that separates the evidence from what outranked it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from whymiss.answering.lexical import terms
from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.embedding import with_clauses
from whymiss.diagnosis.repairs.change import Change
from whymiss.records import Clause, Query
from whymiss.retrieval.filters import document_fields

_NAMES = ("doc_id", "title", "source", "modified")


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
    asked = terms(case.scene.question.query.text)
    used = {clause.field for clause in case.scene.question.query.where}
    for field, value in sorted(_shared(case).items()):
        said = terms(value)
        named = bool(said) and said <= asked
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
            alter=lambda scene, f=field, v=value: with_clauses(scene, {f: v}),  # type: ignore[misc]
            for_query=rule,
        )


def _separates(case: Case, field: str, value: str) -> bool:
    """Whether most of what stands in front has another value, or none."""
    apart = [row for row in case.ahead if fields_of(case, row).get(field) != value]
    return bool(case.ahead) and len(apart) >= _MOST_APART * len(case.ahead)


def fields_of(case: Case, row: int) -> dict[str, Any]:
    """What a filter may ask of a row, but for its names."""
    chunk = case.chunks[row]
    document = case.scene.space.catalogue.documents.get(chunk.doc_id)
    own = dict(document_fields(document)) if document is not None else {}
    return {k: v for k, v in {**own, **chunk.metadata}.items() if k not in _NAMES}


def _shared(case: Case) -> dict[str, str]:
    """Fields of text that have one value in all chunks with evidence."""
    found = [fields_of(case, row) for row in case.gold]
    return {
        field: value
        for field, value in found[0].items()
        if isinstance(value, str) and all(other.get(field) == value for other in found)
    }


def _values(case: Case, field: str) -> list[str]:
    """Every value of a field in the index."""
    values = {fields_of(case, row).get(field) for row in range(len(case.chunks))}
    return sorted(value for value in values if isinstance(value, str))


def _rule(field: str, values: list[str]) -> Any:
    said = {value: terms(value) for value in values}

    def with_rule(query: Query) -> Query:
        asked = terms(query.text)
        named = [value for value, some in said.items() if some and some <= asked]
        # A question that names two values compares them, and wants both.
        if len(named) != 1:
            return query
        return replace(query, where=(*query.where, Clause(field=field, op="eq", value=named[0])))

    return with_rule
