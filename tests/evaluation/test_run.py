"""What follows from a table of questions: summary, slices, failures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError
from whymiss.evaluation import EvaluationRun, EvidenceSpan, Question, evaluate
from whymiss.evaluation.measures import parse_measure
from whymiss.evaluation.run import QUESTION_COLUMNS, SLICES, SUMMARY, interval_of, typed_table
from whymiss.evaluation.statistics import mean_interval
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query

NAN = math.nan


def line(query_id: str, **fields: Any) -> dict[str, Any]:
    plain = {
        "query_id": query_id, "text": "Refund?", "split": "", "tags": (), "principals": (),
        "answerable": True, "n_hits": 5, "lost_at": "", "n_context_tokens": 100, "n_dropped": 0,
        "flags": (), "answer": None, "abstained": None,
    }  # fmt: skip
    return {**plain, **fields}


def run_of(
    lines: Sequence[dict[str, Any]], measures: Sequence[str] = ("recall@5",), **fields: Any
) -> EvaluationRun:
    reasons = [
        (one["query_id"], name, "nothing is judged")
        for one in lines
        for name in measures
        if math.isnan(one[name])
    ]
    plain: dict[str, Any] = {
        "name": "main", "config": PipelineConfig(), "fingerprint": "f", "index_name": "main",
        "index_version": "1.1", "model_version": "hashing", "created": "2024-01-01T00:00:00+00:00",
        "measures": tuple(measures), "table": typed_table(lines, measures),
        "undefined": pd.DataFrame(reasons, columns=["query_id", "measure", "reason"]),
        "seconds": {},
    }  # fmt: skip
    return EvaluationRun(**{**plain, **fields})


def recalls(*values: float, **fields: Any) -> EvaluationRun:
    return run_of([line(str(i), **{"recall@5": v}) for i, v in enumerate(values)], **fields)


def row(frame: pd.DataFrame, **where: Any) -> dict[str, Any]:
    for name, value in where.items():
        frame = frame[frame[name] == value]
    (found,) = frame.to_dict("records")
    return {str(name): value for name, value in found.items()}


# Summary


def test_a_summary_has_the_mean_with_its_interval_for_each_measure() -> None:
    values = [0.0, 0.25, 0.5, 1.0, 1.0, 0.75, 0.5, 0.0, 1.0, 0.5]
    run = recalls(*values)
    assert list(run.summary.columns) == list(SUMMARY)
    found = row(run.summary, measure="recall@5")
    interval = mean_interval(values, confidence=0.95)
    assert found["value"] == pytest.approx(0.55)
    assert (found["low"], found["high"]) == (interval.low, interval.high)
    assert (found["n"], found["n_empty"], found["n_undefined"]) == (10, 0, 0)
    assert (found["unit"], found["confidence"], found["note"]) == ("share", 0.95, "")
    assert run.score("recall@5") == interval


def test_the_confidence_is_the_runs() -> None:
    values = [0.0, 1.0, 0.5, 0.25] * 5
    narrow, wide = (recalls(*values, confidence=c).score("recall@5") for c in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_undefined_scores_are_left_out_and_counted() -> None:
    found = row(recalls(1.0, NAN, 0.0, NAN).summary, measure="recall@5")
    assert (found["value"], found["n"], found["n_undefined"]) == (0.5, 2, 2)


def test_a_measure_defined_for_no_question_is_undefined_with_its_reason() -> None:
    found = row(recalls(NAN, NAN).summary, measure="recall@5")
    assert all(math.isnan(found[name]) for name in ("value", "low", "high"))
    assert (found["n"], found["n_undefined"]) == (0, 2)
    assert found["note"]


def test_questions_that_retrieved_nothing_count_and_are_counted_where_the_measure_is_defined() -> (
    None
):
    lines = [
        line("a", n_hits=0, **{"recall@5": 0.0, "mrr": NAN}),
        line("b", n_hits=0, **{"recall@5": NAN, "mrr": 0.0}),
        line("c", **{"recall@5": 1.0, "mrr": 1.0}),
        line("d", n_hits=0, **{"recall@5": 0.0, "mrr": NAN}),
    ]
    summary = run_of(lines, ("recall@5", "mrr")).summary
    assert row(summary, measure="recall@5")["n_empty"] == 2
    assert row(summary, measure="recall@5")["value"] == pytest.approx(1 / 3)
    assert row(summary, measure="mrr")["n_empty"] == 1


def test_a_latency_is_the_percentile_of_its_name_without_an_interval() -> None:
    name = "latency_p90:dense"
    # numpy's linear rule: 0.9 * (5 - 1) = 3.6, between 40 and 50.
    lines = [line(str(v), **{name: v}) for v in (50.0, 20.0, NAN, 10.0, 40.0, 30.0)]
    found = row(run_of(lines, (name,)).summary, measure=name)
    assert found["value"] == pytest.approx(46.0)
    assert math.isnan(found["low"])
    assert math.isnan(found["high"])
    assert (found["unit"], found["method"], found["n"], found["n_undefined"]) == (
        "ms", "percentile 90", 5, 1,
    )  # fmt: skip
    assert found["note"] == "a percentile is given as it was measured"
    nothing = interval_of(parse_measure(name), [NAN], 0.95)
    assert math.isnan(nothing.estimate)
    assert nothing.undefined_because == "nothing was timed"


def test_a_cutoff_beyond_what_is_handed_on_is_told() -> None:
    measures = ("recall@5", "recall@6", "doc_ndcg@10", "mrr", "latency_p50")
    lines = [line(str(i), **dict.fromkeys(measures, i / 10)) for i in range(10)]
    run = run_of(lines, measures, config=PipelineConfig().replace({"retrieval.k": 5}))
    notes = dict(zip(run.summary["measure"], run.summary["note"], strict=True))
    assert notes == {
        "recall@5": "",
        "recall@6": "the configuration hands on only 5",
        "doc_ndcg@10": "the configuration hands on only 5",
        "mrr": "",
        "latency_p50": "a percentile is given as it was measured",
    }
    wider = run_of(lines, measures, config=PipelineConfig().replace({"retrieval.k": 10}))
    assert not any("hands on" in note for note in wider.summary["note"])
    assert set(run.slices("split").query("measure == 'recall@6'")["note"]) == {
        "the configuration hands on only 5"
    }


def test_that_note_stands_beside_the_reason_for_no_interval() -> None:
    run = recalls(0.5, 0.5, config=PipelineConfig().replace({"retrieval.k": 2}))
    reason = run.score("recall@5").undefined_because
    assert reason
    note = row(run.summary, measure="recall@5")["note"]
    assert note == f"{reason}; the configuration hands on only 2"


def test_a_measure_that_was_not_taken_is_told() -> None:
    with pytest.raises(ConfigError, match=r"did not measure 'mrr'; it has recall@5"):
        recalls(1.0).score("mrr")


# Slices


def test_a_question_stands_in_the_slice_of_each_of_its_tags_once() -> None:
    lines = [
        line("a", tags=("x", "y"), **{"recall@5": 1.0}),
        line("b", tags=("y", "y"), **{"recall@5": 0.0}),
        line("c", **{"recall@5": 0.5}),
        line("d", tags=("z",), **{"recall@5": NAN}),
    ]
    slices = run_of(lines).slices()
    assert list(slices.columns) == list(SLICES)
    counted = slices[["slice", "n", "n_undefined"]].values.tolist()
    assert counted == [["(none)", 1, 0], ["x", 1, 0], ["y", 2, 0], ["z", 0, 1]]
    assert slices["value"].tolist()[:3] == [0.5, 1.0, 0.5]
    assert math.isnan(slices["value"].tolist()[3])


def test_slices_by_split_hold_every_question_once() -> None:
    lines = [line(str(i), split=("tune", "holdout", "")[i % 3], **{"recall@5": i / 8})
             for i in range(9)]  # fmt: skip
    slices = run_of(lines).slices("split")
    assert slices["slice"].tolist() == ["(none)", "holdout", "tune"]
    assert slices["n"].tolist() == [3, 3, 3]
    # Questions 0, 3, 6: (0 + 3 + 6) / 8 / 3.
    assert row(slices, slice="tune")["value"] == pytest.approx(0.375)


def test_slices_by_losing_stage_tell_delivered_from_unjudged() -> None:
    lines = [
        line("a", lost_at="", **{"recall@5": 1.0}),
        line("b", lost_at=None, **{"recall@5": NAN}),
        line("c", lost_at="dense, bm25", **{"recall@5": 0.0}),
    ]
    slices = run_of(lines).slices("lost_at")
    assert slices["slice"].tolist() == ["(not judged)", "(not lost)", "dense, bm25"]


def test_slices_are_by_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"slices are by tags, split, lost_at; got 'principals'"):
        recalls(1.0).slices("principals")


# Failures


def test_failures_stand_in_the_order_of_the_stages_with_their_share_of_what_is_judged() -> None:
    stages = ("answer", "bm25", "pack", "dense, bm25", "", None, "filter", "dense", "pack", "index")
    run = run_of(
        [line(str(i), lost_at=stage, **{"recall@5": 1.0}) for i, stage in enumerate(stages)]
    )
    failures = run.failures
    assert failures["stage"].tolist() == [
        "index", "filter", "dense", "dense, bm25", "bm25", "pack", "answer",
    ]  # fmt: skip
    pack = row(failures, stage="pack")
    # Nine of ten can be judged.
    assert (pack["n"], pack["share"], pack["query_ids"]) == (2, 2 / 9, ("2", "8"))
    assert failures["n"].sum() == 8


@pytest.mark.parametrize("lost_at", ["", None])
def test_without_failures_the_table_is_empty_and_has_its_columns(lost_at: Any) -> None:
    failures = run_of([line("a", lost_at=lost_at, **{"recall@5": 1.0})]).failures
    assert failures.columns.tolist() == ["stage", "n", "share", "query_ids"]
    assert len(failures) == 0


# The table


@pytest.mark.parametrize("n", [0, 1, 3])
def test_columns_have_one_type_however_few_rows_there_are(n: int) -> None:
    lines = [line(str(i), tags=["x"], lost_at=None, mrr=None) for i in range(n)]
    table = typed_table(lines, ["mrr"])
    assert table.columns.tolist() == [*QUESTION_COLUMNS, "mrr"]
    types = {name: str(kind) for name, kind in table.dtypes.items()}
    assert types.pop("n_hits") == "int64"
    assert types.pop("mrr") == "float64"
    assert {types.pop("n_context_tokens"), types.pop("n_dropped")} == {"Int64"}
    assert set(types.values()) == {"object"}
    assert table["tags"].tolist() == [("x",)] * n
    assert all(value is pd.NA for value in table["lost_at"])


def test_a_run_shows_itself_in_text_and_as_escaped_html(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    pipeline = pipeline_of([Document(doc_id="a", text="refund ten days", allowed=["*"])])
    question = Question(
        query=Query(query_id="q", text="refund"),
        evidence=((EvidenceSpan(doc_id="a", start=0, end=6),),),
    )
    run = evaluate({"<b>main</b>": pipeline}, [question])["<b>main</b>"]
    assert "1 questions" in repr(run)
    assert "recall@5: 1.000" in repr(run)
    html = run._repr_html_()
    assert "recall@5" in html
    assert "<b>" not in html
    # Long reasons are not cut.
    assert all(note in html for note in run.summary["note"])
    assert max(run.summary["note"].str.len()) > 50
