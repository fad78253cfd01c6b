"""Rescues made the way a user makes them: a false one is found out, and every one is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from benchmarking import benchmark
from handmade import GOLD, TableReranker, Writer, filler, handmade, question, where

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.repairs.change import Change, knobs
from whymiss.diagnosis.repairs.repair import Repair
from whymiss.diagnosis.scene import Scene

fault_rescues = benchmark("fault_rescues")

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
ANNUAL = question(TEXTS, ("gold.md", GOLD), text="How long until annual money is back?")
EIGHTH = {**COSINES, "Refunds": 0.45}
FIRST = {**COSINES, "Refunds": 0.9}


def by_plan() -> Scene:
    about: dict[str, dict[str, Any]] = {d: {"metadata": {"plan": "monthly"}} for d in FILLER}
    about["gold.md"] = {"metadata": {"plan": "annual"}}
    return handmade(TEXTS, ANNUAL, {**COSINES, "Refunds": 0.1}, about=about)


def under_no_heading() -> Scene:
    texts = {**FILLER, "gold.md": f"# Money back\n\n{GOLD}"}
    return handmade(
        texts, question(texts, ("gold.md", GOLD)),
        {"Money back": 0.9, **COSINES, "Refunds": 0.1},
        knobs={"chunking.heading_prefix": False},
    )  # fmt: skip


def says_the_first() -> Writer:
    return Writer(lambda context: (context.passages[0].text, [1]))


BROKEN: dict[str, Callable[[], Scene]] = {
    "k": lambda: handmade(TEXTS, LABELLED, EIGHTH),
    "depth": lambda: handmade(
        TEXTS, LABELLED, {**COSINES, "Refunds": 0.1},
        knobs={"retrieval.candidate_depth": 5, "rerank.blend": "replace"},
        reranker=TableReranker({"Refunds": 0.9, "Topic": 0.5}),
    ),
    "filter": by_plan,
    "context": lambda: handmade(
        TEXTS, LABELLED, FIRST, knobs={"context.order": "reverse"}, generator=says_the_first()
    ),
    "permission": lambda: handmade(
        TEXTS, LABELLED, FIRST, about={"gold.md": {"allowed": ("staff",)}}
    ),
    "rows": lambda: handmade(
        TEXTS, LABELLED, FIRST, indexed={"gold.md": GOLD.replace("ten", "twenty")}
    ),
    "chunking": under_no_heading,
}  # fmt: skip


def searched(broken: Scene, *, rebuild: bool = False) -> Any:
    lab = Lab()
    case = Case(lab, lab.run(broken))
    diagnosis = diagnose(broken, lab=lab)
    return fault_rescues.searched("q: fault", diagnosis, case, rebuilds=Rebuilds(), rebuild=rebuild)


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_every_kind_of_rescue_rescues_when_a_user_makes_it(kind: str) -> None:
    found = searched(BROKEN[kind](), rebuild=True)

    assert kind in {claim.kind for claim in found.claims}
    assert all(claim.rescues for claim in found.claims)
    assert found.n_run >= len(found.claims)


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_what_is_broken_does_not_come_through_by_itself(kind: str) -> None:
    broken = BROKEN[kind]()

    assert not fault_rescues.comes_through(broken, answer=broken.answers)


def test_repairs_that_build_the_index_anew_are_searched_only_where_asked_for() -> None:
    broken = under_no_heading()

    assert not any(claim.rebuilds for claim in searched(broken).claims)
    assert any(claim.rebuilds for claim in searched(broken, rebuild=True).claims)


def never(scene: Scene) -> Scene:
    raise AssertionError("a user has no such function")


def test_a_knob_is_turned_by_what_the_repair_applies_and_by_nothing_else() -> None:
    broken = handmade(TEXTS, LABELLED, EIGHTH)
    repair = Repair(title="k 8", kind="k", base=broken.config, code="", changes={"retrieval.k": 8})
    change = Change(title="k 8", kind="k", code="", alter=never)
    made = fault_rescues.as_a_user_makes_it(repair, change, broken)

    assert made.config == broken.config.replace({"retrieval.k": 8})
    assert (made.question, made.space) == (broken.question, broken.space)


def test_a_filter_is_asked_with_beside_the_clauses_that_the_question_has() -> None:
    asked = replace(LABELLED, query=replace(LABELLED.query, where=where(status="current")))
    broken = handmade(TEXTS, asked, EIGHTH)
    repair = Repair(
        title="f", kind="filter", base=broken.config, code="", where=where(plan="annual")
    )
    change = Change(title="f", kind="filter", code="", alter=never)
    made = fault_rescues.as_a_user_makes_it(repair, change, broken)

    assert made.question.query.where == where(status="current", plan="annual")
    assert made.config == broken.config


def test_a_knob_of_the_index_is_turned_by_building_it_anew() -> None:
    broken, other = handmade(TEXTS, LABELLED, EIGHTH), handmade(TEXTS, LABELLED, FIRST)
    repair = Repair(
        title="c", kind="chunking", base=broken.config, code="", changes={"chunking.size": 32}
    )
    change = Change(title="c", kind="chunking", code="", alter=lambda _: other, rebuilds=True)

    assert fault_rescues.as_a_user_makes_it(repair, change, broken) is other


def test_a_repair_that_is_called_a_rescue_and_is_none_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = handmade(TEXTS, LABELLED, EIGHTH)
    # The evidence stands at rank 8.
    tried = [knobs(f"k {k}", "k", {"retrieval.k": k}) for k in (7, 8)]
    said = tuple(
        Repair(title=c.title, kind=c.kind, base=broken.config, code=c.code, changes=c.changes,
               rescues=True)
        for c in tried
    )  # fmt: skip
    monkeypatch.setattr(fault_rescues, "changes_for", lambda *_: tried)
    monkeypatch.setattr(fault_rescues, "search", lambda *_, **__: said)
    found = searched(broken)
    table = fault_rescues.tally([found], rebuild=False)

    assert [claim.rescues for claim in found.claims] == [False, True]
    assert table["do_not_rescue"] == ["q: fault: k 7"]
    assert (table["called"], table["rescue"]) == (2, 1)


def test_an_answer_that_says_something_else_is_not_rescued_by_evidence_that_is_there() -> None:
    told = Writer(lambda context: ("Parcels are sent by rail.", [1]))
    broken = handmade(TEXTS, LABELLED, FIRST, generator=told)

    assert fault_rescues.comes_through(broken, answer=False)
    assert not fault_rescues.comes_through(broken, answer=True)


def test_a_tally_counts_by_kind_and_keeps_what_builds_the_index_anew_apart() -> None:
    def claim(kind: str, rebuilds: bool, rescues: bool) -> Any:
        return fault_rescues.Claim(
            where="q: fault", title=f"{kind} {rebuilds}", kind=kind, rebuilds=rebuilds,
            rescues=rescues,
        )  # fmt: skip

    one = fault_rescues.Searched(
        n_run=9,
        claims=(claim("rows", False, True), claim("k", False, True), claim("k", False, False)),
    )
    two = fault_rescues.Searched(n_run=4, claims=(claim("rows", True, True),))
    none = fault_rescues.Searched(n_run=0, claims=())

    assert fault_rescues.tally([one, two, none], rebuild=True) == {
        "n_cases": 3,
        "n_cases_with_one": 2,
        "rebuilding_tried": True,
        "run": 13,
        "called": 3,
        "rescue": 2,
        "called_rebuilding": 1,
        "rescue_rebuilding": 1,
        "kinds": [
            {"kind": "k", "rebuilds": False, "called": 2, "rescue": 1},
            {"kind": "rows", "rebuilds": False, "called": 1, "rescue": 1},
            {"kind": "rows", "rebuilds": True, "called": 1, "rescue": 1},
        ],
        "do_not_rescue": ["q: fault: k False"],
    }
