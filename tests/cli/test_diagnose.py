"""`whymiss diagnose` and `whymiss survey`: what they print for people and programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from whymiss.evaluation import read_questions

Run = Callable[..., Result]
Answer = Callable[..., Any]


def finding(told: dict[str, Any], cause: str) -> dict[str, Any]:
    """What is told of one cause."""
    (found,) = [f for f in told["diagnosis"]["findings"] if f["cause"] == cause]
    return found


def test_a_hidden_page_is_told_as_wrongly_excluded(
    answer: Answer, measured: str, questions: Path
) -> None:
    told = answer("diagnose", "--id", "credit", "--labelled", questions, "--store", measured)

    assert told["diagnosis"]["lost_at"] == "filter"
    assert told["diagnosis"]["proven"] == ["F1"]
    assert "credit.md" in finding(told, "F1")["says"]
    assert {r["kind"] for r in told["diagnosis"]["repairs"] if r["rescues"]} == {"permission"}
    assert told["recipe"].startswith("# Made of index")


def test_the_same_question_by_somebody_in_support_is_healthy(answer: Answer, measured: str) -> None:
    told = answer(
        "diagnose", "euros an agent may give", "--evidence", "forty euros", "--principal",
        "support", "--no-answer", "--store", measured,
    )  # fmt: skip

    assert told["diagnosis"]["ending"] == "healthy"
    assert told["diagnosis"]["proven"] == []


def test_a_person_reads_the_verdict_the_funnel_the_causes_and_the_repairs(
    whymiss: Run, measured: str, questions: Path
) -> None:
    result = whymiss("diagnose", "--id", "credit", "--labelled", questions, "--store", measured)

    assert result.exit_code == 0, result.output
    assert "The evidence was lost at filter." in result.stdout
    assert "F1 WronglyExcluded" in result.stdout
    assert "cleared: " in result.stdout
    assert "repairs, the cheapest first" in result.stdout


@pytest.mark.parametrize("suffix", ["html", "md", "json"])
def test_the_case_is_written_in_the_format_of_its_name(
    whymiss: Run, measured: str, questions: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"case.{suffix}"
    result = whymiss(
        "diagnose", "--id", "credit", "--labelled", questions, "--out", out, "--store", measured
    )

    assert result.exit_code == 0, result.output
    assert "euros an agent may give" in out.read_text("utf-8")


def test_a_case_is_added_to_the_labelled_questions_once(
    whymiss: Run, measured: str, questions: Path
) -> None:
    asked = (
        "diagnose", "may an agent give money", "--evidence", "forty euros", "--labelled",
        questions, "--label", "--store", measured,
    )  # fmt: skip
    before = read_questions(questions)
    first, second = whymiss(*asked), whymiss(*asked)
    *kept, added = read_questions(questions)

    assert first.exit_code == 0, first.output
    assert kept == before
    assert added.query.text == "may an agent give money"
    assert added.evidence[0][0].doc_id == "credit.md"
    assert second.exit_code == 1
    assert "is there already" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "needs a question"),
        (("text", "--id", "credit"), "needs a question"),
        (("--id", "credit"), "name the file"),
        (("text", "--label"), "name one"),
    ],
)
def test_what_is_missing_is_said(
    whymiss: Run, measured: str, arguments: tuple[str, ...], complaint: str
) -> None:
    result = whymiss("diagnose", *arguments, "--store", measured)

    assert result.exit_code == 1
    assert complaint in result.stderr


def test_an_unknown_id_is_told_with_its_file(whymiss: Run, measured: str, questions: Path) -> None:
    result = whymiss("diagnose", "--id", "nobody", "--labelled", questions, "--store", measured)

    assert result.exit_code == 1
    assert str(questions) in result.stderr
    assert "'nobody'" in result.stderr


def test_a_survey_counts_failures_and_says_how_much_each_step_could_gain(
    answer: Answer, measured: str, questions: Path
) -> None:
    told = answer("survey", questions, "--store", measured)

    assert [(row["stage"], row["cause"], row["n"]) for row in told["failures"]] == [
        ("filter", "F1", 1)
    ]
    assert sum(row["share"] for row in told["headroom"]) == pytest.approx(1 / 3)
    assert [row["query_id"] for row in told["unjudged"]] == ["none"]


def test_a_person_reads_a_survey(whymiss: Run, measured: str, questions: Path) -> None:
    result = whymiss("survey", questions, "--store", measured)

    assert result.exit_code == 0, result.output
    for part in ("came through", "failures by stage and cause", "headroom", "cannot be judged"):
        assert part in result.stdout
    assert json.dumps("credit") not in result.stdout
