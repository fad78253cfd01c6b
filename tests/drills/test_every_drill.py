"""Every kind of drill on the bundled corpus with its model: solvable, and hard to guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from whymiss.diagnosis.causes import CAUSES
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.lab import Lab
from whymiss.drills.answers import Answers
from whymiss.drills.applying import applied
from whymiss.drills.board import Board
from whymiss.drills.catalogue import BUDGETS, KINDS, Kind
from whymiss.drills.drill import Drill, hints
from whymiss.drills.fixes import Fix, allow, set_knobs, tag
from whymiss.drills.grading import HandIn, grade
from whymiss.drills.setting import Instance, Setter
from whymiss.stages import STAGES

pytestmark = pytest.mark.model

Set = Callable[[str], Instance]
EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.fault.name)


@EVERY
def test_the_diagnosis_finds_what_is_broken(kind: Kind, in_helpdesk: Set) -> None:
    instance = in_helpdesk(kind.fault.name)
    said = diagnose(instance.case.scene, lab=Lab())
    assert ((said.proven[0], said.stage),) == instance.case.keys


@EVERY
def test_the_written_path_gets_all_points_within_the_budget(
    kind: Kind, in_helpdesk: Set, helpdesk_setter: Setter
) -> None:
    instance = in_helpdesk(kind.fault.name)
    board = Board(instance.case, helpdesk_setter.lab, budget=BUDGETS[kind.level])
    fix = kind.path(board)
    said = replace(instance.solution, fix=fix)
    drill = Drill(instance, helpdesk_setter.lab, Answers("ada", None))
    assert fix.steps == instance.solution.fix.steps  # type: ignore[union-attr]
    assert drill.hand_in(stage=said.stage, cause=said.cause, fix=said.fix).points == 10
    assert drill.hand_ins_left == 0


@EVERY
def test_the_path_in_words_names_the_probes_that_it_takes(kind: Kind, in_helpdesk: Set) -> None:
    taken = [key.split('"')[1] for key in in_helpdesk(kind.fault.name).taken]
    assert taken == [probe for probe, _ in kind.looks]


@EVERY
def test_every_other_stage_and_cause_is_refused(kind: Kind, in_helpdesk: Set) -> None:
    instance = in_helpdesk(kind.fault.name)
    ((cause, stage),) = instance.case.keys
    lab = Lab()
    for other in STAGES:
        made = grade(instance, HandIn(stage=other), lab)
        assert made.refused is (other != stage), other
    for code in [c.code for c in CAUSES]:
        made = grade(instance, HandIn(cause=code), lab)
        assert made.refused is (code != cause), code
        assert code in made.feedback[0]


@EVERY
def test_fixes_that_change_nothing_of_the_kind_are_refused(
    kind: Kind, in_helpdesk: Set, helpdesk_setter: Setter
) -> None:
    instance = in_helpdesk(kind.fault.name)
    elsewhere = next(
        d for d in instance.case.scene.space.catalogue.documents
        if d not in {s.doc_id for spans in instance.case.scene.question.evidence for s in spans}
    )  # fmt: skip
    for fix in (
        set_knobs({"retrieval.bm25_engine": "sparse"}),
        tag(elsewhere, {"colour": "blue"}),
        allow(elsewhere, "nobody in particular"),
    ):
        assert grade(instance, HandIn(fix=fix), helpdesk_setter.lab).fix == 0, fix


@EVERY
def test_half_of_a_fix_of_two_steps_is_refused(
    kind: Kind, in_helpdesk: Set, helpdesk_setter: Setter
) -> None:
    instance = in_helpdesk(kind.fault.name)
    steps = instance.solution.fix.steps  # type: ignore[union-attr]
    for step in steps if len(steps) > 1 else ():
        made = grade(instance, HandIn(fix=Fix(steps=(step,))), helpdesk_setter.lab)
        assert made.fix == 0, step


@EVERY
def test_the_fix_brings_back_what_the_healthy_pipeline_had(kind: Kind, in_helpdesk: Set) -> None:
    instance = in_helpdesk(kind.fault.name)
    case, fix = instance.case, instance.solution.fix
    assert fix is not None
    assert Lab().run(case.base).ending == "healthy"
    assert Lab().run(case.scene).ending in ("lost", "wrong answer")
    after = Lab().run(applied(fix, case.scene, case.base))
    assert after.ending == "healthy"


@EVERY
def test_nothing_that_a_student_sees_tells_the_fault(
    kind: Kind, in_helpdesk: Set, helpdesk_setter: Setter
) -> None:
    instance = in_helpdesk(kind.fault.name)
    drill = Drill(instance, helpdesk_setter.lab, Answers("ada", None))
    doc_id = drill.doc_ids[0]
    seen = [repr(drill), drill._repr_html_(), *hints(instance)]

    def looked(name: str, *given: str) -> str:
        # Of a fresh drill each, so that the budget is no limit here.
        frame = getattr(Drill(instance, helpdesk_setter.lab, Answers("ada", None)), name)(*given)
        return f"{list(frame.columns)}{frame.to_csv()}"

    wide = ("stages", "settings", "candidates", "context", "answer")
    close = ("document", "rows", "cut", "permissions", "vector_check")
    seen += [looked(name) for name in wide] + [looked(name, doc_id) for name in close]
    wrong = "Q1" if kind.fault.cause != "Q1" else "S0"
    seen.append(repr(drill.hand_in(cause=wrong)))
    told = "\n".join(seen).casefold()
    assert kind.fault.name not in told
    assert kind.fault.title not in told
    assert kind.fault.cause.casefold() not in repr(drill).casefold().split()


@pytest.mark.parametrize("name", ["small_k", "stale_version", "wrong_citation"])
def test_another_seed_gives_another_drill_and_the_same_seed_the_same(
    name: str, in_helpdesk: Set, helpdesk: object, helpdesk_setter: Setter
) -> None:
    kind = next(kind for kind in KINDS if kind.fault.name == name)
    here = in_helpdesk(name)
    again = helpdesk_setter.set(kind, "ada", here.number)
    other = helpdesk_setter.set(kind, "grace", here.number)
    assert _identity(again) == _identity(here)
    assert _identity(other) != _identity(here)


def _identity(instance: Instance) -> tuple[object, ...]:
    scene = instance.case.scene
    return (
        scene.question.query_id,
        scene.config.fingerprint(),
        tuple(chunk.chunk_id for chunk in scene.space.snapshot.chunks),
        scene.space.snapshot.vectors.tobytes(),
        repr(instance.solution),
        instance.taken,
    )
