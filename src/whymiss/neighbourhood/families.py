"""Families: documents that are versions or copies of one thing, put in order where that is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from whymiss.neighbourhood.ground import Ground
from whymiss.neighbourhood.groups import connected
from whymiss.neighbourhood.links import Link, is_superseded
from whymiss.neighbourhood.marks import Mark, named, stated

FAMILIES: Final = (
    "family", "n", "members", "relation", "evidence", "ordered_by", "current", "current_because",
)  # fmt: skip
LINKS: Final = (
    "family", "doc_id", "other_doc_id", "relation", "evidence", "containment", "headings",
    "neighbours",
)  # fmt: skip

_NOT_TOLD: Final = "not told"

_Reader = Callable[[str, Mapping[str, Any]], Mark | None]


def families(ground: Ground, links: Sequence[Link]) -> pd.DataFrame:
    """Documents that hang together by links, the largest family first.

    Returns
    -------
    DataFrame
        `FAMILIES`. `family` is the id of its first document by name. `members` are in order, the
        oldest first, as far as `ordered_by` tells: "valid_from", "version" (both of metadata),
        "name", or "not told". `evidence` counts the links that each kind speaks for. `current` is
        the member that is in force, or empty where nothing says so; `current_because` says what
        tells, or why nothing does.
    """
    rows = [
        _family(ground, members, [link for link in links if link.doc_id in members])
        for members in connected((link.doc_id, link.other_doc_id) for link in links)
    ]
    frame = pd.DataFrame(rows, columns=list(FAMILIES))
    return frame.sort_values(["n", "family"], ascending=[False, True], ignore_index=True)


def links_frame(families: pd.DataFrame, links: Sequence[Link]) -> pd.DataFrame:
    """One row per link, with the family it belongs to: `LINKS`."""
    of = family_of(families)
    rows = [
        [of[link.doc_id], link.doc_id, link.other_doc_id, link.relation, link.evidence,
         link.containment, link.headings, link.neighbours]
        for link in links
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(LINKS))
    return frame.sort_values(["family", "doc_id", "other_doc_id"], ignore_index=True)


def family_of(families: pd.DataFrame) -> dict[str, str]:
    """The family of each document that belongs to one, of a table that `families` made."""
    pairs = zip(families["family"], families["members"], strict=True)
    return {member: family for family, members in pairs for member in members}


def _family(ground: Ground, members: Sequence[str], links: Sequence[Link]) -> dict[str, Any]:
    versions = any(link.relation == "versions" for link in links)
    known = ground.space.catalogue.documents
    metadata = {d: dict(known[d].metadata) if d in known else {} for d in members}
    ordered_by, ordered = _ordered(ground, sorted(members), metadata)
    current, because = _current(ordered, ordered_by, metadata)
    counts: dict[str, int] = {}
    for link in links:
        for kind in link.evidence:
            counts[kind] = counts.get(kind, 0) + 1
    return {
        "family": min(members), "n": len(members), "members": tuple(ordered),
        "relation": "versions" if versions else "copies",
        "evidence": ", ".join(f"{kind} {n} of {len(links)}" for kind, n in counts.items()),
        "ordered_by": ordered_by, "current": current, "current_because": because,
    }  # fmt: skip


def _ordered(
    ground: Ground, members: list[str], metadata: Mapping[str, Mapping[str, Any]]
) -> tuple[str, list[str]]:
    """The first of the three that every member states, each another value of one kind."""

    def in_name(doc_id: str, _: Mapping[str, Any]) -> Mark | None:
        return named(doc_id).mark or named(ground.title(doc_id)).mark

    readers: dict[str, _Reader] = {
        "valid_from": lambda _, fields: stated(fields)[1],
        "version": lambda _, fields: stated(fields)[0],
        "name": in_name,
    }
    for told_by, read in readers.items():
        marks = {doc_id: read(doc_id, metadata[doc_id]) for doc_id in members}
        found = {doc_id: mark for doc_id, mark in marks.items() if mark is not None}
        distinct = len({mark.numbers for mark in found.values()}) == len(members)
        if distinct and len({mark.kind for mark in found.values()}) == 1:
            return told_by, sorted(members, key=lambda d: found[d].numbers)
    return _NOT_TOLD, members


def _current(
    ordered: Sequence[str], ordered_by: str, metadata: Mapping[str, dict[str, Any]]
) -> tuple[str, str]:
    """The member in force and what says so; empty, and why nothing does."""
    standing = [doc_id for doc_id in ordered if not is_superseded(metadata[doc_id])]
    if len(standing) == 1:
        return standing[0], "the only one that is not superseded"
    if not standing:
        return "", "all are superseded"
    if ordered_by == _NOT_TOLD:
        return "", f"{len(standing)} are not superseded, and nothing puts them in order"
    return standing[-1], f"the last by {ordered_by}"
