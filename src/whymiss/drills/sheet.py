"""The teacher's score sheet: every hand-in of every student graded again, from the seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from whymiss.drills.answers import MOST_HAND_INS, N_HINTS, Record, read_answers
from whymiss.drills.catalogue import BUDGETS, N_DRILLS, layout
from whymiss.drills.grading import MOST_POINTS, Grade, grade, points
from whymiss.drills.setting import Setter
from whymiss.errors import DrillError
from whymiss.evaluating import Questions
from whymiss.pages.frame import page
from whymiss.pages.markup import Markup, foreign, is_missing, table, tag, wide

if TYPE_CHECKING:
    from whymiss.workbench import Workbench

SCORES: Final = (
    "student", "seed", "drill", "level", "stage", "cause", "fix", "probes", "hints", "hand_ins",
    "points", "note",
)  # fmt: skip
TOTALS: Final = ("student", "seed", "solved", "begun", "points", "of", "note")


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreSheet:
    """What a class did.

    drills : one row for each student and drill with a hand-in, a probe or a hint. stage, cause and
    fix are the shares of their points, found by running again.
    students : one row for each file: drills solved and begun, points, and what is odd about it.
    """

    drills: pd.DataFrame
    students: pd.DataFrame

    def write(self, path: str | Path) -> Path:
        """Write `drills` as CSV or, by the ending .html, both tables as one page.

        Raises
        ------
        DrillError : the ending is neither .csv nor .html.
        """
        where = Path(path)
        if where.suffix == ".csv":
            text = self.drills.map(_no_formula).to_csv(index=False)
        elif where.suffix == ".html":
            text = sheet_page(self)
        else:
            raise DrillError(f"a score sheet is written as .csv or .html; got {where.name!r}.")
        where.write_text(text, encoding="utf-8")
        return where

    def _repr_html_(self) -> str:
        return tag("div", *_tables(self))


def score_sheet(
    files: Iterable[str | Path], workbench: Workbench, questions: Questions
) -> ScoreSheet:
    """Grade what students handed in, by setting their drills again and running it.

    What a file tells of points is not believed. Which probes and hints were taken only the file
    knows; more of them than there are is noted. The student is named by the file.

    Raises
    ------
    DrillError : the questions do not suit. A file that is not understood gets a row that says so.
    """
    setter = Setter(workbench, questions)
    rows: list[tuple[object, ...]] = []
    totals: list[tuple[object, ...]] = []
    for path in map(Path, files):
        try:
            seed, records = read_answers(path)
        except DrillError as error:
            totals.append((path.stem, "", 0, 0, 0.0, N_DRILLS * MOST_POINTS, str(error)))
            continue
        mine = [
            _row(setter, path.stem, seed, number, records[number]) for number in sorted(records)
        ]
        rows += mine
        won = sum(float(row[SCORES.index("points")]) for row in mine)
        done = sum(all(row[SCORES.index(p)] for p in ("stage", "cause", "fix")) for row in mine)
        totals.append((path.stem, seed, done, len(mine), won, N_DRILLS * MOST_POINTS, ""))
    return ScoreSheet(
        drills=pd.DataFrame(rows, columns=list(SCORES)),
        students=pd.DataFrame(totals, columns=list(TOTALS)),
    )


def _row(
    setter: Setter, student: str, seed: str, number: int, record: Record
) -> tuple[str | float, ...]:
    used = (len(set(record.probes)), record.hints, len(record.hand_ins))
    try:
        instance = setter.instance(seed, number) if record.hand_ins else None
    except DrillError as error:
        return (student, seed, number, 0, 0.0, 0.0, 0.0, *used, 0.0, str(error))
    level = layout(seed)[number - 1].level if 1 <= number <= N_DRILLS else 0
    given = [said for said, _ in record.hand_ins[:MOST_HAND_INS]]
    grades = [grade(instance, said, setter.lab) for said in given] if instance else []
    shares = [max((float(getattr(g, part) or 0) for g in grades), default=0.0)
              for part in ("stage", "cause", "fix")]  # fmt: skip
    won = points(grades, record.hints)
    return (student, seed, number, level, *shares, *used, won, _odd(record, level, grades))


def _odd(record: Record, level: int, grades: list[Grade]) -> str:
    """What a file tells that the game does not allow."""
    told = [g for _, g in record.hand_ins[: len(grades)]]
    differs = any(
        (t.stage, t.cause, t.fix) != (g.stage, g.cause, g.fix)
        for t, g in zip(told, grades, strict=True)
        if t is not None
    )
    notes = {
        "more probes than the budget": len(set(record.probes)) > BUDGETS.get(level, 0),
        f"more than {N_HINTS} hints": record.hints > N_HINTS,
        f"only the first {MOST_HAND_INS} hand-ins count": len(record.hand_ins) > MOST_HAND_INS,
        "the file tells another grade": differs,
    }
    return "; ".join(note for note, holds in notes.items() if holds)


def sheet_page(sheet: ScoreSheet) -> str:
    """The score sheet as one HTML page."""
    students, drills = _tables(sheet)
    header = tag("header", tag("h1", "Drills: score sheet"))
    return page(
        "Drills: score sheet",
        header,
        {"students": ("Students", wide(students)), "drills": ("Drills", wide(drills))},
    )


def _tables(sheet: ScoreSheet) -> tuple[Markup, Markup]:
    return (
        _table("Points of each student", sheet.students, numeric=(2, 3, 4, 5)),
        _table("Points of each drill", sheet.drills, numeric=(2, 3, 4, 5, 6, 7, 8, 9, 10)),
    )


def _table(caption: str, frame: pd.DataFrame, *, numeric: tuple[int, ...]) -> Markup:
    rows = [[foreign(_shown(value)) for value in row] for row in frame.itertuples(index=False)]
    return table(caption, [str(name) for name in frame.columns], rows, numeric=numeric)


def _shown(value: object) -> str:
    if is_missing(value):
        return "undefined"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _no_formula(value: object) -> object:
    """A text that a spreadsheet does not take for a formula."""
    if isinstance(value, str) and value.lstrip()[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return value
