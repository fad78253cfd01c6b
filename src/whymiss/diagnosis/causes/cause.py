"""What a cause is: a suspicion that looks at a case, and patches that would prove it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One thing put right: what, and the scene it is put right in."""

    says: str
    apply: Callable[[], Scene]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a cause sees in a case.

    says : one sentence with the numbers.
    deviation : what is out of order in itself; empty if nothing is.
    definite : the deviation is an anomaly by itself (a row that is missing, a vector that is not
        the text's), not a matter of degree.
    broken : the anomaly is in the part itself (a reranker that does not read, or turns its scores
        round), whatever the question.
    patches : tried in this order until one helps.
    unknown : the input that is missing to look at all; then nothing else counts.
    """

    says: str
    deviation: str = ""
    definite: bool = False
    broken: bool = False
    patches: tuple[Patch, ...] = ()
    unknown: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One way to lose the evidence. `stage` is the stage at fault when it is proven."""

    code: str
    name: str
    stage: str
    look: Callable[[Case], Look]

    def stage_in(self, case: Case) -> str:
        """The stage at fault here: "candidates" is the branch, or the first of them, that ran."""
        return next(iter(case.run.branches)) if self.stage == "candidates" else self.stage


def fine(says: str, **numbers: Any) -> Look:
    """Nothing is out of order, and there is nothing to try."""
    return Look(says=says, numbers=numbers)


def unknown(why: str) -> Look:
    """An input is missing."""
    return Look(says=why, unknown=why)
