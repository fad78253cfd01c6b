"""What a teacher knows of a drill: the fault, and the written path that solves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from whymiss.diagnosis.faults.fault import BRANCH
from whymiss.drills.catalogue import BUDGETS, Kind, layout
from whymiss.drills.setting import Instance, Setter
from whymiss.drills.showing import two_tables, two_texts
from whymiss.evaluating import Questions

if TYPE_CHECKING:
    from whymiss.workbench import Workbench

KEY: Final = ("drill", "level", "fault", "cause", "stage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """One drill solved: what is broken, the probes in order with what to look for, the hand-in."""

    number: int
    level: int
    question: str
    title: str
    stage: str
    cause: str
    looks: tuple[tuple[str, str], ...]
    fix: str

    def __repr__(self) -> str:
        return two_texts(self._facts(), self.looks)

    def _repr_html_(self) -> str:
        return two_tables(
            self._facts(), self.looks, tells="what to look for",
            captions=("Solution", "The written path"),
        )  # fmt: skip

    def _facts(self) -> list[tuple[str, str]]:
        handed_in = f"stage={self.stage!r}, cause={self.cause!r}, fix={self.fix}"
        return [
            ("drill", f"{self.number}, level {self.level}"),
            ("question", self.question),
            ("broken", self.title),
            ("hand in", handed_in),
        ]


def overview() -> pd.DataFrame:
    """The drills that every seed has: number, level and budget of probes."""
    rows = [(at, kind.level, BUDGETS[kind.level]) for at, kind in enumerate(layout("any"), 1)]
    return pd.DataFrame(rows, columns=["drill", "level", "probes"])


def key(seed: str) -> pd.DataFrame:
    """The faults of a seed's drills: one row each. No store is needed."""
    rows = [
        (at, kind.level, kind.fault.title, kind.fault.cause, _stage(kind))
        for at, kind in enumerate(layout(seed), 1)
    ]
    return pd.DataFrame(rows, columns=list(KEY))


def _stage(kind: Kind) -> str:
    """The stage at fault; which branch runs is seen when the drill is set."""
    return "dense or bm25" if kind.fault.stage == BRANCH else kind.fault.stage


def solution(workbench: Workbench, questions: Questions, *, seed: str, number: int) -> Solution:
    """Set a drill and walk its written path.

    Raises
    ------
    DrillError : there is no such number, or no question of this corpus suits the drill.
    """
    return solution_of(Setter(workbench, questions).instance(seed, number))


def solution_of(instance: Instance) -> Solution:
    """The solution of a drill that is set."""
    handed_in, kind = instance.solution, instance.kind
    return Solution(
        number=instance.number,
        level=kind.level,
        question=instance.case.scene.question.query.text,
        title=kind.fault.title,
        stage=handed_in.stage,
        cause=handed_in.cause,
        looks=kind.looks,
        fix=repr(handed_in.fix),
    )
