"""Metadata filters and permissions: what a query may see, decided before anything is searched.

A filter is a list of literal comparisons, never text that a database parses, so there is nothing
to inject into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from whymiss.errors import FilterError
from whymiss.records import Clause, Document, Operator

_SYMBOLS: Final[dict[str, Operator]] = {
    "!=": "ne", "<=": "le", ">=": "ge", "=": "eq", "<": "lt", ">": "gt",
}  # fmt: skip
_CLAUSE: Final = re.compile(r"\s*([\w.\- ]+?)\s*(!=|<=|>=|=|<|>)\s*(.*)", re.DOTALL)
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")

Where = Mapping[str, Any] | Iterable[Clause | str] | Clause | str | None


def parse_where(where: Where) -> tuple[Clause, ...]:
    """Clauses from a mapping, from "field=value" texts, or from clauses.

    In a mapping a plain value means equality, a list means any of these, and a mapping names
    operators: `{"plan_type": "annual", "year": {"ge": 2024}}`. In a text everything after the
    first operator, and the white space around it, is the literal value; numbers and true/false
    are also compared as such.

    Raises
    ------
    FilterError : an operator or value that is not understood.

    >>> [c.op for c in parse_where({"plan": ["annual", "monthly"], "year": {"ge": 2024}})]
    ['in', 'ge']
    >>> parse_where(["title=a' OR 1=1"])[0].value
    "a' OR 1=1"
    """
    if where is None:
        return ()
    if isinstance(where, Mapping):
        return tuple(clause for key, value in where.items() for clause in _of_pair(key, value))
    if isinstance(where, (str, Clause)):
        where = [where]
    if not isinstance(where, Iterable):
        raise FilterError(
            f"a filter is a mapping, or a list of texts or clauses; got {type(where).__name__}."
        )
    return tuple(c if isinstance(c, Clause) else _of_text(c) for c in where)


def _of_pair(field: str, value: Any) -> list[Clause]:
    if isinstance(value, Mapping):
        if not value:
            raise FilterError(f"the filter on {field!r} names no operator; leave it out.")
        return [Clause(field=field, op=op, value=v) for op, v in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [Clause(field=field, op="in", value=tuple(value))]
    return [Clause(field=field, op="eq", value=value)]


def _of_text(text: str) -> Clause:
    match = _CLAUSE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise FilterError(
            f"a filter reads field=value (or !=, <, <=, >, >=); got {text!r}. "
            "Example: plan_type=annual."
        )
    field, symbol, value = match.groups()
    if value.startswith("="):
        raise FilterError(
            f"a filter has one operator; got {text!r}. Write field=value; a value that begins with "
            '"=" is given as a mapping: {"field": "=value"}.'
        )
    return Clause(field=field, op=_SYMBOLS[symbol], value=value)


def satisfies(metadata: Mapping[str, Any], clause: Clause) -> bool:
    """Whether metadata fulfils one clause, by literal comparison.

    A number and its text are equal ("2024" and 2024), so that filters typed in a terminal work;
    order compares numbers with numbers and text with text. Values that cannot be ordered against
    each other do not fulfil the clause.

    >>> satisfies({"tags": ("a", "b")}, Clause(field="tags", op="eq", value="b"))
    True
    >>> satisfies({}, Clause(field="tags", op="eq", value="b"))
    False
    """
    found = metadata.get(clause.field)
    values = [v for v in (found if isinstance(found, tuple) else (found,)) if v is not None]
    if clause.op == "ne":
        return not any(_same(v, clause.value) for v in values)
    if clause.op == "eq":
        return any(_same(v, clause.value) for v in values)
    if clause.op == "in":
        return any(_same(v, wanted) for v in values for wanted in clause.value)
    return any(_ordered(v, clause.op, clause.value) for v in values)


def document_fields(document: Document) -> dict[str, Any]:
    """What a filter may ask of a document: its metadata, and doc_id, title, source, modified.

    Metadata of the same name goes first.
    """
    return {
        "doc_id": document.doc_id,
        "title": document.title,
        "source": document.source,
        "modified": document.modified,
        **document.metadata,
    }


def _same(left: Any, right: Any) -> bool:
    return _plain(left) == _plain(right)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _ordered(left: Any, op: Operator, right: Any) -> bool:
    pair = _comparable(left, right)
    if pair is None:
        return False
    a, b = pair
    return bool({"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[op])


def _comparable(left: Any, right: Any) -> tuple[Any, Any] | None:
    numbers = _number(left), _number(right)
    if None not in numbers:
        return numbers
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    return None


def _number(value: Any) -> Decimal | None:
    # Decimal: a number of any length in somebody's metadata compares exactly and never overflows.
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return Decimal(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None
