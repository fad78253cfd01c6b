"""F1 wrongly excluded, F2 starvation, F3 leak: planted by hand, and nearly so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from handmade import GOLD, clears, filler, handmade, proves, question, where

from whymiss.diagnosis.diagnosing import diagnose, rules_alone
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene
from whymiss.records import Query
from whymiss.retrieval import SearchSpace

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
BEHIND = {**COSINES, "Refunds": 0.1}
FRONT = {**COSINES, "Refunds": 0.9}


def tagged(gold: str | None, cosines: dict[str, float], **knobs: Any) -> Scene:
    """Annual terms are asked for; the fillers are, the evidence has a tag of its own or none."""
    about = {doc_id: {"metadata": {"plan": "annual"}} for doc_id in FILLER}
    about["gold.md"] = {"metadata": {"plan": gold} if gold else {}}
    asked = question(TEXTS, ("gold.md", GOLD), where=where(plan="annual"))
    return handmade(TEXTS, asked, cosines, about=about, knobs=knobs)


@pytest.mark.parametrize("tag", ["monthly", None], ids=["another tag", "no tag"])
def test_f1_a_clause_excludes_the_evidence(tag: str | None) -> None:
    made = proves(tagged(tag, FRONT), "F1")

    assert made.lost_at == made.stage == "filter"
    assert made.finding("F1").patch == "the evidence's documents marked as the filter asks"


def test_f1_is_silent_where_the_evidence_passes_the_clause_and_ranks_behind() -> None:
    made = clears(tagged("annual", BEHIND), "F1")

    assert "hidden_rows" not in made.finding("F1").numbers


def closed(readers: tuple[str, ...], cosines: dict[str, float], asker: tuple[str, ...]) -> Scene:
    asked = question(TEXTS, ("gold.md", GOLD), principals=asker)
    return handmade(TEXTS, asked, cosines, about={"gold.md": {"allowed": readers}})


@pytest.mark.parametrize("asker", [("guests",), ()], ids=["of another group", "without a name"])
def test_f1_the_asker_may_not_read_the_evidence(asker: tuple[str, ...]) -> None:
    made = proves(closed(("staff",), FRONT, asker), "F1")

    assert made.finding("F1").patch == "gold.md made readable to the asker"


def test_f1_is_silent_where_the_asker_may_read_the_evidence() -> None:
    clears(closed(("staff",), BEHIND, ("staff", "guests")), "F1")


def test_f1_a_clause_and_a_permission_are_put_right_at_once() -> None:
    scene = closed(("staff",), FRONT, ("guests",))
    query = replace(scene.question.query, where=where(plan="annual"))
    made = proves(replace(scene, question=replace(scene.question, query=query)), "F1")

    assert made.finding("F1").patch == "all clauses dropped, and the documents made readable"


def starving(depth: int, *, tagged_rows: int = 0, mode: str = "post") -> Scene:
    """The evidence is at 13 of all, behind twelve rows of which so many pass the filter."""
    about = {
        doc_id: {"metadata": {"plan": "annual" if n < tagged_rows else "monthly"}}
        for n, doc_id in enumerate(sorted(FILLER))
    }
    about["gold.md"] = {"metadata": {"plan": "annual"}}
    asked = question(TEXTS, ("gold.md", GOLD), where=where(plan="annual"))
    knobs = {"retrieval.filter_mode": mode, "retrieval.candidate_depth": depth}
    return handmade(TEXTS, asked, BEHIND, about=about, knobs=knobs)


def test_f2_the_filter_leaves_too_few_of_the_candidates() -> None:
    made = proves(starving(5, tagged_rows=2), "F2")

    assert made.lost_at == "dense"
    assert made.stage == "filter"
    assert made.finding("F2").numbers == {"dense_left": 2}


def test_f2_is_silent_where_the_filter_acts_first() -> None:
    clears(starving(5, tagged_rows=12, mode="pre"), "F2")


def test_f2_is_silent_where_all_candidates_pass_the_filter() -> None:
    clears(starving(5, tagged_rows=12), "F2")


def test_f2_is_silent_where_candidates_are_deeper_than_the_index() -> None:
    # All 13 rows are candidates, so the filter takes nothing away that was not looked at.
    clears(starving(50, tagged_rows=11), "F2")


@pytest.mark.parametrize("tagged_rows", [2, 12])
def test_f2_is_told_by_rules_alone_from_what_is_left(tagged_rows: int) -> None:
    scene = starving(5, tagged_rows=tagged_rows)
    suspected = [tried.cause.code for tried in rules_alone(scene, lab=Lab())]

    assert ("F2" in suspected) == (tagged_rows == 2)


def test_f2_is_silent_where_bm25_finds_few_whatever_the_filter() -> None:
    scene = starving(5, tagged_rows=2)
    text = "Which arrive?"
    asked = replace(scene.question, query=replace(scene.question.query, text=text))
    made = diagnose(replace(scene, question=asked).configured({"retrieval.mode": "bm25"}))

    assert made.finding("F2").numbers == {"bm25_left": 1}
    assert made.finding("F2").verdict == "cleared"


class LeakySpace(SearchSpace):
    """Shows every row to everybody."""

    def visible(self, query: Query, *, apply_where: bool = True) -> Any:
        return np.ones(len(self.snapshot), bool)


@pytest.mark.parametrize("cosines", [FRONT, BEHIND], ids=["delivered", "lost"])
def test_f3_a_row_was_retrieved_that_the_asker_may_not_read(cosines: dict[str, float]) -> None:
    about = {"filler00.md": {"allowed": ("staff",)}}
    asked = question(TEXTS, ("gold.md", GOLD))
    made = diagnose(handmade(TEXTS, asked, cosines, about=about, space_type=LeakySpace))

    assert made.finding("F3").verdict == "implicated"
    assert "F3" not in made.proven


def test_f3_is_silent_where_the_asker_is_of_the_group() -> None:
    about = {"filler00.md": {"allowed": ("staff",)}}
    asked = question(TEXTS, ("gold.md", GOLD), principals=("staff",))

    clears(handmade(TEXTS, asked, BEHIND, about=about), "F3")


def test_f3_is_silent_where_what_may_not_be_read_was_not_retrieved() -> None:
    about = {"filler00.md": {"allowed": ("staff",)}}
    asked = question(TEXTS, ("gold.md", GOLD))

    clears(handmade(TEXTS, asked, BEHIND, about=about), "F3")
