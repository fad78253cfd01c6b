"""JSON: an API description, a list of objects, or one value, all as readable lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from whymiss.documents.encoding import decode
from whymiss.documents.loaders import openapi
from whymiss.documents.loaders.text import notes
from whymiss.documents.parsed import Parsed, clean, title_from_name
from whymiss.errors import DocumentError

_DEPTH = 50


def load(data: bytes, name: str) -> Parsed:
    r"""One block `key: value` per object, nested keys joined by dots.

    >>> print(load(b'[{"id": 1, "owner": {"team": "A"}}, {"id": 2}]', "issues.json").text)
    Issues
    <BLANKLINE>
    id: 1
    owner.team: A
    <BLANKLINE>
    id: 2
    <BLANKLINE>
    """
    decoded = decode(data)
    warnings, problems = notes(decoded)
    values, lost = _values(clean(decoded.text), name)
    problems = (*problems, *lost)
    if len(values) == 1 and openapi.is_openapi(values[0]):
        return openapi.rendered(values[0], warnings=warnings, problems=problems)
    items = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    title = title_from_name(name)
    if items and all(not isinstance(item, (dict, list)) for item in items):
        body = "\n".join(_shown(item) for item in items)  # a list of scalars: one a line
    else:
        body = "\n\n".join("\n".join(_lines(item)) for item in items)
    return Parsed(
        text=clean(f"{title}\n\n{body}\n"),
        title=title,
        metadata={"items": len(items)},
        warnings=warnings,
        problems=problems,
    )


def _values(text: str, name: str) -> tuple[list[Any], tuple[str, ...]]:
    """The values in the file, and what is wrong with single lines of a .jsonl file."""
    try:
        return [json.loads(text)], ()
    except RecursionError as error:
        raise DocumentError("nested too deep to be read") from error
    except ValueError as error:
        whole_file = str(error)
    if not name.lower().endswith((".jsonl", ".ndjson")):
        raise DocumentError(f"not JSON: {whole_file}")
    values, broken = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            values += [json.loads(line)] if line.strip() else []
        except (ValueError, RecursionError):
            broken.append(number)
    if not values:
        raise DocumentError(f"not JSON: {whole_file}")
    shown = ", ".join(map(str, broken[:10]))
    return values, ((f"{len(broken)} lines are not JSON: {shown}",) if broken else ())


def _lines(value: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    if depth > _DEPTH:
        raise DocumentError(f"nested deeper than {_DEPTH}")
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _lines(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        for number, item in enumerate(value, start=1):
            yield from _lines(item, f"{path}[{number}]", depth + 1)
    elif value not in (None, "", [], {}):
        shown = ", ".join(map(_shown, value)) if isinstance(value, list) else _shown(value)
        yield f"{path}: {shown}" if path else shown


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    return json.dumps(value)
