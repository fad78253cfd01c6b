"""A seed's drills, for one student."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from whymiss.diagnosis.causes import CAUSES
from whymiss.drills.answers import Answers
from whymiss.drills.catalogue import N_DRILLS, layout
from whymiss.drills.drill import Drill
from whymiss.drills.grading import MOST_POINTS, points, solved
from whymiss.drills.setting import Setter
from whymiss.errors import DrillError
from whymiss.evaluating import Questions
from whymiss.pages.markup import IN_NOTEBOOK, table

if TYPE_CHECKING:
    from whymiss.workbench import Workbench

_COLUMNS = ("drill", "level", "status", "probes", "hints", "hand_ins", "points")


class Drills:
    """Eighteen broken pipelines in three levels; a seed gives every student others.

    Parameters
    ----------
    workbench : the healthy pipeline; it is not changed.
    questions : a JSON Lines file of labelled questions, or questions.
    seed : the student's name, say. Equal seeds give equal drills over equal stores.
    answers : the file that keeps what was done; with it work goes on where it stopped. A teacher
        makes the score sheet of these files.

    Raises
    ------
    DrillError : the questions do not suit, or the file is of another seed.

    Examples
    --------
    `drills[3]` sets a drill. It shows what was asked and what should have been found; its methods
    are the probes.

    >>> from whymiss.drills.catalogue import N_DRILLS
    >>> N_DRILLS
    18
    """

    def __init__(
        self,
        workbench: Workbench,
        questions: Questions,
        *,
        seed: str,
        answers: str | Path | None = None,
    ) -> None:
        if not isinstance(seed, str) or not seed.strip():
            raise DrillError(f"drills need a seed, such as a name; got {seed!r}.")
        self._seed = seed
        self._setter = Setter(workbench, questions)
        self._answers = Answers(seed, Path(answers) if answers is not None else None)
        self._set: dict[int, Drill] = {}

    def __len__(self) -> int:
        return N_DRILLS

    def __getitem__(self, number: int) -> Drill:
        """Set a drill, numbered from 1; that takes seconds the first time.

        Raises
        ------
        DrillError : there is no such number, or no question of this corpus suits the drill.
        """
        if number not in self._set:
            made = self._setter.instance(self._seed, number)
            self._set[number] = Drill(made, self._setter.lab, self._answers)
        return self._set[number]

    def score(self) -> pd.DataFrame:
        """One row per drill: its level, whether it is solved, and what was used and won."""
        rows = []
        for at, kind in enumerate(layout(self._seed), 1):
            record = self._answers.record(at)
            grades = [grade for _, grade in record.hand_ins if grade is not None]
            won = points(grades, record.hints)
            status = "solved" if solved(grades) else "begun" if record.probes or grades else "open"
            rows.append((at, kind.level, status, len(record.probes), record.hints,
                         len(record.hand_ins), won))  # fmt: skip
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    @staticmethod
    def causes() -> pd.DataFrame:
        """Every cause there is, in the order of the stages: its code, name and what it means."""
        rows = [
            (cause.code, cause.name, (cause.look.__doc__ or "").partition("\n")[0][4:].lstrip())
            for cause in CAUSES
        ]
        return pd.DataFrame(rows, columns=["code", "name", "means"])

    def __repr__(self) -> str:
        return f"{self._title()}\n{self.score().to_string(index=False)}"

    def _repr_html_(self) -> str:
        frame = self.score()
        rows = [[_plain(value) for value in row] for row in frame.itertuples(index=False)]
        return table(self._title(), _COLUMNS, rows, numeric=(0, 1, 3, 4, 5, 6), style=IN_NOTEBOOK)

    def _title(self) -> str:
        won = self.score()["points"].sum()
        return f"Drills of {self._seed}: {won:g} of {N_DRILLS * MOST_POINTS} points"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
