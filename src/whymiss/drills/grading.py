"""Grading a hand-in: stage and cause by the key, the fix by making it and running again.

Out of 10 points a drill gives 3 for the stage, 4 for the cause and 3 for the fix; what was right
once stays right. Each hint and each refused hand-in costs one point; no drill goes below 0.

A fix is right when the evidence is delivered with it, and the answer rests on the evidence where
the answer was what went wrong. It gives half when it takes from others: a labelled question loses
its evidence, which the broken pipeline and the healthy one deliver, or a document is opened to
everybody though one asker needed it.
That it adds tokens to every context, or makes the whole index anew, is told and costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from whymiss.diagnosis.causes import CAUSES
from whymiss.diagnosis.funnel import funnel
from whymiss.diagnosis.lab import Lab, Run
from whymiss.diagnosis.repairs.repair import Price
from whymiss.diagnosis.scene import Scene
from whymiss.drills.applying import applied, n_rows_anew
from whymiss.drills.fixes import Fix, checked_fix, fix_from
from whymiss.errors import DrillError, WhymissError
from whymiss.records import EVERYONE
from whymiss.stages import STAGES
from whymiss.text import counted

if TYPE_CHECKING:
    from whymiss.drills.setting import Instance

MOST_POINTS: Final = 10
STAGE_POINTS: Final = 3
CAUSE_POINTS: Final = 4
FIX_POINTS: Final = 3

_CODES: Final = {cause.code: cause for cause in CAUSES}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandIn:
    """What a student says: a part that is left empty is not judged.

    stage : one of `STAGES`. cause : the code of one of the causes. fix : what puts it right.
    """

    stage: str = ""
    cause: str = ""
    fix: Fix | None = None

    def __post_init__(self) -> None:
        if self.stage and self.stage not in STAGES:
            raise DrillError(f"a stage is one of {', '.join(STAGES)}; got {self.stage!r}.")
        if self.cause and self.cause not in _CODES:
            raise DrillError(f"a cause is one of {', '.join(_CODES)}; got {self.cause!r}.")
        if self.fix is not None:
            checked_fix(self.fix)
        if not (self.stage or self.cause or self.fix):
            raise DrillError("a hand-in needs a stage, a cause or a fix; got none.")

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        fix = self.fix.as_json() if self.fix is not None else None
        return {"stage": self.stage, "cause": self.cause, "fix": fix}

    @classmethod
    def from_json(cls, data: Any) -> HandIn:
        """The hand-in of its JSON, checked as if it were made anew.

        Raises
        ------
        DrillError : it is not such JSON.
        """
        if not isinstance(data, dict):
            raise DrillError(f"a hand-in is an object; got {type(data).__name__}.")
        stage, cause, fix = data.get("stage"), data.get("cause"), data.get("fix")
        if not isinstance(stage, str) or not isinstance(cause, str):
            raise DrillError("a hand-in has a stage and a cause, each a text.")
        return cls(stage=stage, cause=cause, fix=fix_from(fix) if fix is not None else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What was found of one hand-in.

    stage, cause : whether it is right; None where nothing was said.
    fix : the share of the points for the fix, 0, 0.5 or 1; None where none was handed in.
    feedback : a sentence for each part.
    """

    stage: bool | None
    cause: bool | None
    fix: float | None
    feedback: tuple[str, ...]

    @property
    def refused(self) -> bool:
        """Whether a part of it is wrong."""
        return False in (self.stage, self.cause) or self.fix == 0

    @property
    def full(self) -> bool:
        """Whether all three parts are right, with nothing taken off."""
        return self.stage is True and self.cause is True and self.fix == 1


def grade(instance: Instance, hand_in: HandIn, lab: Lab) -> Grade:
    """Check a hand-in. The key decides on stage and cause; a run decides on the fix."""
    ((cause, stage),) = instance.case.keys
    told, fixed = [], None
    if hand_in.stage:
        told.append(_of_stage(hand_in.stage, stage, lab.run(instance.case.scene)))
    if hand_in.cause:
        told.append(_of_cause(instance, hand_in.cause, cause))
    if hand_in.fix is not None:
        fixed, sentence = _of_fix(instance, hand_in.fix, lab)
        told.append(sentence)
    return Grade(
        stage=hand_in.stage == stage if hand_in.stage else None,
        cause=hand_in.cause == cause if hand_in.cause else None,
        fix=fixed,
        feedback=tuple(told),
    )


def solved(grades: Sequence[Grade]) -> bool:
    """Whether stage, cause and fix were each right in some hand-in."""
    return all(any(getattr(g, part) for g in grades) for part in ("stage", "cause", "fix"))


def points(grades: Sequence[Grade], n_hints: int) -> float:
    """The points of a drill: what was right in any hand-in, less hints and refused hand-ins.

    >>> first = Grade(stage=True, cause=False, fix=0.0, feedback=())
    >>> points([first, Grade(stage=True, cause=True, fix=1.0, feedback=())], n_hints=1)
    8.0
    """
    right = (
        STAGE_POINTS * any(g.stage for g in grades)
        + CAUSE_POINTS * any(g.cause for g in grades)
        + FIX_POINTS * max((g.fix or 0.0 for g in grades), default=0.0)
    )
    return max(0.0, right - n_hints - sum(g.refused for g in grades))


def _of_stage(said: str, stage: str, run: Run) -> str:
    if said == stage:
        return f"Stage: right, {said} is at fault."
    holds = {view.stage: view.holds for view in funnel(run)}
    if said not in holds:
        return f"Stage: {said} does not run in this pipeline, or had nothing to do."
    if holds[said]:
        return f"Stage: not {said}; all the evidence is in what it handed on."
    return f"Stage: not {said}; it works on what it is given, and something else is at fault."


def _of_cause(instance: Instance, said: str, cause: str) -> str:
    name = f"{said} ({_CODES[said].name})"
    if said == cause:
        return f"Cause: right, it is {name}."
    tried = instance.tried[said]
    if tried.run is None:
        return f"Cause: not {name}; there is nothing of the kind to put right here."
    if _delivers(instance, tried.run):
        return (
            f"Cause: not {name}; with that put right ({tried.patch}) the question comes through, "
            "but something else is out of order in itself, and this only goes round it."
        )
    return f"Cause: not {name}; with that put right ({tried.patch}) the question is still lost."


def _of_fix(instance: Instance, fix: Fix, lab: Lab) -> tuple[float, str]:
    broken = instance.case.scene
    try:
        fixed = applied(fix, broken, instance.case.base)
        run = lab.run(fixed)
    except WhymissError as error:
        return 0.0, f"Fix: it cannot be made: {error}"
    if not _delivers(instance, run):
        what = "the answer does not rest on it" if run.delivered else "it is not in the context"
        return 0.0, f"Fix: run again with it, the evidence is still missed: {what}."
    price = instance.others.price(broken, fixed)
    opened, losses = _opened(instance, fix), _losses(instance, price, fixed)
    told = [f"Fix: right; run again with it, {_comes_through(run)}.", _priced(price)]
    if len(losses) < len(price.losses):
        told.append(
            f"{len(price.losses) - len(losses)} of those it loses came through by the fault alone."
        )
    if opened:
        told.append("Everybody may read the document now, though one asker needed it.")
    harm = bool(losses) or opened
    if harm:
        told.append("That takes from others, so it gives half.")
    rows = n_rows_anew(broken, fixed)
    if rows:
        told.append(f"{counted(rows, 'row')} of the index made anew.")
    return (0.5 if harm else 1.0), " ".join(told)


def _losses(instance: Instance, price: Price, fixed: Scene) -> set[str]:
    """Questions that lose their evidence by a fix though the healthy pipeline delivers it."""
    if not price.losses:
        return set()
    return set(price.losses) & set(instance.others.price(instance.case.base, fixed).losses)


def _delivers(instance: Instance, run: Run) -> bool:
    """Whether a run reaches what the healthy pipeline reached."""
    return run.ending == "healthy" if instance.case.scene.answers else run.delivered


def _comes_through(run: Run) -> str:
    answered = " and the answer rests on it" if run.grounds is not None else ""
    return f"the evidence is delivered{answered}"


def _priced(price: Price) -> str:
    if not price.n_questions:
        return "There are no other labelled questions to hold it against."
    return (
        f"Of {counted(price.n_questions, 'other labelled question')} it wins {len(price.wins)} "
        f"and loses {len(price.losses)}; their contexts change by {price.added_tokens:+.0f} tokens "
        "on average."
    )


def _opened(instance: Instance, fix: Fix) -> bool:
    asked = bool(instance.case.scene.question.query.principals)
    return asked and any(verb == "allow" and value[1] == EVERYONE for verb, value in fix.steps)
