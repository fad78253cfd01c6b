"""A run in a file is the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from whymiss.config import PipelineConfig
from whymiss.errors import InvalidRecordError
from whymiss.evaluation import EvaluationRun, EvidenceSpan, Question, read_run, write_run
from whymiss.evaluation.saved import run_from_dict, run_to_dict
from whymiss.records import Query
from whymiss.workbench import Workbench


@pytest.fixture
def run(open_lab: Callable[..., Workbench], questions: list[Question]) -> EvaluationRun:
    """Undefined scores, losses, tags, answers, an abstention and a label that does not fit."""
    broken = Question(
        query=Query(query_id="broken", text="Zehn Tage? \U0001f600"),
        evidence=((EvidenceSpan(doc_id="d00", quote="is not there"),),),
    )
    wb = open_lab()
    config = wb.config.replace({"answer.min_support": 0.5, "retrieval.mmr_lambda": 0.3})
    measures = ["recall@5", "mrr", "delivered_evidence", "latency_p95:dense", "answer_f1"]
    return wb.evaluate(
        [*questions, broken], config=config, answers=True, measures=measures, name="é\ud800"
    )


def assert_equal(one: EvaluationRun, other: EvaluationRun) -> None:
    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.undefined, other.undefined)
    pd.testing.assert_frame_equal(one.summary, other.summary)
    pd.testing.assert_frame_equal(one.failures, other.failures)
    for column in one.table:
        for here, there in zip(one.table[column], other.table[column], strict=True):
            assert type(here) is type(there), column
    plain = ("name", "config", "fingerprint", "index_name", "index_version", "model_version")
    for name in (*plain, "created", "measures", "problems", "seconds", "n_reused", "confidence"):
        assert getattr(one, name) == getattr(other, name), name


def test_a_run_comes_back_from_a_file_with_every_value(run: EvaluationRun, tmp_path: Path) -> None:
    # Else nothing of this would be tested.
    assert run.table["lost_at"].isna().any()
    assert run.table["recall@5"].isna().any()
    assert run.table["abstained"].any()
    assert len(run.failures)
    assert len(run.problems) == 1
    write_run(tmp_path / "run.json", replace(run, n_reused=4, confidence=0.9))
    assert_equal(read_run(tmp_path / "run.json"), replace(run, n_reused=4, confidence=0.9))


def test_so_it_does_from_plain_values_and_without_answers(
    open_lab: Callable[..., Workbench], questions: list[Question]
) -> None:
    made = open_lab().evaluate(questions)
    assert made.table["answer"].tolist() == [None] * len(questions)
    assert_equal(run_from_dict(json.loads(json.dumps(run_to_dict(made)))), made)


def test_a_run_without_questions_comes_back(open_lab: Callable[..., Workbench]) -> None:
    broken = Question(
        query=Query(query_id="broken", text="?x"),
        evidence=((EvidenceSpan(doc_id="d00", quote="is not there"),),),
    )
    made = open_lab().evaluate([broken])
    assert_equal(run_from_dict(json.loads(json.dumps(run_to_dict(made)))), made)


def test_the_file_is_strict_json_that_begins_with_the_summary(
    run: EvaluationRun, tmp_path: Path
) -> None:
    write_run(tmp_path / "run.json", run)

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    body = json.loads((tmp_path / "run.json").read_text("utf-8"), parse_constant=refuse)
    assert list(body)[:2] == ["summary", "failures"]
    assert [line["measure"] for line in body["summary"]] == list(run.measures)
    assert body["failures"][0]["stage"] == run.failures["stage"][0]


def without(*path: Any) -> Callable[[Any], Any]:
    def damage(body: Any) -> Any:
        place = body
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]
        return body

    return damage


def changed(value: Any, *path: Any) -> Callable[[Any], Any]:
    def damage(body: Any) -> Any:
        place = body
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return body

    return damage


DAMAGES: dict[str, Callable[[Any], Any]] = {
    "another format": changed("whymiss run 99", "format"),
    "no format": without("format"),
    "a list": lambda body: [body],
    "nothing": lambda _: None,
    "no questions": without("questions"),
    "a column gone": without("questions", 0, "query_id"),
    "a measure gone": without("questions", 0, "recall@5"),
    "text for a number": changed("many", "questions", 0, "n_hits"),
    "an unknown measure": changed(["recal@5"], "measures"),
    "an unknown knob": changed(1, "config", "retrieval", "kk"),
    "a bad knob": changed("five", "config", "retrieval", "k"),
    "no config": changed(None, "config"),
    "no reason": without("undefined", 0, "reason"),
    "a problem of other fields": changed([{"query": "q"}], "problems"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_or_foreign_file_gives_one_clear_error(
    run: EvaluationRun, tmp_path: Path, damage: Callable[[Any], Any]
) -> None:
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(damage(run_to_dict(run))), encoding="utf-8")
    with pytest.raises(
        InvalidRecordError, match=r"damaged\.json cannot be read as an evaluation run: "
    ):
        read_run(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000], ids=["empty", "cut", "binary", "deep"]
)
def test_what_is_no_json_gives_the_same_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(InvalidRecordError, match=r"other\.json cannot be read as an evaluation"):
        read_run(path)


def test_a_file_that_cannot_be_opened_is_told(run: EvaluationRun, tmp_path: Path) -> None:
    with pytest.raises(InvalidRecordError, match="cannot be read as an evaluation run"):
        read_run(tmp_path / "missing.json")
    with pytest.raises(InvalidRecordError, match="the run cannot be written to"):
        write_run(tmp_path / "no folder" / "run.json", run)


def test_knobs_that_are_new_since_then_have_their_default(run: EvaluationRun) -> None:
    body = run_to_dict(run)
    del body["config"]["retrieval"]["mode"]
    assert run_from_dict(body).config.retrieval.mode == PipelineConfig().retrieval.mode
