"""Fixes that a student hands in: plain data, made by these functions, joined by `+`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from whymiss.config import LATE_INTERACTION, PipelineConfig
from whymiss.errors import DrillError, InvalidRecordError
from whymiss.records import canonical_json, freeze_metadata

ALL: Final = "all"
MOST_STEPS: Final = 2
"""A fix puts one thing right; some need the rows made anew with it."""

PARTS: Final = ("chunker", "generator", "reranker")
_MOST_NAMES: Final = 500
_LARGEST_K: Final = 10_000

_KNOBS: Final = frozenset(
    {
        *(path for path in PipelineConfig().flat() if path.startswith(("retrieval.", "context."))),
        *("rerank.model", "rerank.depth", "rerank.blend"),
        *("answer.min_support", "answer.max_sentences"),
    }
)
# The others name models, folders, endpoints or indexes: a hand-in is run on a teacher's machine.


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What is put right, step by step. `steps` are pairs of a verb and its arguments, as JSON.

    >>> swap("chunker") + index_again("faq.md")
    swap('chunker') + index_again(['faq.md'])
    """

    steps: tuple[tuple[str, Any], ...]

    def __add__(self, other: Fix) -> Fix:
        return Fix(steps=(*self.steps, *other.steps))

    def __repr__(self) -> str:
        return " + ".join(
            f"{verb}({', '.join(map(repr, value)) if verb in _SPREAD else repr(value)})"
            for verb, value in self.steps
        )

    def as_json(self) -> list[list[Any]]:
        """Plain values for JSON."""
        return [[verb, value] for verb, value in self.steps]


def set_knobs(changes: Mapping[str, Any]) -> Fix:
    """Some knobs of the configuration changed, such as {"retrieval.k": 8}.

    Raises
    ------
    DrillError : a knob cannot be changed in a drill.
    ConfigError : a value is out of range or of the wrong type.
    """
    known = checked_knobs(changes)
    return Fix(steps=(("set_knobs", known),))


def checked_knobs(changes: Any) -> dict[str, Any]:
    """The changes, if they may be tried in a drill: only knobs that name no model and no index.

    Raises
    ------
    DrillError : a knob that a drill does not change.
    ConfigError : a value is out of range or of the wrong type.
    """
    if not isinstance(changes, Mapping) or not changes:
        raise DrillError(f"knobs are given as {{'group.knob': value}}; got {changes!r}.")
    strange = sorted(str(knob) for knob in changes if knob not in _KNOBS)
    if strange:
        raise DrillError(
            f"a drill does not change {', '.join(strange)}; it changes {', '.join(sorted(_KNOBS))}."
        )
    if changes.get("rerank.model", "") not in ("", LATE_INTERACTION):
        raise DrillError(
            f"in a drill rerank.model is '' or {LATE_INTERACTION!r}; got "
            f"{changes['rerank.model']!r}."
        )
    # How k and the depth go together is seen where they are set: the scene has its own of each.
    roomy = {"retrieval.k": 1, "retrieval.candidate_depth": _LARGEST_K}
    PipelineConfig().replace({**roomy, **changes})
    return dict(changes)


def index_again(doc_ids: str | Sequence[str]) -> Fix:
    """The rows of some documents made anew from their stored text, as the pipeline makes them.

    `"all"` builds the whole index again.
    """
    if doc_ids == ALL:
        return Fix(steps=(("index_again", ALL),))
    return Fix(steps=(("index_again", _names("index_again", doc_ids)),))


def read_again(doc_id: str) -> Fix:
    """A document read again from its source, and its rows made anew."""
    return Fix(steps=(("read_again", _name("read_again", doc_id)),))


def tag(doc_id: str, metadata: Mapping[str, Any]) -> Fix:
    """Metadata of a document set.

    Raises
    ------
    DrillError : the metadata is no mapping of plain values.
    """
    try:
        plain = json.loads(canonical_json(dict(freeze_metadata(metadata))))
    except (AttributeError, InvalidRecordError) as error:
        raise DrillError(f"tag needs metadata as {{'field': value}}; {error}") from error
    return Fix(steps=(("tag", [_name("tag", doc_id), plain]),))


def allow(doc_id: str, principal: str) -> Fix:
    """One more principal may read a document; "*" is everybody."""
    return Fix(steps=(("allow", [_name("allow", doc_id), _name("allow", principal)]),))


def remove_rows(chunk_ids: str | Sequence[str]) -> Fix:
    """Rows taken out of the index."""
    return Fix(steps=(("remove_rows", _names("remove_rows", chunk_ids)),))


def swap(part: str) -> Fix:
    """A part of the pipeline replaced by one that is known to be sound."""
    if part not in PARTS:
        raise DrillError(f"swap takes one of {', '.join(PARTS)}; got {part!r}.")
    return Fix(steps=(("swap", part),))


_SPREAD: Final = ("tag", "allow")
_VERBS: Final[dict[str, Callable[[Any], Fix]]] = {
    "set_knobs": set_knobs, "index_again": index_again, "read_again": read_again,
    "tag": lambda value: tag(*value), "allow": lambda value: allow(*value),
    "remove_rows": remove_rows, "swap": swap,
}  # fmt: skip


def fix_from(data: Any) -> Fix:
    """A fix from its JSON, checked as if it were made anew.

    Raises
    ------
    DrillError : it is not such JSON, or no such fix.
    """
    if not isinstance(data, list) or not data:
        raise DrillError(f"a fix is a list of [verb, value]; got {_shown(data)}.")
    made: list[Fix] = []
    for step in data:
        if not isinstance(step, list) or len(step) != 2 or step[0] not in _VERBS:
            raise DrillError(f"a step of a fix is [verb, value]; got {_shown(step)}.")
        try:
            made.append(_VERBS[step[0]](step[1]))
        except TypeError as error:
            raise DrillError(f"{step[0]} cannot take {_shown(step[1])}.") from error
    return Fix(steps=tuple(step for fix in made for step in fix.steps))


def checked_fix(fix: Any) -> Fix:
    """A fix of at most two steps.

    Raises
    ------
    DrillError : it is no fix, or has more steps.
    """
    if not isinstance(fix, Fix):
        raise DrillError(f"a fix is made by {', '.join(_VERBS)}; got {_shown(fix)}.")
    if len(fix.steps) > MOST_STEPS:
        raise DrillError(
            f"a fix has at most {MOST_STEPS} steps; got {len(fix.steps)}. Find the one thing that "
            "is broken."
        )
    return fix


def _name(who: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DrillError(f"{who} needs a name; got {_shown(value)}.")
    return value


def _names(who: str, values: Any) -> list[str]:
    several = [values] if isinstance(values, str) else list(values)
    if not 0 < len(several) <= _MOST_NAMES:
        raise DrillError(f"{who} takes 1 to {_MOST_NAMES} names; got {len(several)}.")
    return [_name(who, value) for value in several]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:80]}… ({len(text)} characters)"
