"""One drill as a student sees it: the question, the probes, three hints, three hand-ins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from whymiss.diagnosis.lab import Lab
from whymiss.drills.answers import MOST_HAND_INS, N_HINTS, Answers
from whymiss.drills.board import PROBES, Board
from whymiss.drills.fixes import Fix
from whymiss.drills.grading import MOST_POINTS, Grade, HandIn, grade, points, solved
from whymiss.drills.setting import Instance
from whymiss.drills.showing import marked_html, marked_text, two_tables, two_texts
from whymiss.errors import DrillError
from whymiss.frames import clause_text
from whymiss.stages import STAGES

_BEFORE: Final = STAGES[: STAGES.index("dense")]
_BEHIND: Final = ("pack", "answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A graded hand-in: what is right, a sentence for each part, and where the drill stands.

    points : of the drill now, out of 10. hand_ins_left : how often may still be handed in.
    """

    grade: Grade
    points: float
    hand_ins_left: int

    def __repr__(self) -> str:
        return marked_text(self.grade, self.points, self.hand_ins_left)

    def _repr_html_(self) -> str:
        return marked_html(self.grade, self.points, self.hand_ins_left)


class Drill(Board):
    """A pipeline with one thing broken in it, and the question that it got wrong.

    Look with the probes, name the stage and the cause, and hand in a fix. Nothing here is locked
    away from Python: the game is for those who want to learn.
    """

    def __init__(self, instance: Instance, lab: Lab, answers: Answers) -> None:
        record = answers.record(instance.number)
        super().__init__(
            instance.case, lab, budget=instance.budget, taken=record.probes,
            on_take=lambda key: answers.probe(instance.number, key),
        )  # fmt: skip
        self.number, self.level = instance.number, instance.kind.level
        self._instance = instance
        self._answers = answers
        self._record = record

    @property
    def answered(self) -> str:
        """What the broken pipeline answered."""
        said = self._answered.answer
        assert said is not None
        return said.text

    @property
    def hand_ins_left(self) -> int:
        """How often may still be handed in; none once all three parts are right."""
        return 0 if self._solved else max(0, MOST_HAND_INS - len(self._record.hand_ins))

    @property
    def points(self) -> float:
        """The points so far."""
        return points(self._grades, self._record.hints)

    def hint(self) -> str:
        """The next of three hints; each costs a point.

        Raises
        ------
        DrillError : there are no more.
        """
        if self._record.hints >= N_HINTS:
            raise DrillError(f"the {N_HINTS} hints of this drill are used up.")
        self._answers.hint(self.number)
        return hints(self._instance)[self._record.hints - 1]

    def hand_in(self, *, stage: str = "", cause: str = "", fix: Fix | None = None) -> Marked:
        """Say what is broken. Each part is checked; a hand-in with a wrong part costs a point.

        Parameters
        ----------
        stage : the stage at fault, one of `whymiss.STAGES`.
        cause : its code; `Drills.causes` lists them.
        fix : what puts it right, made by the functions of `whymiss.drills`.

        Raises
        ------
        DrillError : there is no such stage, cause or fix, or nothing can be handed in any more.
        """
        if not self.hand_ins_left:
            raise DrillError(
                "this drill is solved." if self._solved
                else f"the {MOST_HAND_INS} hand-ins of this drill are used up."
            )  # fmt: skip
        said = HandIn(stage=stage, cause=cause, fix=fix)
        found = grade(self._instance, said, self._lab)
        self._answers.hand_in(self.number, said, found)
        return Marked(grade=found, points=self.points, hand_ins_left=self.hand_ins_left)

    @property
    def _solved(self) -> bool:
        return solved(self._grades)

    @property
    def _grades(self) -> list[Grade]:
        return [grade for _, grade in self._record.hand_ins if grade is not None]

    def __repr__(self) -> str:
        return two_texts(self._facts(), self._menu())

    def _repr_html_(self) -> str:
        return two_tables(
            self._facts(), self._menu(), tells="shows",
            captions=("What is known", "What can be looked up"),
        )  # fmt: skip

    def _facts(self) -> list[tuple[str, str]]:
        """What is known before anything is looked up."""
        query, evidence = self.question.query, self.question.evidence
        should = [
            " and ".join(f"“{span.quote}” ({span.doc_id})" for span in spans) for spans in evidence
        ]
        return [
            ("drill", f"{self.number}, level {self.level}"),
            ("question", query.text),
            ("asked by", ", ".join(query.principals) or "somebody without a name"),
            ("filter", " and ".join(map(clause_text, query.where)) or "none"),
            ("answered", self.answered),
            ("should have found", " or ".join(should)),
            ("probes left", f"{self.probes_left} of {self._budget}"),
            ("hints left", f"{N_HINTS - self._record.hints} of {N_HINTS}"),
            ("hand-ins left", f"{self.hand_ins_left} of {MOST_HAND_INS}"),
            ("points", f"{self.points:g} of {MOST_POINTS}"),
        ]

    def _menu(self) -> list[tuple[str, str]]:
        """Every probe and what it shows."""
        return [(name, _first_line(getattr(type(self), name).__doc__)) for name in PROBES]


def hints(instance: Instance) -> tuple[str, str, str]:
    """Three hints: the part of the pipeline, the probe that decides, what to look for in it.

    They come from the written path.
    """
    ((_, stage),) = instance.case.keys
    where = (
        "before the search starts, in what is stored, indexed or allowed" if stage in _BEFORE
        else "behind the search, in what is packed or answered" if stage in _BEHIND
        else "in the search itself"
    )  # fmt: skip
    probe, question = instance.kind.looks[-1]
    return (
        f"What is broken lies {where}.",
        f"The probe that decides is {probe}.",
        f"Ask of {probe}: {question}",
    )


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]
