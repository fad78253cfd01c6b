"""Front matter and sidecars: what somebody says about a document, and who may read it.

All of it fails closed: whatever cannot be understood takes every permission away and says so.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whymiss.documents.parsed import Stated, clean

_MAX_CHARS = 1 << 16
_MAX_DEPTH = 20
_RECOGNISED = frozenset({"title", "allowed", "modified", "updated"})
_FENCE = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_OPEN = re.compile(r"---[ \t]*\n")
_KEY_LINE = re.compile(r"^[\"']?[A-Za-z_][\w .-]*[\"']?[ \t]*:(?:[ \t]|$)", re.MULTILINE)
NO_PERMISSION = "no permission stated: readable by nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Metadata with its keys understood. `allowed` is None where nobody stated any."""

    title: str = ""
    allowed: tuple[str, ...] | None = None
    modified: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


def split_front_matter(text: str) -> tuple[Stated, str]:
    r"""Front matter at the very start of a text, and the body after it, unchanged.

    Two rules with prose between them are not front matter. Something that is meant as front matter
    but broken comes back with an error, so that the permissions it may hold are not ignored.

    >>> stated, body = split_front_matter("---\ntitle: Refunds\n---\nTen days.")
    >>> stated.values, body
    ({'title': 'Refunds'}, 'Ten days.')
    """
    if not _OPEN.match(text):
        return Stated(), text
    block = _FENCE.match(text)
    if block is None:
        head = text.split("\n", 2)[1]
        error = "front matter opened with --- is never closed" if _KEY_LINE.match(head) else ""
        return Stated(error=error), text
    if block[1].strip() and not _KEY_LINE.search(block[1]):
        return Stated(), text
    return parse_yaml(block[1], "front matter"), text[block.end() :]


def parse_sidecar(data: bytes, name: str) -> Stated:
    """The mapping in a sidecar file; JSON or YAML by the end of its name.

    >>> parse_sidecar(b'{"allowed": ["staff"]}', "faq.md.meta.json").values
    {'allowed': ['staff']}
    """
    try:
        text = clean(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Stated(error=f"{name} is not UTF-8: {error.reason} at byte {error.start}")
    return parse_json(text, name) if name.endswith(".json") else parse_yaml(text, name)


def parse_json(text: str, where: str) -> Stated:
    """A JSON object as stated metadata; keys given twice are an error, as is NaN."""
    if len(text) > _MAX_CHARS:
        return Stated(error=f"{where} is longer than {_MAX_CHARS} characters")
    try:
        values = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return Stated(error=f"{where} is not JSON: {error}")
    return _stated(values, where)


def parse_yaml(text: str, where: str) -> Stated:
    """A YAML mapping as stated metadata.

    Aliases are an error (a few of them can stand for gigabytes), and so are keys given twice.
    """
    import yaml

    from whymiss.documents.strict_yaml import StrictLoader

    if len(text) > _MAX_CHARS:
        return Stated(error=f"{where} is longer than {_MAX_CHARS} characters")
    try:
        # StrictLoader is a SafeLoader that accepts less.
        values = yaml.load(text, StrictLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        hint = ' (for everybody write "*" in quotes)' if "alias" in said else ""
        return Stated(error=f"{where} is not YAML: {said}{hint}")
    return _stated(values, where)


def settle(front: Stated, sidecar: Stated) -> Facts:
    """One set of facts; the sidecar wins key by key. Any error removes every permission.

    >>> settle(Stated(values={"allowed": "staff", "plan": "a"}), Stated(values={"plan": "b"}))
    Facts(title='', allowed=('staff',), modified='', metadata={'plan': 'b'}, error='')
    """
    errors = [stated.error for stated in (front, sidecar) if stated.error]
    values: dict[str, Any] = {}
    for stated in (front, sidecar):
        named, error = _recognised(stated.values)
        values.update(named)
        errors += [error] if error else []
    title, stamp = values.pop("title", None), "modified" if "modified" in values else "updated"
    modified = values.pop(stamp, None)
    allowed: tuple[str, ...] | None = None
    if "allowed" in values:
        allowed, error = _principals(values.pop("allowed"))
        errors += [error] if error else []
    try:
        metadata = flatten(values)
    except (ValueError, RecursionError) as problem:
        metadata, errors = {}, [*errors, f"metadata cannot be flattened: {problem}"]
    return Facts(
        title=_scalar_text(title),
        allowed=() if errors else allowed,
        modified=_scalar_text(modified),
        metadata=metadata,
        error="; ".join(errors),
    )


def flatten(values: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Nested mappings as dotted keys, dates as ISO text, everything else as JSON can hold it.

    >>> flatten({"owner": {"team": "Ledger", "since": datetime.date(2026, 1, 2)}})
    {'owner.team': 'Ledger', 'owner.since': '2026-01-02'}
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH}")
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{clean(str(key))}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{path}.", depth + 1))
        elif isinstance(value, (list, tuple, set)):
            flat[path] = [_plain(item) for item in value]
        else:
            flat[path] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    # Lance and SQLite hold 64 bits; a longer number is a name, not a quantity.
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value)
    if value is None or isinstance(value, (int, float)):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _scalar_text(value: Any) -> str:
    return "" if value is None else " ".join(str(_plain(value)).split())


def _recognised(values: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    # "Allowed:" must not be taken for free metadata: the default would then open the document.
    named: dict[str, Any] = {}
    for key, value in values.items():
        plain = str(key).strip()
        known = plain.lower() if plain.lower() in _RECOGNISED else ""
        if known and known in named:
            return named, f"{known!r} is stated twice"
        named[known or plain] = value
    return named, ""


def _principals(value: Any) -> tuple[tuple[str, ...], str]:
    names = [] if value is None else value if isinstance(value, list) else [value]
    for name in names:
        if not isinstance(name, str) or not name.strip():
            return (), f"'allowed' must be a name or a list of names in quotes; got {name!r}"
    return tuple(sorted({clean(name.strip()) for name in names})), ""


def _stated(values: Any, where: str) -> Stated:
    if values is None:
        return Stated()
    if not isinstance(values, dict):
        return Stated(error=f"{where} must be keys with values; got {type(values).__name__}")
    return Stated(values=values)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key is given twice")
    return values


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
