"""JSON schemas of an API description as field lists that people can read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

_DEPTH = 3
_MAX_LINES = 300
_BOUNDS = (
    ("format", "{}"), ("default", "default {}"), ("minimum", "at least {}"),
    ("maximum", "at most {}"), ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"), ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"), ("pattern", "pattern `{}`"), ("example", "for example {}"),
)  # fmt: skip


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one: descriptions leave out what they like."""
    return value if isinstance(value, Mapping) else {}


class Resolver:
    """Follows local references of one description; others are collected as missing."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = spec
        self.missing: set[str] = set()

    def resolve(self, value: Any) -> Mapping[str, Any]:
        """The mapping behind a reference, or the value itself; {} for a circle or nothing."""
        seen: set[str] = set()
        while isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
            ref = value["$ref"]
            if ref in seen:
                return {}
            seen.add(ref)
            value = self._target(ref)
        return mapping(value)

    def _target(self, ref: str) -> Any:
        node: Any = self._spec
        for step in ref.removeprefix("#/").split("/") if ref.startswith("#/") else [""]:
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            node = mapping(node).get(key)
        if node is None:
            self.missing.add(ref)
        return node


def describe(schema: Any, resolver: Resolver, depth: int = 0) -> str:
    """The type of a schema on one line: "array of Job", "string (date), one of a, b".

    >>> describe({"type": "array", "items": {"type": "string", "enum": ["a"]}}, Resolver({}))
    'array of string, one of a'
    """
    name = _name(schema)
    resolved = resolver.resolve(schema)
    if depth > _DEPTH:
        return name or "object"
    for key, word in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
        options = resolved.get(key)
        if isinstance(options, list) and options and not name:
            return word.join(describe(option, resolver, depth + 1) for option in options[:20])
    kind = resolved.get("type") or ("object" if "properties" in resolved else "any")
    shown = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    if kind == "array":
        shown = f"array of {describe(resolved.get('items'), resolver, depth + 1)}"
    elif name:
        return name if shown in ("object", "any") else f"{name}: {_bounded(shown, resolved)}"
    return _bounded(shown, resolved)


def field_lines(schema: Any, resolver: Resolver) -> Iterator[str]:
    """One list line per field, nested objects indented; circles and great depths are cut."""
    budget = [_MAX_LINES]
    yield from _fields(schema, resolver, (), budget)
    if budget[0] < 0:
        yield f"- (more than {_MAX_LINES} fields; the rest is left out here)"


def _fields(
    schema: Any, resolver: Resolver, path: tuple[str, ...], budget: list[int]
) -> Iterator[str]:
    name = _name(schema)
    if len(path) > _DEPTH or (name and name in path):
        return
    inside = (*path, name)
    resolved = resolver.resolve(schema)
    for key in ("allOf", "oneOf", "anyOf"):
        for option in resolved.get(key) or []:
            # A part of a whole stands on the same level as the whole.
            if not _name(option) or _name(option) not in path:
                yield from _fields(option, resolver, path, budget)
    required = resolved.get("required")
    names = required if isinstance(required, list) else []
    for key, value in mapping(resolved.get("properties")).items():
        budget[0] -= 1
        if budget[0] < 0:
            return
        yield "  " * len(path) + _field(str(key), value, key in names, resolver)
        yield from _fields(value, resolver, inside, budget)
    if resolved.get("type") == "array":
        yield from _fields(resolved.get("items"), resolver, path, budget)


def _field(key: str, value: Any, is_required: bool, resolver: Resolver) -> str:
    resolved = resolver.resolve(value)
    notes = [describe(value, resolver)]
    notes += ["required"] if is_required else []
    notes += [
        word for word in ("readOnly", "writeOnly", "deprecated") if resolved.get(word) is True
    ]
    text = str(mapping(value).get("description") or resolved.get("description") or "")
    return f"- `{key}` ({', '.join(notes)}): {' '.join(text.split())}".rstrip(": ")


def _bounded(kind: str, schema: Mapping[str, Any]) -> str:
    bounds = [
        text.format(_json(schema[key]))
        for key, text in _BOUNDS
        if key in schema and key != "format"
    ]
    shown = f"{kind} ({schema['format']})" if "format" in schema else kind
    values = schema.get("enum")
    if isinstance(values, list):
        bounds.insert(0, "one of " + ", ".join(map(_json, values[:100])))
    if "const" in schema:
        bounds.insert(0, f"always {_json(schema['const'])}")
    return ", ".join([shown, *bounds])


def _json(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:200] + "…"


def _name(schema: Any) -> str:
    ref = mapping(schema).get("$ref")
    return unquote(ref.rpartition("/")[2]) if isinstance(ref, str) else ""
