"""`whymiss compare`: variants of a configuration, and runs saved earlier."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from whymiss.cli.variants import read_variants
from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError

Run = Callable[..., Result]
Answer = Callable[..., Any]

ONE_PASSAGE = "small: retrieval.k=1 retrieval.mode=bm25"


@pytest.fixture
def many(lines: Callable[..., Path]) -> Path:
    """Twenty questions in two splits, all answered by one sentence."""
    evidence = [[{"doc_id": "refund.md", "quote": "ten days"}]]
    asked = [
        {"query_id": f"q{i:02}", "text": f"refund number {i}", "evidence": evidence,
         "split": "even" if i % 2 == 0 else "odd"}
        for i in range(20)
    ]  # fmt: skip
    return lines("many.jsonl", asked)


@pytest.fixture
def saved(whymiss: Run, measured: str, many: Path, tmp_path: Path) -> Callable[..., Path]:
    """`saved(name, *options)`: a run over the twenty questions, written to a file."""

    def save(name: str, *options: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        done = whymiss("eval", many, "--store", measured, "--out", path, *options)
        assert done.exit_code == 0, done.output
        return path

    return save


# How a variant is written


def test_a_variant_has_a_name_and_changes_of_the_base() -> None:
    base = PipelineConfig().replace(retrieval__k=8)
    configs = read_variants(base, ["dense wide: retrieval.mode=dense retrieval.k=9"])
    assert configs == {
        "base": base,
        "dense wide": base.replace(retrieval__mode="dense", retrieval__k=9),
    }


def test_a_variant_without_a_name_is_called_by_its_changes() -> None:
    text = "chunking.strategy=custom:mine"
    assert list(read_variants(PipelineConfig(), [text])) == ["base", text]


def test_a_value_with_spaces_stands_in_quotes() -> None:
    configs = read_variants(PipelineConfig(), ['e5: embedding.query_prefix="query: "'])
    assert configs["e5"].embedding.query_prefix == "query: "


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["dense:"], "needs \"NAME: GROUP.KNOB=VALUE ...\"; got 'dense:'"),
        ([": retrieval.k=3"], 'needs "NAME: GROUP'),
        (["dense: fast"], "--with needs GROUP.KNOB=VALUE; got 'fast'"),
        (["dense: retrieval.k='3"], "cannot be read: No closing quotation"),
        (["a: retrieval.k=3", "a: retrieval.k=4"], "got 'a' twice"),
        (["base: retrieval.k=3"], "got 'base' twice .base is the configuration without --with"),
        (["a: retrieval.kk=3"], r"Did you mean 'retrieval\.k'"),
        (["a: retrieval.k=three"], r"retrieval\.k must be a number"),
    ],
)
def test_a_variant_that_makes_no_sense_is_told(texts: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_variants(PipelineConfig(), texts)


# Variants


def test_variants_are_held_against_the_base_on_the_same_questions(
    answer: Answer, measured: str, questions: Path
) -> None:
    told = answer("compare", questions, "--store", measured, "--with", ONE_PASSAGE,
                  "--with", "retrieval.k=3")  # fmt: skip
    assert told["baseline"] == "base"
    assert [row["config"] for row in told["comparison"]] == ["small", "retrieval.k=3"]
    assert {row["measure"] for row in told["comparison"]} == {"recall@5"}
    assert all((row["n"], row["n_undefined"]) == (3, 1) for row in told["comparison"])
    assert all(row["verdict"] == "undecided" for row in told["comparison"])
    assert len(told["sentences"]) == 2
    assert len(told["questions"]) == 8
    assert told["left_out"] == []
    assert told["missing"] == []


def test_a_person_reads_sentences_and_a_table(whymiss: Run, measured: str, questions: Path) -> None:
    result = whymiss("compare", questions, "--store", measured, "--with", ONE_PASSAGE)
    assert result.exit_code == 0
    assert result.stdout.startswith("compared with 'base' on 4 questions\n")
    assert "recall@5: 'small' is undecided: " in result.stdout
    assert re.search(
        r"^recall@5 +small +0\.000 +\[.*\] +95 % +1\.000 +0 +0 +3 +1 +\S+ +undecided *$",
        result.stdout,
        re.MULTILINE,
    )


def test_another_baseline_turns_the_difference_round(
    answer: Answer, measured: str, many: Path
) -> None:
    arguments = ("compare", many, "--store", measured, "--with", "none: retrieval.min_score=1",
                 "--set", "retrieval.mode=dense")  # fmt: skip
    (worse,) = answer(*arguments)["comparison"]
    (better,) = answer(*arguments, "--baseline", "none")["comparison"]
    assert (worse["config"], worse["verdict"]) == ("none", "worse")
    assert (better["config"], better["verdict"]) == ("base", "better")
    assert worse["difference"] == -better["difference"]


def test_questions_whose_labels_do_not_fit_are_named(
    answer: Answer, whymiss: Run, measured: str, questions: Path
) -> None:
    evidence = [[{"doc_id": "phone.md", "quote": "fone"}]]
    with questions.open("a") as file:
        file.write(json.dumps({"query_id": "typo", "text": "x", "evidence": evidence}) + "\n")
    arguments = ("compare", questions, "--store", measured, "--with", ONE_PASSAGE)
    assert answer(*arguments)["left_out"] == ["typo"]
    shown = whymiss(*arguments).stdout
    assert "1 question left out, labels do not fit their document (eval tells why): typo" in shown


# Saved runs


def test_saved_runs_are_recognised_by_content_and_named_by_file(
    answer: Answer, saved: Callable[..., Path]
) -> None:
    found = saved("found.txt")
    lost = saved("lost.txt", "--set", "retrieval.mode=dense", "--set", "retrieval.min_score=1")
    told = answer("compare", found, lost)
    assert told["baseline"] == "found"
    (row,) = told["comparison"]
    assert (row["config"], row["measure"], row["verdict"]) == ("lost", "recall@5", "worse")
    assert (row["difference"], row["wins"], row["losses"], row["ties"]) == (-1, 0, 20, 0)
    (back,) = answer("compare", found, lost, "--baseline", "lost")["comparison"]
    assert (back["verdict"], back["difference"]) == ("better", 1)


def test_less_is_better_where_it_is(answer: Answer, saved: Callable[..., Path]) -> None:
    wide, narrow = saved("wide.json"), saved("narrow.json", "--set", "retrieval.k=1")
    (row,) = answer("compare", wide, narrow, "--measure", "context_tokens")["comparison"]
    assert row["difference"] < 0
    assert (row["verdict"], row["wins"]) == ("better", 20)


def test_wins_lists_the_questions_that_flip(
    answer: Answer, whymiss: Run, saved: Callable[..., Path]
) -> None:
    found = saved("found.json")
    lost = saved("lost.json", "--set", "retrieval.mode=dense", "--set", "retrieval.min_score=1")
    told = answer("compare", found, lost)["questions"]
    assert (told[0]["query_id"], told[0]["text"]) == ("q00", "refund number 0")
    assert {question["outcome"] for question in told} == {"loss"}
    shown = whymiss("compare", found, lost, "--wins").stdout
    assert re.search(
        r"^loss +lost +recall@5 +q07 +1\.000 +0\.000 +refund number 7 *$", shown, re.MULTILINE
    )
    assert "refund number 7" not in whymiss("compare", found, lost).stdout
    same = found.with_name("same.json")
    same.write_bytes(found.read_bytes())
    assert whymiss("compare", found, same, "--wins").stdout.endswith(
        "questions won and lost\nnone\n"
    )


def test_a_split_of_saved_runs_is_compared_alone(
    answer: Answer, saved: Callable[..., Path]
) -> None:
    paths = saved("a.json"), saved("b.json", "--set", "retrieval.k=1")
    (row,) = answer("compare", *paths, "--split", "even")["comparison"]
    assert row["n"] == 10


def test_runs_of_other_questions_are_refused_unless_the_rest_may_be_dropped(
    answer: Answer, whymiss: Run, saved: Callable[..., Path]
) -> None:
    paths = saved("all.json"), saved("some.json", "--split", "odd")
    result = whymiss("compare", *paths)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("MixedQueriesError: ")
    assert len(result.stderr.splitlines()) == 1
    told = answer("compare", *paths, "--on-missing", "drop")
    assert told["comparison"][0]["n"] == 10
    assert {gap["query_id"] for gap in told["missing"]} == {f"q{i:02}" for i in range(0, 20, 2)}
    assert "questions that a run lacks" in whymiss("compare", *paths, "--on-missing", "drop").stdout


def test_one_id_for_two_questions_is_refused(
    whymiss: Run, saved: Callable[..., Path], many: Path
) -> None:
    before = saved("before.json")
    many.write_text(many.read_text().replace("refund number 3", "another question"))
    result = whymiss("compare", before, saved("after.json"))
    assert result.exit_code == 1
    assert "'q03' is 'refund number 3' in 'before' and 'another question' in 'after'" in (
        result.stderr
    )


def test_files_of_one_name_are_told_apart_by_their_folder(
    answer: Answer, whymiss: Run, saved: Callable[..., Path]
) -> None:
    one, two = saved("monday/run.json"), saved("tuesday/run.json")
    told = answer("compare", one, two)
    assert (told["baseline"], told["comparison"][0]["config"]) == (str(one), str(two))
    result = whymiss("compare", one, one)
    assert result.exit_code == 1
    assert "a file is named twice" in result.stderr


def test_an_interval_without_an_end_is_none_in_json(
    answer: Answer, whymiss: Run, saved: Callable[..., Path]
) -> None:
    paths = saved("a.json", "--measure", "context_tokens"), saved(
        "b.json", "--measure", "context_tokens", "--set", "retrieval.k=1"
    )  # fmt: skip
    for path in paths:
        body = json.loads(path.read_text())
        body["questions"] = body["questions"][:1]
        path.write_text(json.dumps(body))
    (row,) = answer("compare", *paths)["comparison"]
    assert (row["low"], row["high"], row["n"]) == (None, None, 1)
    assert "[-inf, inf]" in whymiss("compare", *paths).stdout


# Usage and errors


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["QUESTIONS"], "alone cannot be compared; name variants (--with)"),
        (["RUN"], "alone cannot be compared; name another saved run"),
        (["RUN", "--with", "retrieval.k=3"], "--with needs one file of questions"),
        (["QUESTIONS", "RUN", "--with", "retrieval.k=3"], "--with needs one file of questions"),
        (["RUN", "OTHER", "--set", "retrieval.k=3"], "change nothing in saved runs"),
        (["RUN", "OTHER", "--answers"], "change nothing in saved runs"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_exit_code_two(
    whymiss: Run, saved: Callable[..., Path], many: Path, arguments: list[str], complaint: str
) -> None:
    files = {"QUESTIONS": str(many)}
    if "RUN" in arguments:
        files["RUN"] = str(saved("run.json"))
    result = whymiss("compare", *(files.get(argument, argument) for argument in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["RUN", "RUN2", "--measure", "recal@5"], "ConfigError: no measure is called"),
        (["RUN", "RUN2", "--measure", "recall@7"], "ConfigError: compare: no scores for"),
        (["RUN", "RUN2", "--baseline", "third"], "ConfigError: compare needs the baseline"),
        (["RUN", "no/such.json"], "InvalidRecordError: no/such.json cannot be read"),
        (["RUN", "QUESTIONS"], "InvalidRecordError: "),
        (
            ["RUN", "RUN2", "--split", "no"],
            "LabelError: no question of these runs is of split 'no'",
        ),
    ],
)
def test_an_error_is_one_line(
    whymiss: Run, saved: Callable[..., Path], many: Path, arguments: list[str], complaint: str
) -> None:
    run = saved("run.json")
    (run.parent / "run2.json").write_bytes(run.read_bytes())
    files = {"QUESTIONS": many, "RUN": run, "RUN2": run.parent / "run2.json"}
    result = whymiss("compare", *(files.get(argument, argument) for argument in arguments))
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.match(complaint, result.stderr)
    assert len(result.stderr.splitlines()) == 1
