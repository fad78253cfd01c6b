"""Marks of a version in names: "v3", "2026-01", "1.9"; what is left of a name without them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["version", "year", "date"]

_MARK: Final = re.compile(
    r"(?<![^\W_])(?:"
    r"(?:v|ver|version|rev|revision|edition|ed)[-_. ]{0,2}(?P<version>\d{1,4}(?:\.\d{1,4}){0,3})"
    r"|(?P<date>(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])(?:[-_.]?(?:0[1-9]|[12]\d|3[01]))?)"
    r"|(?P<year>(?:19|20)\d\d)"
    r"|(?P<dotted>\d{1,4}(?:\.\d{1,4}){1,3})"
    r")(?![^\W_])",
    re.IGNORECASE,
)
_EXTENSION: Final = re.compile(r"\.[A-Za-z]\w{0,5}\Z")
_SEPARATORS: Final = re.compile(r"[\W_]+")
_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Mark:
    """A version as a name or a field states it, and the numbers that put it in order."""

    kind: Kind
    numbers: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """What a name is without its last mark, and the mark; None where it has none."""

    stem: str
    mark: Mark | None


def named(name: str) -> Name:
    """Take the version mark out of a file name or a title.

    The last mark counts, folders included; a bare number ("part 2") is none.

    >>> named("plans/support_tiers_v3.md")
    Name(stem='plans support tiers', mark=Mark(kind='version', numbers=(3,), text='v3'))
    >>> named("Leave policy 2026").stem, named("internal/leave_policy_2024.html").stem
    ('leave policy', 'internal leave policy')
    >>> named("outage_2026_03_14.md").mark
    Mark(kind='date', numbers=(2026, 3, 14), text='2026_03_14')
    >>> named("part 2").mark is None
    True
    """
    plain = _EXTENSION.sub("", name)
    found = list(_MARK.finditer(plain))
    if not found:
        return Name(_stem(plain), None)
    last = found[-1]
    stem = _stem(f"{plain[: last.start()]} {plain[last.end() :]}")
    return Name(stem, _mark(last)) if stem else Name(_stem(plain), None)


def stated(metadata: Mapping[str, Any]) -> tuple[Mark | None, Mark | None]:
    """The `version` and the `valid_from` of a document's metadata; None for what it lacks.

    >>> stated({"version": "v2", "valid_from": "2024-06-01"})[0].numbers
    (2,)
    """
    return _field(metadata.get("version"), "version"), _field(metadata.get("valid_from"), "date")


def _field(value: Any, kind: Kind) -> Mark | None:
    text = "" if value is None or isinstance(value, bool) else str(value)
    numbers = tuple(map(int, _NUMBERS.findall(text[:40])))
    return Mark(kind, numbers, text) if numbers else None


def _mark(match: re.Match[str]) -> Mark:
    kind: Kind = "date" if match["date"] else "year" if match["year"] else "version"
    written = match["date"] or match["year"] or match["version"] or match["dotted"]
    if kind == "date":
        digits = re.sub(r"\D", "", written)
        parts = [digits[:4], digits[4:6], digits[6:8]]
    else:
        parts = _NUMBERS.findall(written)
    return Mark(kind, tuple(int(part) for part in parts if part), match.group())


def _stem(text: str) -> str:
    return " ".join(part for part in _SEPARATORS.split(text.casefold()) if part)
