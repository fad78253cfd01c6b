"""The teacher's score sheet: what files say is run again, and hostile files stay harmless."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from whymiss.drills import DrillError, Drills, ScoreSheet, score_sheet, solution
from whymiss.drills.answers import read_answers
from whymiss.drills.setting import Setter
from whymiss.evaluation.labels import Question
from whymiss.workbench import Workbench

SOLVED, OPEN = 1, 4


@pytest.fixture(scope="module")
def played(
    guides: Workbench, guide_questions: list[Question], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The answers of a student who solved one drill after a wrong guess, and looked at another."""
    path = tmp_path_factory.mktemp("answers") / "ada.jsonl"
    drills = Drills(guides, guide_questions, seed="ada", answers=path)
    said = Setter(guides, guide_questions).instance("ada", SOLVED).solution
    wrong = "pack" if said.stage != "pack" else "select"
    drills[SOLVED].stages()
    drills[SOLVED].hand_in(stage=wrong)
    drills[SOLVED].hand_in(stage=said.stage, cause=said.cause, fix=said.fix)
    drills[OPEN].hint()
    return path


@pytest.fixture(scope="module")
def sheet(played: Path, guides: Workbench, guide_questions: list[Question]) -> ScoreSheet:
    return score_sheet([played], guides, guide_questions)


def test_every_hand_in_is_graded_again(sheet: ScoreSheet) -> None:
    rows = sheet.drills.set_index("drill")
    assert list(rows.index) == [SOLVED, OPEN]
    assert rows.loc[SOLVED, ["stage", "cause", "fix"]].tolist() == [1, 1, 1]
    assert rows.loc[SOLVED, ["probes", "hints", "hand_ins", "points"]].tolist() == [1, 0, 2, 9]
    assert rows.loc[OPEN, ["hints", "hand_ins", "points", "note"]].tolist() == [1, 0, 0, ""]
    student = sheet.students.loc[0]
    assert (student["student"], student["solved"], student["points"]) == ("ada", 1, 9)
    assert student["of"] == 180


def test_a_file_that_tells_better_grades_is_not_believed(
    played: Path, guides: Workbench, guide_questions: list[Question], tmp_path: Path
) -> None:
    lines = [json.loads(line) for line in played.read_text().splitlines()]
    forged = [{**line, "cause": "Q1"} if line["did"] == "hand_in" else line for line in lines]
    path = tmp_path / "ada.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in forged))
    row = score_sheet([path], guides, guide_questions).drills.set_index("drill").loc[SOLVED]
    assert (row["cause"], row["points"]) == (0, 4)
    assert row["note"] == "the file tells another grade"


def test_more_than_the_game_allows_is_noted_and_does_not_count(
    played: Path, guides: Workbench, guide_questions: list[Question], tmp_path: Path
) -> None:
    lines = [json.loads(line) for line in played.read_text().splitlines()]
    probes = [{"seed": "ada", "drill": SOLVED, "did": "probe", "probe": f"{n}"} for n in range(99)]
    first = next(line for line in lines if line["did"] == "hand_in")
    path = tmp_path / "ada.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in [*probes, *[first] * 3, *lines]))
    row = score_sheet([path], guides, guide_questions).drills.set_index("drill").loc[SOLVED]
    assert row["points"] == 0
    assert "more probes than the budget" in row["note"]
    assert "only the first 3 hand-ins count" in row["note"]


def test_the_sheet_is_written_as_csv_and_as_a_page(sheet: ScoreSheet, tmp_path: Path) -> None:
    with sheet.write(tmp_path / "sheet.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["drill"], row["points"]) for row in rows] == [("1", "9.0"), ("4", "0.0")]
    page = sheet.write(tmp_path / "sheet.html").read_text()
    assert "<caption>Points of each student</caption>" in page
    assert "ada" in page
    with pytest.raises(DrillError, match=r"written as \.csv or \.html"):
        sheet.write(tmp_path / "sheet.xlsx")


def test_hostile_names_and_seeds_stay_harmless(
    guides: Workbench, guide_questions: list[Question], tmp_path: Path
) -> None:
    path = tmp_path / "=cmd <script>alert(1)<.jsonl"
    line = {"seed": "=1+1<img src=x onerror=alert(1)>", "drill": 2, "did": "hint"}
    path.write_text(json.dumps(line) + "\n")
    made = score_sheet([path], guides, guide_questions)
    page = made.write(tmp_path / "sheet.html").read_text()
    assert "<script>" not in page
    assert "<img" not in page
    assert "&lt;img" in page
    with made.write(tmp_path / "sheet.csv").open() as file:
        row = next(csv.DictReader(file))
    assert row["student"].startswith("'=")
    assert row["seed"].startswith("'=")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", "line 1: it is not JSON"),
        ("[1]", "line 1: an answer is an object"),
        ('{"seed": "a", "drill": true, "did": "hint"}', "a seed and the number of a drill"),
        ('{"seed": "a", "drill": 1, "did": "dance"}', "a probe, a hint or a hand-in"),
        ('{"seed": "a", "drill": 1, "did": "hand_in", "stage": "x", "cause": ""}',
         "a stage is one of"),
        ('{"seed": "a", "drill": 1, "did": "hand_in", "stage": "", "cause": "", '
         '"fix": [["set_knobs", {"answer.base_url": "http://x"}]]}', "a drill does not change"),
        ('{"seed": "a", "drill": 1, "did": "hand_in", "stage": "", "cause": "", '
         '"fix": [["set_knobs", {"retrieval.k": -1}]]}', r"retrieval\.k must be at least 1"),
        ('{"seed": "a", "drill": 1, "did": "hint"}\n{"seed": "b", "drill": 1, "did": "hint"}',
         "answers of 2 seeds"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_understood_gets_a_row_that_says_so(
    text: str, said: str, guides: Workbench, guide_questions: list[Question], tmp_path: Path
) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(text)
    with pytest.raises(DrillError, match=said):
        read_answers(path)
    made = score_sheet([path], guides, guide_questions)
    assert made.drills.empty
    assert made.students.loc[0, "student"] == "odd"
    assert made.students.loc[0, "points"] == 0


def test_a_drill_that_does_not_exist_is_noted(
    guides: Workbench, guide_questions: list[Question], tmp_path: Path
) -> None:
    path = tmp_path / "ada.jsonl"
    line = {"seed": "ada", "drill": 99, "did": "hand_in", "stage": "pack", "cause": ""}
    path.write_text(json.dumps(line))
    row = score_sheet([path], guides, guide_questions).drills.loc[0]
    assert "numbered 1 to 18; got 99" in row["note"]
    assert row["points"] == 0


def test_a_file_that_is_not_there_gets_a_row(
    guides: Workbench, guide_questions: list[Question], tmp_path: Path
) -> None:
    made = score_sheet([tmp_path / "gone.jsonl"], guides, guide_questions)
    assert "cannot be read as answers" in made.students.loc[0, "note"]


def test_a_solution_tells_the_path_and_the_hand_in(
    guides: Workbench, guide_questions: list[Question]
) -> None:
    found = solution(guides, guide_questions, seed="ada", number=SOLVED)
    assert found.looks[0][0] in repr(found)
    assert found.title in found._repr_html_()
    assert f"stage={found.stage!r}" in repr(found)
    assert found.fix in repr(found)
