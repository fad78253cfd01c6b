"""`whymiss eval`: what it prints for people and programs, and how gates make it end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from whymiss.evaluation import read_run

Run = Callable[..., Result]
Answer = Callable[..., Any]


def row(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The one row with these values."""
    (found,) = [r for r in rows if all(r[name] == value for name, value in wanted.items())]
    return found


# What is measured


def test_the_summary_is_that_of_the_questions(
    answer: Answer, measured: str, questions: Path
) -> None:
    told = answer("eval", questions, "--store", measured)
    assert told["n_questions"] == 4
    recall = row(told["summary"], measure="recall@5")
    assert recall["value"] == pytest.approx(2 / 3)
    assert (recall["n"], recall["n_undefined"]) == (3, 1)
    assert 0 < recall["low"] < 2 / 3 < recall["high"] < 1
    assert row(told["undefined"], measure="recall@5") == {
        "measure": "recall@5", "reason": "the question is unanswerable", "n": 1,
        "query_ids": ["none"],
    }  # fmt: skip
    assert told["failures"] == [
        {"stage": "filter", "n": 1, "share": pytest.approx(1 / 3), "query_ids": ["credit"]}
    ]
    assert told["problems"] == []
    assert told["slices"] is None
    assert told["gates"] == []


def test_a_person_reads_values_intervals_reasons_and_where_evidence_was_lost(
    whymiss: Run, measured: str, questions: Path
) -> None:
    result = whymiss("eval", questions, "--store", measured)
    assert result.exit_code == 0
    shown = result.stdout
    assert f"{questions}: 4 questions asked of index main\n" in shown
    assert re.search(r"^recall@5 +0\.667 +\[0\.\d{3}, 0\.\d{3}\] +3 +1 *$", shown, re.MULTILINE)
    assert re.search(
        r"^the question is unanswerable +1 +recall@5, success@5, mrr", shown, re.MULTILINE
    )
    assert re.search(r"^filter +1 +33\.3% +credit *$", shown, re.MULTILINE)


def test_a_missing_interval_gives_its_reason(whymiss: Run, measured: str, questions: Path) -> None:
    shown = whymiss("eval", questions, "--store", measured, "--measure", "latency_p95").stdout
    assert re.search(r"^latency_p95 +\S+ +none +4 +0 *$", shown, re.MULTILINE)
    assert "no interval (latency_p95): a percentile is given as it was measured" in shown


def test_evidence_that_all_arrived_is_said_in_words(
    whymiss: Run, measured: str, questions: Path
) -> None:
    shown = whymiss("eval", questions, "--store", measured, "--split", "holdout").stdout
    assert "where evidence was lost: nowhere, in 1 question\n" in shown


def test_a_split_is_measured_alone(answer: Answer, measured: str, questions: Path) -> None:
    told = answer("eval", questions, "--store", measured, "--split", "holdout")
    assert told["n_questions"] == 1
    assert row(told["summary"], measure="recall@5")["value"] == 1


def test_the_configuration_decides(answer: Answer, measured: str, questions: Path) -> None:
    told = answer("eval", questions, "--store", measured, "--set", "retrieval.k=1")
    wide = answer("eval", questions, "--store", measured)
    assert told["fingerprint"] != wide["fingerprint"]
    assert (
        row(told["summary"], measure="context_tokens")["value"]
        < row(wide["summary"], measure="context_tokens")["value"]
    )


def test_answers_are_written_and_measured_on_request(
    answer: Answer, measured: str, questions: Path
) -> None:
    without = answer("eval", questions, "--store", measured)["measures"]
    told = answer("eval", questions, "--store", measured, "--answers")
    assert "lexical_faithfulness" not in without
    assert "lexical_faithfulness" in told["measures"]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("tags", ["about credit", "about phone", "about refund", "unanswerable"]),
        ("split", ["holdout", "tune"]),
        ("lost_at", ["filter"]),
    ],
)
def test_slices_are_told_on_request(
    answer: Answer, whymiss: Run, measured: str, questions: Path, by: str, names: list[str]
) -> None:
    arguments = ("eval", questions, "--store", measured, "--measure", "recall@5", "--slices", by)
    slices = answer(*arguments)["slices"]
    # Names in brackets stand for questions without a name of that kind.
    assert [line["slice"] for line in slices if line["slice"][0] != "("] == names
    shown = whymiss(*arguments).stdout
    for line in slices:
        value = "undefined" if line["value"] is None else f"{line['value']:.3f}"
        assert re.search(rf"^{re.escape(line['slice'])} +recall@5 +{value} ", shown, re.MULTILINE)


def test_labels_that_do_not_fit_are_named_and_their_questions_left_out(
    answer: Answer, whymiss: Run, measured: str, questions: Path
) -> None:
    broken = {
        "query_id": "typo", "text": "phone", "evidence": [[{"doc_id": "phone.md", "quote": "fone"}]]
    }  # fmt: skip
    with questions.open("a") as file:
        file.write(json.dumps(broken) + "\n")
    told = answer("eval", questions, "--store", measured)
    assert told["n_questions"] == 4
    assert [problem["query_id"] for problem in told["problems"]] == ["typo"]
    shown = whymiss("eval", questions, "--store", measured).stdout
    assert "1 question not asked: labels do not fit their document" in shown
    assert re.search(r"^typo +phone\.md +the quote is not in the document", shown, re.MULTILINE)


def test_a_run_is_written_and_read_back(
    answer: Answer, measured: str, questions: Path, tmp_path: Path
) -> None:
    told = answer("eval", questions, "--store", measured, "--out", tmp_path / "run.json")
    kept = read_run(tmp_path / "run.json")
    assert list(kept.measures) == told["measures"]
    assert kept.score("recall@5").estimate == pytest.approx(2 / 3)
    assert kept.fingerprint == told["fingerprint"]


def test_an_interrupted_run_is_resumed_unless_it_is_to_be_fresh(
    whymiss: Run, answer: Answer, measured: str, questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    arguments = ("eval", questions, "--store", measured)
    for fresh, reused in ((), 4), (("--fresh",), 0):
        with monkeypatch.context() as patched:
            patched.setattr("whymiss.evaluation.log.EvaluationLog.forget", stop)
            assert whymiss(*arguments).exit_code == 1
        assert answer(*arguments, *fresh)["n_reused"] == reused
    with monkeypatch.context() as patched:
        patched.setattr("whymiss.evaluation.log.EvaluationLog.forget", stop)
        whymiss(*arguments)
    assert "4 of them by an interrupted run before; --fresh asks" in whymiss(*arguments).stdout


# Gates


@pytest.mark.parametrize(
    ("gate", "code", "line"),
    [
        (["--fail-under", "recall@5=0.6"], 0, r"gate recall@5 >= 0\.6: 0\.667 \[.*\], met"),
        (["--fail-under", "recall@5=0.9"], 4, r"gate recall@5 >= 0\.9: 0\.667 \[.*\], missed"),
        # At the limit it is met, and 0.667 is more than two thirds.
        (["--fail-under", "recall@5=0.6666666666667"], 0, r": 0\.667 \[.*\], met"),
        (["--fail-under", "recall@5=0.66667"], 4, r": 0\.666666666667 \[.*\], missed"),
        (["--fail-over", "context_tokens=9999"], 0, r"gate context_tokens <= 9999: .*, met"),
        (["--fail-over", "context_tokens=1"], 4, r"gate context_tokens <= 1: .*, missed"),
        (["--fail-over", "latency_p95=0.000001"], 4, r": \S+ \(no interval: .*\), missed"),
        (
            ["--fail-under", "lexical_faithfulness=0"],
            4,
            r"gate lexical_faithfulness >= 0: undefined \(of 4 questions, .*: 4\), missed",
        ),
    ],
)
def test_a_gate_tells_and_decides_how_it_ends(
    whymiss: Run, measured: str, questions: Path, gate: list[str], code: int, line: str
) -> None:
    result = whymiss("eval", questions, "--store", measured, *gate)
    assert result.exit_code == code
    assert re.search(line + r"$", result.stderr.strip())
    assert len(result.stderr.splitlines()) == 1
    assert "recall@5" in result.stdout


def test_one_missed_gate_among_several_is_enough_and_all_are_told(
    answer: Answer, whymiss: Run, measured: str, questions: Path
) -> None:
    arguments = ("eval", questions, "--store", measured, "--measure", "mrr",
                 "--fail-under", "recall@5=0.9", "--fail-under", "success@1=0",
                 "--fail-over", "wrong_abstention=0.5")  # fmt: skip
    result = whymiss(*arguments)
    assert result.exit_code == 4
    assert [line.rpartition(", ")[2] for line in result.stderr.splitlines()] == [
        "missed", "met", "missed",
    ]  # fmt: skip
    told = answer(*arguments)
    assert told["measures"] == ["mrr", "recall@5", "success@1", "wrong_abstention"]
    recall, success, abstained = told["gates"]
    assert (recall["measure"], recall["rule"]) == ("recall@5", "recall@5 >= 0.9")
    assert recall["value"] == pytest.approx(2 / 3)
    assert [gate["met"] for gate in told["gates"]] == [False, True, False]
    assert (success["undefined_because"], abstained["value"]) == ("", None)
    assert abstained["undefined_because"]


def test_a_gate_is_missed_when_nothing_could_be_asked(
    whymiss: Run, measured: str, lines: Callable[..., Path]
) -> None:
    evidence = [[{"doc_id": "gone.md", "quote": "no more"}]]
    path = lines("gone.jsonl", [{"query_id": "q", "text": "gone", "evidence": evidence}])
    result = whymiss("eval", path, "--store", measured, "--fail-under", "recall@5=0")
    assert result.exit_code == 4
    assert "recall@5 >= 0: undefined (no question could be asked), missed" in result.stderr
    assert "no question has labels that tell" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--fail-under", "latency_p95=200"], "less latency_p95 is better: write --fail-over"),
        (["--fail-under", "context_tokens=5"], "write --fail-over context_tokens=5"),
        (["--fail-under", "wrong_abstention=0.1"], "write --fail-over wrong_abstention=0.1"),
        (["--fail-over", "recall@5=0.9"], "more recall@5 is better: write --fail-under"),
        (["--fail-under", "recall@5"], "--fail-under needs MEASURE=VALUE"),
        (["--fail-under", "recall@5=high"], "needs a number after the measure; got 'high'"),
        (["--fail-under", "recall@5=nan"], "needs a number after the measure; got 'nan'"),
        (["--slices", "colour"], "'colour' is not one of"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_measured(
    whymiss: Run, measured: str, questions: Path, arguments: list[str], complaint: str
) -> None:
    result = whymiss("eval", questions, "--store", measured, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert complaint in " ".join(result.stderr.split())


# Errors


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--measure", "recal@5"], r"ConfigError: no measure is called 'recal@5'.*recall@5"),
        (["--fail-under", "recal@5=1"], r"ConfigError: no measure is called 'recal@5'"),
        (["--split", "test"], r"LabelError: no question is of split 'test'.*'holdout', 'tune'"),
        (["--set", "retrieval.kk=5"], r"ConfigError: .*Did you mean 'retrieval\.k'"),
        (["--set", "index.name=other"], r"IndexNotFoundError: "),
        (["--out", "no/such/run.json"], r"cannot write no/such/run.json: there is no folder"),
        (["--out", "."], r"cannot write \.: it is a folder"),
    ],
)
def test_an_error_is_one_line(
    whymiss: Run, measured: str, questions: Path, arguments: list[str], complaint: str
) -> None:
    result = whymiss("eval", questions, "--store", measured, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.search(complaint, result.stderr)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("content", [None, "", "{", '{"query_id": "q"}\n', '{"text": 1}\n', "[]"])
def test_a_file_that_holds_no_questions_is_told_in_one_line(
    whymiss: Run, measured: str, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "q.jsonl"
    if content is not None:
        path.write_text(content)
    for verb in ("eval", "sweep", "compare", "report"):
        more = {
            "sweep": ["--vary", "retrieval.k=3"],
            "compare": ["--with", "retrieval.k=3"],
            "report": ["--out", tmp_path / "r.html"],
        }.get(verb, [])
        result = whymiss(verb, path, "--store", measured, *more)
        assert (result.exit_code, result.stdout) == (1, ""), verb
        assert len(result.stderr.splitlines()) == 1
        assert "Traceback" not in result.stderr


def test_a_mistyped_store_is_no_new_store(
    whymiss: Run, questions: Path, tmp_path: Path, hashing: None
) -> None:
    for verb in (
        ["eval"],
        ["sweep", "--vary", "retrieval.k=3"],
        ["compare", "--with", "retrieval.k=3"],
        ["report", "--out", str(tmp_path / "r.html")],
    ):
        result = whymiss(*verb, questions, "--store", tmp_path / "typo")
        assert result.exit_code == 1
        assert result.stderr.startswith("StoreError: there is no store at")
        assert not (tmp_path / "typo").exists()
