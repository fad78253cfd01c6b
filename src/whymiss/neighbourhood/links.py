"""What says that two documents are versions or copies of one thing, told piece by piece."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from whymiss.neighbourhood.ground import Ground
from whymiss.neighbourhood.marks import Name, named, stated
from whymiss.neighbourhood.nearest import neighbours
from whymiss.neighbourhood.shingles import Shingles

if TYPE_CHECKING:
    import pandas as pd

Relation = Literal["versions", "copies"]

REPEATED: Final = 0.5
"""Documents repeat each other where most of the smaller one's shingles stand in the other."""

ALIKE: Final = 0.5
"""Share of headings in common, or of rows nearest to the other's, that speaks for one origin."""

_SUPERSEDED: Final = frozenset({"superseded", "deprecated", "obsolete", "archived", "retired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two documents, in order of their ids, and what ties them together.

    evidence : of "name", "metadata", "text", "headings", "neighbours", those that speak for it.
    containment : share of the smaller document's shingles that stand in the other.
    headings : share of the smaller set of headings that the other has too.
    neighbours : of both documents, the smaller share of rows whose nearest row in any other
        document stands in this one.
    """

    doc_id: str
    other_doc_id: str
    relation: Relation
    evidence: tuple[str, ...]
    containment: float
    headings: float
    neighbours: float


class Links:
    """Finds what ties documents together.

    Candidates are documents of one name but for its version mark, documents with near-duplicate
    chunks, and pairs of which one is marked as superseded and that hold each other's nearest rows.

    Two are "versions" where
    - the names (ids or titles) are the same but for the mark, and metadata put them in order
      (other `version` or `valid_from`, or one is superseded), or most of the text is repeated; or,
      where the mark is a version or a year, half of the headings or nearest rows are shared. A
      date to the month or day names an event as often as a version, and needs the former;
    - or metadata say that one is superseded and the other is not, both state a version, and half
      of the rows of each are nearest to rows of the other.
    Two are "copies" where most of the smaller one's text is repeated and no mark tells them apart.
    """

    def __init__(self, ground: Ground, duplicates: pd.DataFrame) -> None:
        self._ground = ground
        self._duplicates = duplicates

    def all(self) -> list[Link]:
        """Every link, ordered by the two ids."""
        found = (self._link(*pair) for pair in sorted(self._candidates()))
        return [link for link in found if link is not None]

    def _candidates(self) -> set[tuple[int, int]]:
        number = {doc_id: i for i, doc_id in enumerate(self._ground.doc_ids)}
        pairs = {
            (min(a, b), max(a, b))
            for one, other in zip(
                self._duplicates["doc_id"], self._duplicates["other_doc_id"], strict=True
            )
            if (a := number[one]) != (b := number[other])
        }
        for names in (self._ids, self._titles):
            pairs |= _of_one_stem(names)
        old = [i for i in range(len(number)) if self._superseded(i)]
        pairs |= {
            (min(i, j), max(i, j))
            for i in old
            for j in self._near[i]
            if self._nearness(i, j) >= ALIKE
        }
        return pairs

    def _link(self, one: int, other: int) -> Link | None:
        contained = float(self._shingles.containment([one], [other])[0])
        headings, near = self._shared_headings(one, other), self._nearness(one, other)
        same_name = any(_differ(names[one], names[other]) for names in (self._ids, self._titles))
        ordered = self._ordered(one, other)
        said = {
            "name": same_name, "metadata": ordered, "text": contained >= REPEATED,
            "headings": headings >= ALIKE, "neighbours": near >= ALIKE,
        }  # fmt: skip
        relation = self._relation(one, other, said)
        if relation is None:
            return None
        return Link(
            doc_id=self._ground.doc_ids[one], other_doc_id=self._ground.doc_ids[other],
            relation=relation, evidence=tuple(name for name, holds in said.items() if holds),
            containment=contained, headings=headings, neighbours=near,
        )  # fmt: skip

    def _relation(self, one: int, other: int, said: dict[str, bool]) -> Relation | None:
        if said["name"]:
            dated = any(
                (mark := names[i].mark) is not None and mark.kind == "date"
                for names in (self._ids, self._titles)
                for i in (one, other)
            )
            looks = said["headings"] or said["neighbours"]
            if said["metadata"] or said["text"] or (looks and not dated):
                return "versions"
        if self._succeeds(one, other) and said["neighbours"]:
            return "versions"
        if not said["text"]:
            return None
        return "versions" if said["metadata"] else "copies"

    def _ordered(self, one: int, other: int) -> bool:
        """Whether metadata say that one comes before the other."""
        pairs = zip(self._stated[one], self._stated[other], strict=True)
        differ = any(a is not None and b is not None and a.numbers != b.numbers for a, b in pairs)
        return differ or self._superseded(one) != self._superseded(other)

    def _succeeds(self, one: int, other: int) -> bool:
        """Whether one is superseded, the other is not, and both state another version."""
        versions = self._stated[one][0], self._stated[other][0]
        stated_both = versions[0] is not None and versions[1] is not None
        return self._superseded(one) != self._superseded(other) and stated_both

    def _superseded(self, number: int) -> bool:
        return is_superseded(self._metadata[number])

    @cached_property
    def _metadata(self) -> list[dict[str, Any]]:
        known = self._ground.space.catalogue.documents
        return [dict(known[d].metadata) if d in known else {} for d in self._ground.doc_ids]

    @cached_property
    def _stated(self) -> list[Any]:
        return [stated(metadata) for metadata in self._metadata]

    @cached_property
    def _ids(self) -> list[Name]:
        return [named(doc_id) for doc_id in self._ground.doc_ids]

    @cached_property
    def _titles(self) -> list[Name]:
        return [named(self._ground.title(doc_id)) for doc_id in self._ground.doc_ids]

    @cached_property
    def _shingles(self) -> Shingles:
        rows = self._ground.rows_of
        chunks = self._ground.chunks
        return Shingles.of(["\n".join(chunks[row].text for row in rows[d]) for d in rows])

    @cached_property
    def _headings(self) -> list[frozenset[str]]:
        chunks = self._ground.chunks
        return [
            frozenset(heading.casefold() for row in rows for heading in chunks[row].headings)
            for rows in self._ground.rows_of.values()
        ]

    def _shared_headings(self, one: int, other: int) -> float:
        first, second = self._headings[one], self._headings[other]
        fewer = min(len(first), len(second))
        # One heading in common is a title; that is what the name says.
        return len(first & second) / fewer if fewer > 1 else 0.0

    @cached_property
    def _near(self) -> list[dict[int, float]]:
        """For each document, in which others the nearest rows of its rows stand, as shares."""
        of = self._ground.documents
        counts: list[dict[int, int]] = [defaultdict(int) for _ in self._ground.doc_ids]
        sizes = np.bincount(of, minlength=len(counts)).tolist()
        for row, near in enumerate(neighbours(self._ground.vectors, k=1, groups=of)):
            if len(near.rows):
                counts[of[row]][int(of[near.rows[0]])] += 1
        return [
            {other: n / size for other, n in found.items()}
            for found, size in zip(counts, sizes, strict=True)
        ]

    def _nearness(self, one: int, other: int) -> float:
        return min(self._near[one].get(other, 0.0), self._near[other].get(one, 0.0))


def is_superseded(metadata: dict[str, Any]) -> bool:
    """Whether the `status` of a document says that another has taken its place."""
    return str(metadata.get("status", "")).strip().casefold() in _SUPERSEDED


def _of_one_stem(names: Sequence[Name]) -> set[tuple[int, int]]:
    """Pairs of names that are the same but for the mark, at least one of them with a mark."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names):
        if name.stem:
            groups[name.stem].append(number)
    return {
        (i, j)
        for members in groups.values()
        for i, j in combinations(members, 2)
        if _differ(names[i], names[j])
    }


def _differ(one: Name, other: Name) -> bool:
    """Whether two names are the same but for their marks."""
    if one.stem != other.stem or not one.stem or one.mark == other.mark:
        return False
    return one.mark is None or other.mark is None or one.mark.kind == other.mark.kind
