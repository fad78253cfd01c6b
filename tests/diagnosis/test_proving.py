"""What one patch proves, what only several prove together, and what stays unexplained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from handmade import GOLD, TableReranker, Writer, filler, handmade, question, where

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes import ANSWERING, BELIEVED, CAUSES, RIVALS, Look
from whymiss.diagnosis.causes.cause import Cause, Patch
from whymiss.diagnosis.diagnosing import diagnose, rules_alone
from whymiss.diagnosis.edits import with_rows
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.proving import prove
from whymiss.diagnosis.scene import Scene
from whymiss.stages import STAGES

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
FRONT: Mapping[str, float] = {**COSINES, "Refunds": 0.9}
MONTHLY = {"gold.md": {"metadata": {"plan": "monthly"}}}
FOR_ANNUAL = question(TEXTS, ("gold.md", GOLD), where=where(plan="annual"))


def scene(cosines: Mapping[str, float] = FRONT, asked: Any = LABELLED, **how: Any) -> Scene:
    return handmade(TEXTS, asked, cosines, **how)


def test_every_cause_has_a_code_a_name_and_a_stage_of_its_own_and_one_place_in_belief() -> None:
    codes = [cause.code for cause in CAUSES]

    assert codes == [
        "Q1", "L1", "S0", "S1", "S2d", "S2a", "S2b", "S2c", "S3a", "S3b", "S3c", "S3d",
        "I1", "I2", "I3", "I4", "F1", "F2", "F3", "S4", "S5", "Q2", "S6", "S7", "S8",
        "C1", "C4", "C2", "C3", "G1", "G2", "G3", "G4", "G5", "X1",
    ]  # fmt: skip
    assert len({cause.name for cause in CAUSES}) == len(CAUSES) == 35
    assert sorted(codes) == sorted(cause.code for cause in BELIEVED)
    assert {*RIVALS, *ANSWERING} <= set(CAUSES)
    assert all(cause.stage in (*STAGES, "candidates") for cause in CAUSES)


def test_every_diagnosis_has_one_finding_for_every_cause_in_the_order_of_the_walk() -> None:
    for made in (scene(), scene({**COSINES, "Refunds": 0.1}), scene(asked=question(TEXTS))):
        assert [f.cause for f in diagnose(made).findings] == [cause.code for cause in CAUSES]


def test_of_a_healthy_question_nothing_is_tried_and_nothing_proven() -> None:
    made = diagnose(scene())

    assert made.ending == "healthy"
    assert made.proven == ()
    assert made.cause is None
    assert made.stage == ""
    assert not made.unexplained
    assert not any(finding.patch for finding in made.findings)


def test_without_evidence_nothing_is_ever_proven() -> None:
    made = diagnose(scene(asked=question(TEXTS), about=MONTHLY, knobs={"retrieval.k": 1}))

    assert made.ending == "unjudged"
    assert made.proven == ()
    assert not made.unexplained
    assert "proven" not in {finding.verdict for finding in made.findings}


def test_one_fault_is_proven_by_its_own_patch_and_by_itself() -> None:
    made = diagnose(scene(asked=FOR_ANNUAL, about=MONTHLY))

    assert made.proven == ("F1",)
    assert made.finding("F1").together_with == ()


def two_faults() -> Scene:
    """The filter excludes the evidence, and the reranker puts it last."""
    about = {**{doc_id: {"metadata": {"plan": "annual"}} for doc_id in FILLER}, **MONTHLY}
    # The whole order is the reranker's; the context holds no more than k by far.
    knobs = {"rerank.blend": "replace", "context.token_budget": 60, "retrieval.candidate_depth": 50}
    reranker = TableReranker({"Refunds": 0.1, "Topic": 0.5})
    return scene(asked=FOR_ANNUAL, about=about, knobs=knobs, reranker=reranker)


def test_two_faults_are_proven_by_both_patches_together_and_each_names_the_other() -> None:
    made = diagnose(two_faults())

    assert made.proven == ("F1", "S7")
    assert made.finding("F1").together_with == ("S7",)
    assert made.finding("S7").together_with == ("F1",)
    assert made.finding("S7").patch == "without the reranker"
    assert made.lost_at == "filter"
    assert not made.unexplained


def test_three_faults_are_walked_one_after_the_other() -> None:
    made = diagnose(two_faults().configured({"context.token_budget": 1}))

    assert set(made.proven) == {"F1", "S7", "C1"}
    assert set(made.finding("C1").together_with) == {"F1", "S7"}


def test_what_no_patch_brings_back_is_unexplained() -> None:
    # Nothing can be put back of a document that is not stored and was not quoted.
    placed = replace(LABELLED.evidence[0][0], quote=None)
    gone = replace(LABELLED, evidence=((placed,),))
    made = diagnose(handmade(FILLER, gone, COSINES))

    assert made.unexplained
    assert made.proven == ()
    assert made.cause is None
    assert made.stage == made.lost_at == "parse"


def test_by_rules_alone_nothing_is_proven_and_suspicions_stand_in_order_of_belief() -> None:
    made = diagnose(two_faults(), proofs=False)
    suspected = [tried.cause.code for tried in rules_alone(two_faults(), lab=Lab())]

    assert made.proven == ()
    assert not made.unexplained
    assert made.n_reruns < diagnose(two_faults()).n_reruns
    assert suspected[0] == "F1"
    assert {f.cause for f in made.findings if f.verdict == "implicated"} == set(suspected)


def test_the_same_scene_is_diagnosed_the_same_in_any_lab() -> None:
    made, lab = two_faults(), Lab()
    first, again = diagnose(made, lab=lab), diagnose(made, lab=lab)
    other = diagnose(two_faults())

    assert replace(again, n_reruns=0) == replace(first, n_reruns=0)
    assert other == first


def test_progress_counts_every_cause() -> None:
    steps: list[tuple[str, int, int]] = []
    diagnose(scene(asked=FOR_ANNUAL, about=MONTHLY), progress=lambda *step: steps.append(step))

    assert [done for _, done, _ in steps] == list(range(len(CAUSES)))
    assert {total for _, _, total in steps} == {len(CAUSES)}
    assert steps[0][0] == "diagnose: Unanswerable"


def test_severity_is_the_ranks_that_the_patch_brings_it_forward() -> None:
    knobs = {"rerank.blend": "replace"}
    made = diagnose(scene(reranker=TableReranker({"Refunds": 0.1, "Topic": 0.5}), knobs=knobs))
    hidden = diagnose(scene(asked=FOR_ANNUAL, about=MONTHLY))

    assert made.finding("S7").severity == 13 - 1
    assert hidden.finding("F1").severity is None


# Rules of proof, on causes that are written here


def cause(code: str, look: Look) -> Cause:
    return Cause(code=code, name=f"Cause {code}", stage="chunk", look=lambda case: look)


def patched(made: Scene, says: str, **knobs: Any) -> Patch:
    return Patch(
        says=says,
        apply=lambda: made.configured({k.replace("__", "."): v for k, v in knobs.items()}),
    )


def with_causes(monkeypatch: pytest.MonkeyPatch, *causes: Cause) -> None:
    """Only these causes, believed in this order."""
    for name, value in {"CAUSES": causes, "BELIEVED": causes, "RIVALS": causes[:1]}.items():
        monkeypatch.setattr(f"whymiss.diagnosis.proving.{name}", value)


def proven(made: Scene) -> list[tuple[str, str]]:
    proof = prove(Lab(), made)
    return [(tried.cause.code, tried.patch) for tried in proof.needed]


LATE = {**COSINES, "Refunds": 0.1}


def test_what_is_out_of_order_in_itself_is_believed_before_what_is_a_matter_of_degree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = scene(LATE)
    works = (patched(made, "more", retrieval__k=13),)
    plain = cause("A", Look(says="a", patches=works))
    odd = cause("B", Look(says="b", deviation="b", patches=works))
    broken = cause("C", Look(says="c", deviation="c", definite=True, patches=works))
    with_causes(monkeypatch, plain, odd, broken)

    assert [code for code, _ in proven(made)] == ["C", "B", "A"]


def test_patches_are_tried_in_their_order_until_one_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene(LATE)
    tried = cause("A", Look(says="a", patches=(
        patched(made, "no help", retrieval__k=2), patched(made, "enough", retrieval__k=13),
        patched(made, "too much", retrieval__k=20),
    )))  # fmt: skip
    with_causes(monkeypatch, tried)

    assert proven(made) == [("A", "enough")]


def test_a_cause_whose_input_is_missing_is_unknown_and_one_without_effect_is_not_proven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = scene(LATE)
    idle = cause("A", Look(says="a", deviation="a", patches=(patched(made, "no", retrieval__k=2),)))
    blank = cause("B", Look(says="b", unknown="b"))
    with_causes(monkeypatch, idle, blank)
    monkeypatch.setattr("whymiss.diagnosis.diagnosing.CAUSES", (idle, blank))
    found = diagnose(made)

    assert [finding.verdict for finding in found.findings] == ["implicated", "unknown"]
    assert found.unexplained


def without(numbers: range) -> Callable[[Case], Look]:
    """A cause whose patch takes some fillers out of the index."""
    gone = {f"filler{n:02}.md" for n in numbers}

    def look(case: Case) -> Look:
        drop = [row for row, chunk in enumerate(case.chunks) if chunk.doc_id in gone]
        patch = Patch(says=f"{len(gone)} gone", apply=lambda: with_rows(case.scene, drop=drop))
        return Look(says="crowded", deviation="crowded", patches=(patch,))

    return look


def seven_selected(case: Case) -> Look:
    patch = patched(case.scene, "k 7", retrieval__k=7)
    return Look(says="few", deviation="few", patches=(patch,))


def test_a_patch_that_brings_the_evidence_further_and_is_not_needed_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The evidence is at 13, k is 3. A brings it to 11 and, being believed most, is taken first; B
    # brings it to 5, and C selects 7. Without A it is at 7 after B, and C selects it all the same.
    a, b, c = (
        Cause(code=code, name=code, stage="chunk", look=look)
        for code, look in {
            "A": without(range(2)), "B": without(range(2, 8)), "C": seven_selected,
        }.items()
    )  # fmt: skip
    with_causes(monkeypatch, a, b, c)
    proof = prove(Lab(), scene(LATE))

    assert [tried.cause.code for tried in proof.needed] == ["B", "C"]
    assert proof.together


def test_a_chain_ends_where_nothing_brings_the_evidence_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = scene(LATE)
    idle = [
        cause(code, Look(says="a", deviation="a", patches=(patched(made, "no", retrieval__k=2),)))
        for code in "ABCDE"
    ]
    with_causes(monkeypatch, *idle)

    assert proven(made) == []


def test_the_answer_is_blamed_only_where_the_evidence_is_there_and_all_else_only_where_not() -> (
    None
):
    ignoring = Writer(lambda _: ("Plants are watered on Mondays.", []))
    delivered = diagnose(scene(generator=ignoring))
    lost = diagnose(scene(LATE, generator=ignoring))
    codes = {cause.code for cause in ANSWERING}

    assert {f.cause for f in delivered.findings if f.patch} <= codes
    assert {f.cause for f in lost.findings if f.patch} & codes == set(lost.then)
    assert set(delivered.proven) <= codes


# Approximate search


@pytest.fixture
def overlooking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Approximate search that never finds the evidence."""

    def search(snapshot: Any, query: Any, permitted: Any, *, depth: int, config: Any) -> Any:
        cosines = snapshot.vectors @ query
        rows = np.argsort(-cosines).tolist()
        found = [(row, float(cosines[row])) for row in rows
                 if permitted[row] and snapshot.chunks[row].doc_id != "gold.md"]  # fmt: skip
        return found[:depth]

    monkeypatch.setattr("whymiss.retrieval.dense.search_ann", search)


@pytest.mark.usefixtures("overlooking")
def test_beneath_approximate_search_all_else_is_tried_on_the_exact_twin() -> None:
    knobs = {"index.ann": "ivf_pq"}
    about = {**{doc_id: {"metadata": {"plan": "annual"}} for doc_id in FILLER}, **MONTHLY}
    made = diagnose(scene(asked=FOR_ANNUAL, about=about, knobs=knobs))
    alone = diagnose(scene(asked=FOR_ANNUAL, about=about))

    assert alone.proven == ("F1",)
    assert "F1" in made.proven
    assert made.finding("F1").patch == alone.finding("F1").patch


@pytest.mark.usefixtures("overlooking")
def test_where_exact_search_is_enough_nothing_else_is_proven() -> None:
    proof = prove(Lab(), scene(knobs={"index.ann": "ivf_pq"}))

    assert [tried.cause.code for tried in proof.needed] == ["I4"]
    assert not proof.together
    assert proof.mended is not None
    assert proof.mended.scene.config.index.ann == "none"


@pytest.mark.usefixtures("overlooking")
def test_where_exact_search_and_one_more_patch_are_needed_both_are_proven() -> None:
    made = diagnose(scene(LATE, knobs={"index.ann": "ivf_pq"}))

    assert made.proven[0] == "I4"
    assert made.finding("S8").together_with
    assert len({*made.proven}) == len(made.proven)
