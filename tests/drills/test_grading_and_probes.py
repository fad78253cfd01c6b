"""What grading says of fixes beyond right and wrong, and what probes show of made-up guides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.repairs.pricing import Population
from whymiss.drills import allow, index_again, read_again, remove_rows, set_knobs, swap
from whymiss.drills.applying import applied, n_rows_anew
from whymiss.drills.board import Board
from whymiss.drills.grading import HandIn, grade
from whymiss.drills.setting import Instance, Setter
from whymiss.errors import DrillError

Set = Callable[[str], Instance]


def board(instance: Instance, setter: Setter) -> Board:
    return Board(instance.case, setter.lab, budget=99)


def test_a_fix_that_takes_evidence_from_other_questions_gives_half(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("small_k")
    rows = instance.case.scene.space.snapshot.chunks
    other = instance.others.questions[0].evidence[0][0]
    gone = [
        c.chunk_id for c in rows
        if c.doc_id == other.doc_id and c.start < other.interval[1] and other.interval[0] < c.end
    ]  # fmt: skip
    assert instance.solution.fix is not None
    made = grade(instance, HandIn(fix=instance.solution.fix + remove_rows(gone)), guide_setter.lab)
    harmless = grade(instance, HandIn(fix=instance.solution.fix), guide_setter.lab)
    assert (made.fix, harmless.fix) == (0.5, 1.0)
    assert "loses 1" in made.feedback[0]
    assert "gives half" in made.feedback[0]
    assert not made.refused


def test_a_sledgehammer_is_told_what_it_costs(in_guides: Set, guide_setter: Setter) -> None:
    instance = in_guides("small_k")
    heavy = grade(instance, HandIn(fix=set_knobs({"retrieval.k": 50})), guide_setter.lab)
    price = instance.others.price(
        instance.case.scene, instance.case.scene.configured({"retrieval.k": 50})
    )
    assert price.added_tokens > 0
    assert f"{price.added_tokens:+.0f} tokens" in heavy.feedback[0]


def test_a_document_opened_to_everybody_gives_half(in_guides: Set, guide_setter: Setter) -> None:
    instance = in_guides("permission_mistag")
    doc_id = board(instance, guide_setter).doc_ids[0]
    asked = instance.case.scene.question.query.principals[0]
    narrow = grade(instance, HandIn(fix=allow(doc_id, asked)), guide_setter.lab)
    wide = grade(instance, HandIn(fix=allow(doc_id, "*")), guide_setter.lab)
    assert (narrow.fix, wide.fix) == (1.0, 0.5)
    assert "Everybody may read the document now" in wide.feedback[0]


def test_without_other_questions_a_fix_is_still_checked(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("small_k")
    alone = replace(instance, others=Population([], instance.case.scene))
    made = grade(alone, alone.solution, guide_setter.lab)
    assert made.full
    assert "no other labelled questions" in made.feedback[2]


@pytest.mark.parametrize(
    ("fix", "said"),
    [
        (index_again("nowhere.md"), "no document 'nowhere.md' is stored here"),
        (read_again("nowhere.md"), "there is no source of a document 'nowhere.md'"),
        (remove_rows("0"), "the index has no row '0'"),
        (set_knobs({"retrieval.candidate_depth": 1}), "candidate_depth must be at least"),
    ],
)
def test_a_fix_that_cannot_be_made_is_refused_with_the_reason(
    fix: object, said: str, in_guides: Set, guide_setter: Setter
) -> None:
    made = grade(in_guides("small_budget"), HandIn(fix=fix), guide_setter.lab)  # type: ignore[arg-type]
    assert made.fix == 0
    assert said in made.feedback[0]


def test_a_cause_that_only_goes_round_the_fault_is_told_so(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("duplicate_rows")
    helping = [
        code for code, tried in instance.tried.items()
        if tried.run is not None and tried.run.delivered and code != "I2"
    ]  # fmt: skip
    assert helping
    said = grade(instance, HandIn(cause=helping[0]), Lab())
    assert "only goes round it" in said.feedback[0]
    assert said.refused


def test_a_wrong_stage_is_told_whether_the_evidence_is_still_there(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("small_k")
    early = grade(instance, HandIn(stage="index"), guide_setter.lab).feedback[0]
    late = grade(instance, HandIn(stage="pack"), guide_setter.lab).feedback[0]
    absent = grade(instance, HandIn(stage="answer"), guide_setter.lab).feedback[0]
    assert "all the evidence is in what it handed on" in early
    assert "works on what it is given" in late
    assert "does not run" in absent


def test_rows_made_anew_are_counted_by_what_they_hold(in_guides: Set) -> None:
    case = in_guides("missing_rows").case
    doc_id = case.scene.question.evidence[0][0].doc_id
    after = applied(index_again(doc_id), case.scene, case.base)
    before = {c.chunk_id for c in case.scene.space.snapshot.chunks}
    new = {c.chunk_id for c in after.space.snapshot.chunks} - before
    assert n_rows_anew(case.scene, after) == len(new) > 0
    assert n_rows_anew(case.scene, case.scene) == 0


def test_a_swapped_part_is_the_sound_one_and_no_other(in_guides: Set) -> None:
    case = in_guides("dropped_text").case
    after = applied(swap("chunker"), case.scene, case.base)
    gold = case.base.document(case.base.question.evidence[0][0].doc_id)
    assert gold is not None
    sound = case.base.models.chunker(case.base.config).spans(gold)
    assert list(after.models.chunker(after.config).spans(gold)) == list(sound)
    assert list(case.scene.models.chunker(case.scene.config).spans(gold)) != list(sound)
    assert after.encoder is case.scene.encoder


def test_stages_show_the_rank_that_the_evidence_has(in_guides: Set, guide_setter: Setter) -> None:
    instance = in_guides("small_k")
    run = guide_setter.lab.run(instance.case.scene)
    found = board(instance, guide_setter).stages().set_index("stage")
    assert found.loc["rerank" if "rerank" in run.stages else found.index[-3], "evidence_at"] == (
        run.rank(run.ordered)
    )
    assert found.loc["select", "holds"] == "no"
    assert found.loc["select", "n"] == instance.case.scene.config.retrieval.k


def test_rows_say_what_each_holds_of_the_evidence(in_guides: Set, guide_setter: Setter) -> None:
    instance = in_guides("boundary_cut")
    made = board(instance, guide_setter)
    found = made.rows(made.doc_ids[0])
    start, end = instance.case.scene.question.evidence[0][0].interval
    by_hand = [max(0, min(b, end) - max(a, start)) for a, b in zip(found["start"], found["end"],
                                                                   strict=True)]  # fmt: skip
    assert list(found["evidence"]) == by_hand
    assert max(by_hand) < end - start
    assert found["as_stored"].all()


def test_rows_of_an_earlier_text_are_shown_as_such(in_guides: Set, guide_setter: Setter) -> None:
    made = board(in_guides("stale_version"), guide_setter)
    doc_id = made.doc_ids[0]
    assert not made.rows(doc_id)["as_stored"].all()
    assert made.cut(doc_id)["as_stored"].all()
    assert made.rows(doc_id)["evidence"].sum() == 0


def test_the_vector_check_finds_just_the_vectors_that_are_not_those_of_their_text(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("wrong_model_rows")
    made = board(instance, guide_setter)
    found = made.vector_check(made.doc_ids[0])
    scene, base = instance.case.scene.space.snapshot, instance.case.base.space.snapshot
    same = (scene.vectors == base.vectors).all(axis=1)
    by_id = {c.chunk_id: bool(ok) for c, ok in zip(scene.chunks, same, strict=True)}
    assert [bool(cosine > 0.99) for cosine in found["cosine"]] == [
        by_id[name] for name in found["chunk_id"]
    ]
    assert not all(by_id.values())
    assert np.allclose(found["length"].astype(float), 1.0, atol=0.01)


def test_the_context_tells_what_was_left_out_and_why(in_guides: Set, guide_setter: Setter) -> None:
    instance = in_guides("small_budget")
    run = guide_setter.lab.run(instance.case.scene)
    found = board(instance, guide_setter).context()
    assert list(found.loc[found["fate"] != "read", "fate"]) == [why for _, why in
                                                                 run.context.dropped]  # fmt: skip
    assert found.loc[found["evidence"].astype(bool), "fate"].eq("over budget").all()


def test_permissions_have_a_row_for_every_rule(in_guides: Set, guide_setter: Setter) -> None:
    made = board(in_guides("filter_mistag"), guide_setter)
    found = made.permissions(made.doc_ids[0])
    assert list(found["passes"]) == [True, False]
    assert made.permissions("nowhere.md").empty


def test_a_document_that_is_not_stored_is_shown_as_such(
    in_guides: Set, guide_setter: Setter
) -> None:
    made = board(in_guides("corpus_gap"), guide_setter)
    found = made.document(made.doc_ids[0]).iloc[0]
    assert (found["stored"], found["n_rows"], found["evidence"], found["text"]) == (
        False, 0, "0 of 1", "",
    )  # fmt: skip


def test_an_abstention_is_shown_with_its_reason(in_guides: Set, guide_setter: Setter) -> None:
    found = board(in_guides("abstaining_generator"), guide_setter).answer()
    assert len(found) == 1
    assert "(" in found.loc[0, "claim"]
    assert found["support"].isna().all()


def test_a_path_that_does_not_fit_says_so(in_guides: Set, guide_setter: Setter) -> None:
    small_k, small_budget = in_guides("small_k"), in_guides("small_budget")
    with pytest.raises(DrillError, match="the written path does not fit: the evidence was not"):
        small_budget.kind.path(board(small_k, guide_setter))


def test_what_came_through_by_the_fault_alone_is_no_loss(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("small_k")
    other = instance.others.questions[0].evidence[0][0]
    gone = [
        c.chunk_id for c in instance.case.scene.space.snapshot.chunks
        if c.doc_id == other.doc_id and c.start < other.interval[1] and other.interval[0] < c.end
    ]  # fmt: skip
    # A "healthy" pipeline that delivers nothing: whatever is lost came through by the fault.
    nothing = instance.case.base.configured({"context.token_budget": 1})
    lucky = replace(instance, case=replace(instance.case, base=nothing))
    assert instance.solution.fix is not None
    made = grade(lucky, HandIn(fix=instance.solution.fix + remove_rows(gone)), guide_setter.lab)
    assert made.fix == 1.0
    assert "came through by the fault alone" in made.feedback[0]


def test_delivered_evidence_is_not_enough_where_the_answer_went_wrong(
    in_guides: Set, guide_setter: Setter
) -> None:
    instance = in_guides("abstaining_generator")
    assert guide_setter.lab.run(instance.case.scene).delivered
    idle = grade(instance, HandIn(fix=set_knobs({"retrieval.k": 6})), guide_setter.lab)
    assert idle.fix == 0
    assert "the answer does not rest on it" in idle.feedback[0]


def test_what_is_lost_from_the_stored_text_is_shown_in_no_row(
    in_guides: Set, guide_setter: Setter
) -> None:
    made = board(in_guides("parse_loss"), guide_setter)
    assert made.doc_ids[0] in set(made.candidates()["doc_id"])
    assert not made.candidates()["evidence"].any()
    assert made.rows(made.doc_ids[0])["evidence"].sum() == 0
