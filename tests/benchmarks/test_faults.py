"""What the benchmark of planted faults counts, and what it keeps of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from benchmarking import benchmark
from planting import BY_NAME, document, question

import whymiss
from whymiss.evaluation import pin
from whymiss.testing import HashingEncoder

faults = benchmark("faults")
scored = benchmark("fault_scores")


def verdict(**how: Any) -> Any:
    """k was too small, and so it was said."""
    base = scored.Verdict(
        question="q", faults=("small_k",), severities=(1,), causes=("S8",), stages=("select",),
        proven=("S8", "S4"), named=("S8", "S4"), stage="select", rules=("S8",),
        rules_stage="select", seconds=0.5, n_reruns=3,
    )  # fmt: skip
    return replace(base, **how)


RIGHT = verdict()
OTHER_STAGE = verdict(stage="rerank")
OTHER_CAUSE = verdict(proven=("S4", "S8"))
UNEXPLAINED = verdict(proven=(), named=(), rules=("S4", "S8"), rules_stage="dense")
PAIR = verdict(faults=("small_k", "hub"), causes=("S8", "S3d"), stages=("select", "dense"))


def test_a_case_is_right_where_both_stage_and_cause_are() -> None:
    assert RIGHT.right
    assert not any(v.right for v in (OTHER_STAGE, OTHER_CAUSE, UNEXPLAINED))


def test_a_pair_is_right_where_both_of_its_causes_are_named() -> None:
    assert not PAIR.right
    assert replace(PAIR, named=("S3d", "S4", "S8")).right


def test_shares_are_worked_by_hand() -> None:
    found = scored.scores([RIGHT, OTHER_STAGE, OTHER_CAUSE, UNEXPLAINED])
    shares = {name: value["share"] for name, value in found.items() if isinstance(value, dict)}

    assert shares == {
        "stage": 0.75, "cause": 0.5, "cause_among_proven": 0.75, "rules_stage": 0.75,
        "rules_cause": 0.75,
    }  # fmt: skip
    assert (found["n"], found["proven_causes"]) == (4, 1.5)
    assert scored.scores([])["stage"] is None


def test_a_fault_without_a_case_has_its_row() -> None:
    first, second = scored.by_fault(
        [RIGHT, OTHER_CAUSE], [BY_NAME["small_k"], BY_NAME["small_budget"]]
    )

    assert (first["n"], first["stage"], first["cause"]) == (2, 2, 1)
    assert (second["code"], second["n"], second["cause"]) == ("C1", 0, 0)


def test_the_confusion_matrix_counts_what_is_named_first_and_what_is_named_not_at_all() -> None:
    assert scored.confusion([RIGHT, OTHER_CAUSE, UNEXPLAINED]) == {"S8": {"S8": 1, "S4": 1, "-": 1}}


# A small corpus with real plantings


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    guides = [document(number) for number in range(12)]
    asked = [question(made, said, text) for made, facts in guides for said, text in facts]
    encoder = HashingEncoder(dimension=128)
    with whymiss.open(tmp_path_factory.mktemp("bench"), encoder=encoder) as workbench:
        workbench.ingest([made for made, _ in guides])
        labelled = pin(asked, [made for made, _ in guides]).sound
        yield faults.Bench(workbench, labelled, seed=0)


def planned(**how: Any) -> Any:
    plan = faults.Plan(
        faults=(BY_NAME["permission_mistag"], BY_NAME["small_k"]), n=3, tries=20, n_pairs=1,
        n_controls=1, repairs_every=1, rebuild=False,
    )  # fmt: skip
    return replace(plan, **how)


@pytest.fixture(scope="module")
def measured(bench: Any) -> Any:
    return faults.measure(bench, planned())


def test_repairs_of_every_case_are_searched_and_its_rescues_rescue(measured: Any) -> None:
    found, every = measured
    rescues = found["rescues"]

    assert rescues["n_cases"] == found["singles"]["n"] == 6
    assert rescues["called"] == rescues["rescue"] > 0
    assert {row["kind"] for row in rescues["kinds"]} >= {"k", "permission"}
    assert len(every) == found["singles"]["n"] + found["doubles"]["n"]
    assert found["wrong"] == [asdict(v) for v in every if not v.right]


def test_repairs_can_be_thinned_out_and_some_faults_plant_what_all_of_them_plant(
    bench: Any, measured: Any
) -> None:
    made = faults.single_faults(bench, planned(faults=(BY_NAME["small_k"],), repairs_every=2))

    # The first and the third of three.
    assert len(made.repairs) == 2
    assert [v.question for v in made.verdicts] == [
        v.question for v in measured[1] if v.faults == ("small_k",)
    ]


def test_a_wrong_case_is_kept(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = faults.judged

    def unexplained(case: Any) -> Any:
        said, *rest = judged(case)
        return (replace(said, proven=()), *rest)

    monkeypatch.setattr(faults, "judged", unexplained)
    plan = planned(faults=(BY_NAME["small_k"],), n=1, n_pairs=0, n_controls=0)
    found, (only,) = faults.measure(bench, plan)

    assert found["wrong"] == [asdict(only)]
    assert found["confusion"] == {"S8": {"-": 1}}
    assert found["controls"]["n"] == 0
    assert found["doubles"]["one"] is None


def test_faults_are_chosen_by_name_and_a_wrong_name_is_told() -> None:
    assert faults.named("small_k,hub") == (BY_NAME["hub"], BY_NAME["small_k"])
    with pytest.raises(argparse.ArgumentTypeError, match="there is no fault hubs; there are "):
        faults.named("hubs,small_k")
