"""A change that may be a repair: how it alters a scene, and the code that makes it for real."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whymiss.diagnosis.repairs.repair import Kind
from whymiss.diagnosis.scene import Scene
from whymiss.records import Clause, Query

Alter = Callable[[Scene], Scene]
Rule = Callable[[Query], Query]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to try.

    alter : the scene with the change in it.
    for_query : what it does to other questions' queries: a filter is a rule for all of them.
    changes, where : as in `Repair`.
    rebuilds : whether the whole index has to be made anew for it.
    untried : why it is not tried; then `alter` is not called.
    unpriced : why it has no price although it can be tried.
    """

    title: str
    kind: Kind
    code: str
    alter: Alter
    changes: Mapping[str, Any] = field(default_factory=dict)
    where: tuple[Clause, ...] = ()
    for_query: Rule | None = None
    rebuilds: bool = False
    untried: str = ""
    unpriced: str = ""


def knobs(title: str, kind: Kind, changes: Mapping[str, Any], *, rebuilds: bool = False) -> Change:
    """A change of the configuration alone.

    >>> knobs("k 8", "k", {"retrieval.k": 8}).code
    "wb.config = wb.config.replace({'retrieval.k': 8})"
    """
    code = f"wb.config = wb.config.replace({dict(changes)!r})"
    if rebuilds:
        code += "\nwb.build(rebuild=True)"
    return Change(
        title=title, kind=kind, code=code, changes=changes, rebuilds=rebuilds,
        alter=lambda scene: scene.configured(changes),
    )  # fmt: skip
