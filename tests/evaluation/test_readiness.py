"""Every line of the readiness checklist, met, missed and unknown, from facts made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError
from whymiss.evaluation.facts import Probe, Rerun, StoreFacts
from whymiss.evaluation.readiness import (
    FAILURES,
    RETRIEVAL_STAGES,
    Check,
    Thresholds,
    readiness,
)
from whymiss.evaluation.run import QUESTION_COLUMNS, EvaluationRun

NAN = math.nan
ANSWERED = ("lexical_faithfulness", "citation_precision", "citation_recall")


def run_of(
    scores: Mapping[str, Sequence[float]],
    *,
    split: str = "tune",
    abstained: bool | None = None,
    config: PipelineConfig | None = None,
) -> EvaluationRun:
    """A run whose questions have these scores, NaN being undefined."""
    n = len(next(iter(scores.values())))
    base: dict[str, Any] = {
        "text": "Refund?", "split": split, "tags": (), "principals": (), "answerable": True,
        "n_hits": 5, "lost_at": "", "n_context_tokens": 9, "n_dropped": 0, "flags": (),
        "answer": None if abstained is None else "Ten days. [1]", "abstained": abstained,
    }  # fmt: skip
    rows = [{"query_id": f"q{at}", **base} for at in range(n)]
    table = pd.DataFrame(rows, columns=list(QUESTION_COLUMNS)).assign(**scores)
    undefined = [
        (f"q{at}", name, "the generator abstained")
        for name, values in scores.items()
        for at, value in enumerate(values)
        if math.isnan(value)
    ]
    config = config or PipelineConfig()
    return EvaluationRun(
        name="hybrid",
        config=config,
        fingerprint=config.fingerprint(),
        index_name="main",
        index_version="1.1",
        model_version="hashing-64",
        created="2026-01-01T00:00:00+00:00",
        measures=tuple(scores),
        table=table,
        undefined=pd.DataFrame(undefined, columns=["query_id", "measure", "reason"]),
        seconds={"dense": 0.1},
    )


def checks(
    facts: StoreFacts | None = None,
    *,
    recall: Sequence[float] = (1.0,) * 100,
    holdout: EvaluationRun | None = None,
    thresholds: Thresholds | None = None,
) -> dict[str, Check]:
    found = readiness(
        run=run_of({"recall@5": recall}),
        facts=facts or StoreFacts(),
        holdout=holdout,
        thresholds=thresholds,
    )
    return {check.name: check for check in found}


def ingest(**fields: Any) -> Rerun:
    return Rerun(kind="ingest", what="ingest of docs", **fields)


BUILD = Rerun(kind="build", what="build of index 'main'", before={"d": 3}, after={"d": 3})


# Ingest


def test_an_ingest_that_did_nothing_the_second_time_is_idempotent() -> None:
    again = ingest(before={"documents": 2}, after={"documents": 2})
    check = checks(StoreFacts(reruns=(again, BUILD)))["ingest idempotent"]
    assert (check.verdict, check.number) == ("met", "0 embedded, 0 written when run again")
    assert "ingest of docs: 0 embedded, 0 written, kept every version" in check.detail


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (ingest(n_embedded=3), "3 embedded, 0 written"),
        (ingest(n_written=2), "0 embedded, 2 written"),
        (ingest(before={"main": 4}, after={"main": 5}), "moved main from version 4 to 5"),
        (ingest(before={}, after={"main": 1}), "moved main from version None to 1"),
    ],
)
def test_an_ingest_that_did_something_again_is_not(again: Rerun, told: str) -> None:
    assert not again.idle
    check = checks(StoreFacts(reruns=(again, BUILD)))["ingest idempotent"]
    assert check.verdict == "missed"
    assert told in check.detail


def test_a_build_that_wrote_again_is_told_even_where_the_source_is_gone() -> None:
    reruns = (ingest(not_tried_because="it is gone"), replace(BUILD, n_written=7))
    check = checks(StoreFacts(reruns=reruns))["ingest idempotent"]
    assert check.verdict == "missed"
    assert "7 written" in check.number


def test_without_any_source_ingested_again_it_is_unknown_and_says_why() -> None:
    gone = ingest(not_tried_because="it is not there any more")
    assert not gone.idle
    check = checks(StoreFacts(reruns=(gone, BUILD)))["ingest idempotent"]
    assert check.verdict == "unknown"
    assert "ingest of docs was not run again: it is not there any more" in check.detail
    never = checks()["ingest idempotent"]
    assert (never.verdict, never.number) == ("unknown", "")
    assert "whymiss.report.gather" in never.detail


# Vectors


@pytest.mark.parametrize(
    ("models", "verdict", "number", "told"),
    [
        ({"main": {"m-1": 9}, "b": {"m-2": 1}}, "met", "10 of 10 vectors", "index 'b': m-2"),
        ({"main": {"m-1": 9, "": 1}}, "missed", "9 of 10 vectors", "1 vectors of index 'main'"),
        ({"main": {"m-1": 9, "m-2": 1}}, "missed", "10 of 10 vectors", "mixes m-1, m-2"),
        ({}, "unknown", "", "ingest documents first"),
        ({"main": {}}, "unknown", "", "ingest documents first"),
        (None, "unknown", "", "whymiss.report.gather"),
    ],
)
def test_every_vector_must_name_the_one_model_of_its_index(
    models: Mapping[str, Mapping[str, int]] | None, verdict: str, number: str, told: str
) -> None:
    check = checks(StoreFacts(models=models))["model name and version on every vector"]
    assert (check.verdict, check.number) == (verdict, number)
    assert told in check.detail


# Recall


def test_recall_well_above_its_threshold_is_met_with_its_whole_interval() -> None:
    # 198 of 200 by Wilson: 0.990 [0.964, 0.997].
    check = checks(recall=[1.0] * 198 + [0.0] * 2)["recall@5"]
    assert check.verdict == "met"
    assert check.number == "0.990 [0.964, 0.997] on 200 questions"
    assert check.detail == "the whole 95 % interval lies at or above the threshold"


def test_recall_just_above_says_how_far_down_the_interval_reaches() -> None:
    # 92 of 100 by Wilson: 0.920 [0.850, 0.959].
    check = checks(recall=[1.0] * 92 + [0.0] * 8)["recall@5"]
    assert check.verdict == "met"
    assert check.detail == "met, but the 95 % interval reaches down to 0.850"


def test_recall_just_below_says_how_far_up_the_interval_reaches() -> None:
    # 88 of 100 by Wilson: 0.880 [0.802, 0.930].
    check = checks(recall=[1.0] * 88 + [0.0] * 12)["recall@5"]
    assert check.verdict == "missed"
    assert check.detail == "missed, but the 95 % interval reaches up to 0.930"


def test_recall_far_below_is_missed() -> None:
    check = checks(recall=[0.0] * 100)["recall@5"]
    assert check.verdict == "missed"
    assert check.detail == "the whole 95 % interval lies below the threshold"


def test_recall_exactly_at_its_threshold_is_met() -> None:
    assert checks(recall=[1.0] * 90 + [0.0] * 10)["recall@5"].verdict == "met"


def test_undefined_questions_do_not_count_and_are_told() -> None:
    few = checks(recall=[1.0] * 99 + [NAN] * 50)["recall@5"]
    assert few.verdict == "unknown"
    assert "label 1 more" in few.detail
    assert "on 99 questions" in few.number
    enough = checks(recall=[1.0] * 100 + [NAN] * 50)["recall@5"]
    assert enough.verdict == "met"
    assert "50 more questions have no score" in enough.detail


def test_recall_without_an_interval_says_so() -> None:
    check = checks(recall=[0.95] * 100)["recall@5"]
    assert check.verdict == "met"
    assert check.detail.startswith("no interval: all 100 values equal 0.95")
    assert check.number == "0.950 on 100 questions"


def test_recall_that_is_undefined_everywhere_is_unknown_without_a_value() -> None:
    check = checks(recall=[NAN] * 120)["recall@5"]
    assert (check.verdict, check.number) == ("unknown", "0 questions")


def test_recall_that_was_not_measured_is_unknown() -> None:
    found = readiness(run=run_of({"mrr": [1.0] * 100}), facts=StoreFacts())
    recall = next(check for check in found if check.name == "recall@5")
    assert recall.verdict == "unknown"
    assert "measures=['recall@5']" in recall.detail


@given(hits=st.integers(0, 150), misses=st.integers(0, 150), least=st.floats(0, 1))
def test_recall_is_known_exactly_from_the_wanted_number_of_questions_on(
    hits: int, misses: int, least: float
) -> None:
    check = checks(
        recall=[1.0] * hits + [0.0] * misses, thresholds=Thresholds(recall=least)
    )["recall@5"]  # fmt: skip
    n = hits + misses
    expected = "unknown" if n < 100 else "met" if hits / n >= least else "missed"
    assert check.verdict == expected


# Held-out questions


def held_out(
    values: Sequence[float] = (1.0,) * 20, abstained: bool | None = False, **fields: Any
) -> EvaluationRun:
    return run_of(
        dict.fromkeys(ANSWERED, values), **{"split": "holdout", "abstained": abstained, **fields}
    )


def answer_checks(holdout: EvaluationRun | None) -> list[Check]:
    found = checks(holdout=holdout)
    return [found[f"{name.replace('_', ' ')} on held-out questions"] for name in ANSWERED]


def test_answers_are_judged_on_held_out_questions() -> None:
    assert [c.verdict for c in answer_checks(held_out())] == ["met"] * 3
    assert [c.verdict for c in answer_checks(held_out([0.5, 0.7] * 10))] == ["missed"] * 3
    assert answer_checks(held_out([0.5, 0.7] * 10))[0].number.startswith("0.600 [")
    said = [c.detail.endswith("words are compared, not meaning") for c in answer_checks(held_out())]
    assert said == [True, False, False]


@pytest.mark.parametrize(
    ("holdout", "told"),
    [
        (None, "there is no run over held-out questions"),
        (held_out(split="tune"), "holds 'tune'"),
        (held_out([]), "holds no question"),
        (held_out(abstained=None), "wrote no answers"),
        (held_out(config=PipelineConfig().replace(retrieval__k=3)), "(retrieval.k)"),
        (run_of({"mrr": [1.0] * 9}, split="holdout", abstained=False), "did not measure"),
        (held_out([NAN] * 9, True), "(the generator abstained: 9)"),
    ],
)
def test_answers_are_unknown_without_a_proper_held_out_run(
    holdout: EvaluationRun | None, told: str
) -> None:
    for check in answer_checks(holdout):
        assert check.verdict == "unknown"
        assert told in check.detail
        assert "holdout" in check.detail


def test_a_run_of_which_one_question_is_not_held_out_is_not_held_out() -> None:
    mixed = held_out()
    mixed.table.loc[3, "split"] = "tune"
    assert {c.verdict for c in answer_checks(mixed)} == {"unknown"}


def test_how_traces_are_kept_makes_no_other_configuration() -> None:
    quiet = held_out(config=PipelineConfig().replace(trace__keep=False))
    assert {c.verdict for c in answer_checks(quiet)} == {"met"}


# Latency


def test_latency_counts_the_stages_of_retrieval_alone() -> None:
    assert RETRIEVAL_STAGES == (
        "embed", "index", "filter", "dense", "bm25", "fuse", "rerank", "select",
    )  # fmt: skip
    # 21 questions of 1, 2, .. 21 ms in dense: the 95th percentile is the 20th value.
    timed = tuple({"dense": ms / 1000, "pack": 9.0, "answer": 9.0} for ms in range(1, 22))
    check = checks(StoreFacts(timed=timed))["p95 retrieval latency"]
    assert (check.verdict, check.number) == ("met", "20.0 ms on 21 questions")
    assert check.detail == "median 11.0 ms; stages dense; one question at a time"


def test_latency_above_its_budget_is_missed() -> None:
    timed = ({"embed": 0.15, "dense": 0.1},) * 20
    check = checks(StoreFacts(timed=timed))["p95 retrieval latency"]
    assert (check.verdict, check.number) == ("missed", "250.0 ms on 20 questions")
    generous = checks(StoreFacts(timed=timed), thresholds=Thresholds(p95_ms=251))
    assert generous["p95 retrieval latency"].verdict == "met"


@pytest.mark.parametrize(
    ("timed", "number"),
    [
        ((), ""),
        (({"dense": 0.01},) * 19, "10.0 ms on 19 questions"),
        (({"answer": 0.01},) * 50, ""),
    ],
)
def test_latency_of_too_few_questions_is_unknown(
    timed: tuple[Mapping[str, float], ...], number: str
) -> None:
    check = checks(StoreFacts(timed=timed))["p95 retrieval latency"]
    assert (check.verdict, check.number) == ("unknown", number)
    assert "20 are needed" in check.detail


# Failures


@pytest.mark.parametrize("flag", FAILURES)
def test_a_failure_is_logged_when_its_probe_was_read_back_with_its_flag(flag: str) -> None:
    probes = tuple(Probe(flag=f, logged=(f, "abstained")) for f in FAILURES)
    facts = StoreFacts(probes=probes, keeps_traces=True, logged={flag: 4}, n_logged=90)
    check = checks(facts)[f"failure logged: {flag}"]
    assert (check.verdict, check.number) == ("met", "4 of 90 logged requests")
    off = checks(replace(facts, keeps_traces=False))[f"failure logged: {flag}"]
    assert off.verdict == "missed"
    assert "trace.keep is off" in off.detail


def test_a_probe_without_its_flag_is_missed_with_its_note() -> None:
    probe = Probe(flag="low score", logged=("abstained",), note="there is no cosine")
    check = checks(StoreFacts(probes=(probe,), keeps_traces=True))["failure logged: low score"]
    assert check.verdict == "missed"
    assert check.detail == ("the log of a question made to fail says abstained; there is no cosine")


def test_probes_that_were_not_made_are_unknown() -> None:
    probe = Probe(flag="low score", not_tried_because="nothing was found")
    facts = StoreFacts(probes=(probe,), keeps_traces=True)
    assert checks(facts)["failure logged: low score"].detail == "nothing was found"
    for name in FAILURES:
        assert checks()[f"failure logged: {name}"].verdict == "unknown"
    assert "whymiss.report.gather" in checks(facts)["failure logged: empty retrieval"].detail


# The list


def test_the_lines_are_the_same_whatever_is_known() -> None:
    full = StoreFacts(
        reruns=(ingest(), BUILD), models={"main": {"m": 1}}, keeps_traces=True,
        probes=tuple(Probe(flag=f, logged=(f,)) for f in FAILURES), timed=({"dense": 0.1},) * 20,
    )  # fmt: skip
    known, unknown = checks(full, holdout=held_out()), checks(StoreFacts(), recall=[1.0])
    assert list(known) == list(unknown)
    assert {check.verdict for check in known.values()} == {"met"}
    assert {check.verdict for check in unknown.values()} == {"unknown"}
    assert all(check.detail and check.threshold for check in (*known.values(), *unknown.values()))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"recall": 1.1}, "Thresholds.recall is a share from 0 to 1; got 1.1"),
        ({"faithfulness": NAN}, "Thresholds.faithfulness is a share"),
        ({"n_questions": 0}, "Thresholds.n_questions is at least 1; got 0"),
        ({"p95_ms": 0}, "Thresholds.p95_ms is above 0"),
        ({"p95_ms": math.inf}, "Thresholds.p95_ms is above 0 and finite"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused(fields: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Thresholds(**fields)
