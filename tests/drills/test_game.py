"""The game over made-up guides: probes counted, hints, hand-ins, points, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from whymiss.diagnosis.causes import CAUSES
from whymiss.drills import DrillError, Drills, key, set_knobs
from whymiss.drills.answers import MOST_HAND_INS, N_HINTS, Answers
from whymiss.drills.board import PROBES
from whymiss.drills.catalogue import KINDS, N_DRILLS, SLOTS, layout
from whymiss.drills.drill import Drill
from whymiss.drills.grading import Grade, points
from whymiss.drills.setting import Instance, Setter
from whymiss.evaluation.labels import Question
from whymiss.workbench import Workbench

Set = Callable[[str], Instance]
NO_FIX = set_knobs({"retrieval.bm25_engine": "sparse"})


def drill(instance: Instance, setter: Setter, answers: Answers | None = None) -> Drill:
    return Drill(instance, setter.lab, answers or Answers("ada", None))


def test_every_level_has_more_kinds_than_drills() -> None:
    for level, n in SLOTS.items():
        assert sum(kind.level == level for kind in KINDS) > n
    assert N_DRILLS == 18


def test_a_seed_gives_no_kind_twice_and_another_seed_another_order() -> None:
    layouts = {seed: [k.fault.name for k in layout(seed)] for seed in ("ada", "grace", "alan")}
    assert all(len(set(names)) == N_DRILLS for names in layouts.values())
    assert len({tuple(names) for names in layouts.values()}) == 3
    assert [k.fault.name for k in layout("ada")] == layouts["ada"]


def test_the_key_tells_the_fault_of_every_drill_without_a_store() -> None:
    table = key("ada")
    assert list(table["cause"]) == [kind.fault.cause for kind in layout("ada")]
    assert list(table["level"]) == [1] * 5 + [2] * 7 + [3] * 6


def test_the_same_probe_again_is_free_and_another_one_costs(
    in_guides: Set, guide_setter: Setter
) -> None:
    made = drill(in_guides("small_k"), guide_setter)
    before = made.probes_left
    first = made.stages()
    assert made.probes_left == before - 1
    assert made.stages().equals(first)
    assert made.probes_left == before - 1
    made.document(made.doc_ids[0])
    made.document("another.md")
    assert made.probes_left == before - 3


def test_a_table_that_is_changed_by_hand_changes_no_probe(
    in_guides: Set, guide_setter: Setter
) -> None:
    made = drill(in_guides("small_k"), guide_setter)
    mine = made.stages()
    mine.loc[0, "stage"] = "mine"
    assert "mine" not in set(made.stages()["stage"])


def test_beyond_the_budget_probes_are_refused_and_known_ones_are_not(
    in_guides: Set, guide_setter: Setter
) -> None:
    made = drill(in_guides("small_k"), guide_setter)
    for number in range(made.probes_left):
        made.rows(f"{number}.md")
    with pytest.raises(DrillError, match="6 probes of this drill are used up"):
        made.stages()
    assert made.rows("0.md").empty


def test_a_probe_that_is_refused_for_what_it_was_given_costs_nothing(
    in_guides: Set, guide_setter: Setter
) -> None:
    made = drill(in_guides("small_k"), guide_setter)
    before = made.probes_left
    with pytest.raises(DrillError, match="there are no candidates behind 'parse'"):
        made.candidates("parse")
    with pytest.raises(DrillError, match="search needs words"):
        made.search(" ")
    with pytest.raises(DrillError, match="a drill does not change"):
        made.rerun({"embedding.model": "x"})
    assert made.probes_left == before


def test_every_probe_of_the_menu_can_be_taken(in_guides: Set, guide_setter: Setter) -> None:
    given = {"rerun": ({"retrieval.k": 9},), "search": ("invoice jobs",)}
    for name in PROBES:
        made = drill(in_guides("small_k"), guide_setter)
        close = name in ("document", "rows", "cut", "permissions", "vector_check")
        frame = getattr(made, name)(*given.get(name, made.doc_ids[:1] if close else ()))
        assert len(frame), name
        assert name in repr(made)
        assert f"<code>{name}</code>" in made._repr_html_()


def test_three_hints_come_in_order_and_each_costs_a_point(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("small_k")
    made = drill(instance, guide_setter)
    told = [made.hint() for _ in range(N_HINTS)]
    assert "in the search itself" in told[0]
    assert "stages" in told[1]
    assert len(set(told)) == N_HINTS
    with pytest.raises(DrillError, match="3 hints of this drill are used up"):
        made.hint()
    said = instance.solution
    assert made.hand_in(stage=said.stage, cause=said.cause, fix=said.fix).points == 7


def test_a_refused_hand_in_costs_a_point_and_what_was_right_stays_right(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("small_k")
    made = drill(instance, guide_setter)
    first = made.hand_in(stage="select", cause="S6", fix=NO_FIX)
    assert (first.grade.stage, first.grade.cause, first.grade.fix) == (True, False, 0)
    assert first.points == 2
    assert made.hand_in(cause="S8").points == 6
    assert made.hand_in(fix=instance.solution.fix).points == 9
    with pytest.raises(DrillError, match="this drill is solved"):
        made.hand_in(stage="select")


def test_after_three_hand_ins_a_drill_is_closed(in_guides: Set, guide_setter: Setter) -> None:
    made = drill(in_guides("small_k"), guide_setter)
    for _ in range(MOST_HAND_INS):
        assert made.hand_in(stage="fuse").points == 0
    with pytest.raises(DrillError, match="3 hand-ins of this drill are used up"):
        made.hand_in(stage="select")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs a stage, a cause or a fix"),
        ({"stage": "index "}, "a stage is one of parse"),
        ({"cause": "S88"}, "a cause is one of Q1"),
        ({"fix": "k = 8"}, "a fix is made by"),
    ],
)
def test_what_is_not_understood_is_refused_and_costs_nothing(
    given: dict[str, str], said: str, in_guides: Set, guide_setter: Setter
) -> None:
    made = drill(in_guides("small_k"), guide_setter)
    with pytest.raises(DrillError, match=said):
        made.hand_in(**given)  # type: ignore[arg-type]
    assert made.hand_ins_left == MOST_HAND_INS


def test_points_never_fall_below_zero() -> None:
    wrong = Grade(stage=False, cause=False, fix=0.0, feedback=())
    assert points([wrong] * 3, n_hints=3) == 0


def test_a_hand_in_reads_as_text_and_as_html(in_guides: Set, guide_setter: Setter) -> None:
    made = drill(in_guides("small_k"), guide_setter).hand_in(stage="select", fix=NO_FIX)
    assert "Stage: right, select is at fault." in repr(made)
    assert "2 of 10 points" in repr(made)
    assert "not said" in made._repr_html_()


def test_work_goes_on_where_it_stopped(
    guides: Workbench, guide_questions: list[Question], tmp_path: Path
) -> None:
    def opened() -> Drills:
        return Drills(guides, guide_questions, seed="ada", answers=tmp_path / "ada.jsonl")

    number, before = 1, opened()
    before[number].stages()
    before[number].hint()
    before[number].hand_in(stage="fuse")
    after = opened()
    assert after.score().equals(before.score())
    again = after[number]
    assert again.probes_left == before[number].probes_left
    again.stages()
    assert again.probes_left == before[number].probes_left
    assert again.hand_ins_left == MOST_HAND_INS - 1
    row = after.score().set_index("drill").loc[number]
    assert (row["status"], row["probes"], row["hints"], row["hand_ins"]) == ("begun", 1, 1, 1)


def test_the_table_of_drills_has_every_number_and_the_points(
    guides: Workbench, guide_questions: list[Question]
) -> None:
    made = Drills(guides, guide_questions, seed="ada <b>")
    assert len(made) == N_DRILLS
    assert list(made.score()["drill"]) == list(range(1, N_DRILLS + 1))
    assert "0 of 180 points" in repr(made)
    assert "ada &lt;b&gt;" in made._repr_html_()
    assert list(made.causes()["code"]) == [cause.code for cause in CAUSES]
    assert made.causes()["means"].str.len().min() > 10
    with pytest.raises(DrillError, match="numbered 1 to 18; got 19"):
        made[19]


def test_a_corpus_that_suits_no_drill_is_one_clear_error(
    guides: Workbench, guide_questions: list[Question]
) -> None:
    with pytest.raises(DrillError, match="a drill needs a labelled question"):
        Drills(guides, [], seed="ada")
    with pytest.raises(DrillError, match="drills need a seed"):
        Drills(guides, guide_questions, seed=" ")


def test_a_file_of_another_seed_is_refused(
    guides: Workbench, guide_questions: list[Question], tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"seed": "grace", "drill": 1, "did": "hint"}\n')
    with pytest.raises(DrillError, match="is of seed 'grace', not 'ada'"):
        Drills(guides, guide_questions, seed="ada", answers=path)
