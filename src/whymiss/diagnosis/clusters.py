"""Failures that one fix may bring back together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import pandas as pd

from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.records import Diagnosis
from whymiss.evaluation.statistics import wilson

Kind = Literal["document", "metadata", "in front", "knob"]

KNOBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "S2a": "chunking.overlap", "S2b": "chunking.size", "S2c": "chunking.size",
        "S2d": "chunking.strategy", "S3a": "chunking.size", "I4": "index.ann",
        "F2": "retrieval.filter_mode", "S4": "retrieval.candidate_depth", "S5": "retrieval.mode",
        "S6": "retrieval.dense_weight", "S7": "rerank.model", "S8": "retrieval.k",
        "C1": "context.token_budget", "C2": "context.order", "C3": "retrieval.k",
        "C4": "retrieval.k", "G5": "answer.min_support",
    }
)  # fmt: skip
"""Causes that one knob of the configuration governs."""

CLUSTERS: Final = ("cause", "name", "stage", "handles", "n", "of", "query_ids", "says")
_FEWEST: Final = 2


class Handle(NamedTuple):
    """Something that several questions share and that can be taken hold of."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One judged question: how it failed, and what it shares with others.

    cause, name, stage : of the failure; all empty where there was none, and the cause alone where
        none is proven. patch : what proved it.
    """

    query_id: str
    handles: frozenset[Handle]
    failed: bool
    cause: str = ""
    name: str = ""
    stage: str = ""
    patch: str = ""


def handles_of(run: Run) -> frozenset[Handle]:
    """The documents of the evidence, their metadata, and the documents that stand in front.

    In front are those of the first k rows before selection that hold none of the evidence.
    """
    k = run.scene.config.retrieval.k
    known = run.scene.space.catalogue.documents
    front = run.ordered.top(k)
    in_front = [
        chunk.doc_id
        for chunk, place in zip(run.chunks(front), run.places(front), strict=True)
        if not run.truth.touches(place)
    ]
    metadata = {
        f"{name} = {value}"
        for doc_id in run.truth.doc_ids
        if doc_id in known
        for name, given in known[doc_id].metadata.items()
        for value in (given if isinstance(given, (list, tuple)) else (given,))
    }
    return frozenset(
        [
            *(Handle("document", doc_id) for doc_id in run.truth.doc_ids),
            *(Handle("metadata", said) for said in metadata),
            *(Handle("in front", doc_id) for doc_id in in_front),
        ]
    )


def outcome_of(diagnosis: Diagnosis, handles: frozenset[Handle], stage: str) -> Outcome:
    """A diagnosis as one question among others; `stage` is the one at fault, empty for none."""
    cause = diagnosis.cause
    code = cause.cause if cause is not None else ""
    knob = [Handle("knob", KNOBS[code])] if code in KNOBS else []
    return Outcome(
        query_id=diagnosis.question.query_id,
        handles=handles | frozenset(knob),
        failed=diagnosis.ending in ("lost", "wrong answer"),
        cause=code,
        name=cause.name if cause is not None else "",
        stage=stage,
        patch=cause.patch if cause is not None else "",
    )


def clusters(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Failures with the same cause at the same stage that share a handle, largest first.

    A handle is a document that holds the evidence, a value of its metadata, a document that stands
    in front of the evidence, or the knob that governs the cause. At least two failures must share
    it, and the 95 % Wilson interval of how often questions with it fail in this way must lie above
    how often questions do in general: a value that most documents have tells nothing. A knob needs
    no such comparison. Handles with exactly the same failures are one cluster. A question may be
    in several clusters, or in none. A cluster is where to look first; it proves nothing.

    Parameters
    ----------
    outcomes : of every judged question, failed or not.

    Returns
    -------
    DataFrame
        One row per cluster: `n` failures, which is how many questions one fix could bring back;
        `of` is how many judged questions have the first handle, failed or not (of a knob: these
        failures); `says` is one sentence about it.

    Examples
    --------
    >>> faq, terms = Handle("document", "faq.md"), Handle("document", "terms.md")
    >>> lost = {"failed": True, "cause": "S8", "name": "CutOffByK", "stage": "select"}
    >>> others = [
    ...     Outcome(query_id=query_id, handles=frozenset({terms}), failed=False)
    ...     for query_id in "abcdefghijklmnop"
    ... ]
    >>> table = clusters([
    ...     Outcome(query_id="q1", handles=frozenset({faq}), patch="k 6", **lost),
    ...     Outcome(query_id="q2", handles=frozenset({faq}), patch="k 9", **lost),
    ...     Outcome(query_id="q3", handles=frozenset({faq}), failed=False),
    ...     *others,
    ... ])
    >>> table["says"].tolist()
    ['2 of 3 questions about faq.md fail by CutOffByK (S8) at select.']
    """
    having: dict[Handle, int] = {}
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        for handle in outcome.handles:
            having[handle] = having.get(handle, 0) + 1
        if outcome.failed:
            groups.setdefault((outcome.cause, outcome.stage), []).append(outcome)
    rows = [
        _row(shared, members, having)
        for group in groups.values()
        for shared, members in _shared(group, having, len(outcomes))
    ]
    rows.sort(key=lambda row: (-_count(row["n"]), row["cause"], row["stage"], row["handles"]))
    return pd.DataFrame(rows, columns=list(CLUSTERS))


def _count(value: object) -> int:
    assert isinstance(value, int)
    return value


def _shared(
    group: Sequence[Outcome], having: Mapping[Handle, int], n_judged: int
) -> Iterable[tuple[list[Handle], list[Outcome]]]:
    """Handles that tell something of a group, those with the same members together."""
    by_members: dict[tuple[str, ...], tuple[list[Handle], list[Outcome]]] = {}
    for handle in sorted({h for outcome in group for h in outcome.handles}, key=_order):
        members = [outcome for outcome in group if handle in outcome.handles]
        rate = wilson(len(members), having[handle])
        telling = handle.kind == "knob" or rate.low > len(group) / n_judged
        if len(members) >= _FEWEST and telling:
            ids = tuple(member.query_id for member in members)
            by_members.setdefault(ids, ([], members))[0].append(handle)
    return by_members.values()


def _order(handle: Handle) -> tuple[int, str]:
    kinds: tuple[Kind, ...] = ("document", "metadata", "in front", "knob")
    return kinds.index(handle.kind), handle.value


def _row(
    shared: Sequence[Handle], members: Sequence[Outcome], having: Mapping[Handle, int]
) -> dict[str, object]:
    one, first = members[0], shared[0]
    # Other causes may be governed by the same knob, but are no part of this.
    of = len(members) if first.kind == "knob" else having[first]
    return {
        "cause": one.cause,
        "name": one.name,
        "stage": one.stage,
        "handles": tuple(str(handle) for handle in shared),
        "n": len(members),
        "of": of,
        "query_ids": tuple(member.query_id for member in members),
        "says": _says(first, members, of),
    }


def _says(handle: Handle, members: Sequence[Outcome], of: int) -> str:
    one = members[0]
    how = f"by {one.name} ({one.cause})" if one.cause else "unexplained"
    failed = f"fail {how} at {one.stage}"
    if handle.kind == "knob":
        patches = "; ".join(dict.fromkeys(member.patch for member in members if member.patch))
        proof = f" (proven with {patches})" if patches else ""
        return f"{len(members)} questions {failed}; {handle.value} governs it{proof}."
    asked = {
        "document": f"about {handle.value}",
        "metadata": f"whose evidence has {handle.value}",
        "in front": f"that find {handle.value} among the first k without their evidence",
    }[handle.kind]
    return f"{len(members)} of {of} questions {asked} {failed}."
