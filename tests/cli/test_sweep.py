"""`whymiss sweep`: combinations of knobs, what they cost, and going on after a stop."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result

Run = Callable[..., Result]
Answer = Callable[..., Any]

VARY = ("--vary", "retrieval.k=1,3", "--vary", "retrieval.mode=dense,bm25")


def test_every_combination_is_tried(answer: Answer, measured: str, questions: Path) -> None:
    told = answer("sweep", questions, "--store", measured, *VARY, "--measure", "recall@5")
    assert sorted(told["knobs"]) == ["retrieval.k", "retrieval.mode"]
    assert [line["config"] for line in told["front"]] == [
        "k=1 mode=dense", "k=1 mode=bm25", "k=3 mode=dense", "k=3 mode=bm25",
    ]  # fmt: skip
    assert told["baseline"] == "k=1 mode=dense"
    assert {row["measure"] for row in told["table"]} == {
        "recall@5", "context_tokens", "ms_per_question",
    }  # fmt: skip
    assert [row["retrieval.k"] for row in told["front"]] == [1, 1, 3, 3]
    assert (told["skipped"], told["reused"], told["problems"]) == ({}, [], [])


def test_a_person_reads_one_line_a_configuration_and_sees_the_front(
    answer: Answer, whymiss: Run, measured: str, questions: Path
) -> None:
    arguments = ("sweep", questions, "--store", measured, *VARY, "--measure", "recall@5")
    front = answer(*arguments)["front"]
    assert {line["on_front"] for line in front} == {True, False}
    shown = whymiss(*arguments).stdout
    assert f"{questions}: 4 configurations, 4 questions each; 4 configurations taken" in shown
    for line in front:
        mark = r"\*" if line["on_front"] else " "
        numbers = rf"{line['recall@5']:.3f} +\[.*\] +{line['context_tokens']:#.3g} +\S+"
        assert re.search(rf"^{mark} +{line['config']} +{numbers} *$", shown, re.MULTILINE)
    assert "* nobody else has as much recall@5 for as few context tokens" in shown
    assert re.search(r"^the question is unanswerable +1 +recall@5 +all 4 *$", shown, re.MULTILINE)


def test_without_a_measure_of_which_more_is_better_there_is_no_front(
    answer: Answer, whymiss: Run, measured: str, questions: Path, tmp_path: Path
) -> None:
    arguments = ("sweep", questions, "--store", measured, *VARY, "--measure", "context_tokens")
    assert answer(*arguments)["front"] is None
    assert "*" not in whymiss(*arguments).stdout
    result = whymiss(*arguments, "--html", tmp_path / "c.html")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "charts of a sweep need a measure of which more is better" in result.stderr


def test_the_front_is_that_of_the_first_measure_of_which_more_is_better(
    answer: Answer, measured: str, questions: Path
) -> None:
    told = answer("sweep", questions, "--store", measured, *VARY, "--measure", "context_tokens",
                  "--measure", "mrr", "--measure", "recall@5")  # fmt: skip
    assert told["quality"] == "mrr"


def test_combinations_that_are_no_configuration_are_listed_with_the_reason(
    answer: Answer, whymiss: Run, measured: str, questions: Path
) -> None:
    arguments = ("sweep", questions, "--store", measured, "--vary", "retrieval.k=3,500")
    skipped = answer(*arguments)["skipped"]
    assert list(skipped) == ["k=500"]
    assert re.search(
        r"^k=500 +retrieval\.candidate_depth must be at least retrieval\.k",
        whymiss(*arguments).stdout, re.MULTILINE,
    )  # fmt: skip


def test_a_stopped_sweep_goes_on_and_a_fresh_one_does_not(
    answer: Answer, whymiss: Run, measured: str, questions: Path
) -> None:
    some = ("sweep", questions, "--store", measured, "--vary", "retrieval.k=3")
    more = ("sweep", questions, "--store", measured, "--vary", "retrieval.k=3,1")
    assert answer(*some)["reused"] == []
    assert answer(*more)["reused"] == ["k=3"]
    assert "; 2 configurations taken from an earlier sweep, --fresh asks" in whymiss(*more).stdout
    assert answer(*more, "--fresh")["reused"] == []
    assert "taken" not in whymiss(*more, "--fresh").stdout


def test_questions_of_an_unfinished_configuration_are_taken_too(
    whymiss: Run, measured: str, questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    arguments = ("sweep", questions, "--store", measured, "--vary", "retrieval.k=3")
    with monkeypatch.context() as patched:
        patched.setattr("whymiss.evaluation.log.EvaluationLog.finish", stop)
        assert whymiss(*arguments).exit_code == 1
    assert "; 4 questions of others taken from an earlier sweep" in whymiss(*arguments).stdout


def test_a_split_and_answers_are_as_elsewhere(
    answer: Answer, measured: str, questions: Path
) -> None:
    told = answer("sweep", questions, "--store", measured, "--vary", "retrieval.k=3", "--answers",
                  "--split", "holdout", "--measure", "lexical_faithfulness")  # fmt: skip
    (row,) = [row for row in told["table"] if row["measure"] == "lexical_faithfulness"]
    assert (row["n"], row["n_undefined"]) == (1, 0)


def test_labels_that_do_not_fit_are_named(
    answer: Answer, whymiss: Run, measured: str, questions: Path
) -> None:
    with questions.open("a") as file:
        file.write('{"query_id": "typo", "text": "x", "evidence": [[{"doc_id": "no.md", '
                   '"quote": "fone"}]]}\n')  # fmt: skip
    arguments = ("sweep", questions, "--store", measured, "--vary", "retrieval.k=3")
    assert [problem["query_id"] for problem in answer(*arguments)["problems"]] == ["typo"]
    assert re.search(
        r"^typo +no\.md +the document is missing", whymiss(*arguments).stdout, re.MULTILINE
    )


# Values


def test_values_have_the_type_of_their_knob(answer: Answer, measured: str, questions: Path) -> None:
    told = answer("sweep", questions, "--store", measured, "--vary", "retrieval.dense_weight=.2,1",
                  "--vary", "retrieval.stop_words=true,FALSE", "--set", "retrieval.fusion=weighted",
                  "--vary", "retrieval.k=3,3")  # fmt: skip
    assert [line["config"] for line in told["front"]] == [
        "dense_weight=0.2 stop_words=True k=3", "dense_weight=0.2 stop_words=False k=3",
        "dense_weight=1.0 stop_words=True k=3", "dense_weight=1.0 stop_words=False k=3",
    ]  # fmt: skip
    assert sorted(told["knobs"]) == ["retrieval.dense_weight", "retrieval.stop_words"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--vary", "retrieval.k"], "ConfigError: --vary needs GROUP.KNOB=VALUE"),
        (["--vary", "retrieval.kk=3"], r"ConfigError: .*Did you mean 'retrieval\.k'"),
        (["--vary", "retrieval.k=3,five"], r"ConfigError: retrieval\.k must be a number"),
        (["--vary", "retrieval.k="], r"ConfigError: retrieval\.k must be a number; got ''"),
        (["--vary", "retrieval.k=3", "--vary", "retrieval.k=5"], "names retrieval.k twice"),
        (["--vary", "retrieval.k=900,901"], "at least one valid configuration; got none"),
        (["--vary", "retrieval.k=3", "--measure", "recal@5"], "no measure is called 'recal@5'"),
        (["--vary", "retrieval.k=3", "--split", "no"], "LabelError: no question is of split"),
        (["--vary", "retrieval.k=3", "--out", "no/t.csv"], "cannot write no/t.csv"),
        (["--vary", "retrieval.k=3", "--html", "no/t.html"], "cannot write no/t.html"),
    ],
)
def test_an_error_is_one_line(
    whymiss: Run, measured: str, questions: Path, arguments: list[str], complaint: str
) -> None:
    result = whymiss("sweep", questions, "--store", measured, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.search(complaint, result.stderr)
    assert len(result.stderr.splitlines()) == 1


def test_a_sweep_over_nothing_is_wrong_usage(whymiss: Run, questions: Path) -> None:
    result = whymiss("sweep", questions)
    assert result.exit_code == 2
    assert "Missing option '--vary'" in result.stderr


# Files


def test_the_table_is_written_as_csv(
    answer: Answer, measured: str, questions: Path, tmp_path: Path
) -> None:
    told = answer("sweep", questions, "--store", measured, *VARY, "--out", tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert len(table) == len(told["table"])
    assert table["value"].tolist() == pytest.approx(
        [row["value"] for row in told["table"]], nan_ok=True
    )
    assert {"config", "retrieval.k", "retrieval.mode", "measure", "value"} <= set(table.columns)


class _Page(HTMLParser):
    """What a page loads, and how many charts it draws."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.n_charts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.loaded += [str(given[name]) for name in ("src", "href") if name in given]
        self.n_charts += given.get("class") == "plotly-graph-div"


@pytest.mark.parametrize(
    ("vary", "n_charts"),
    [
        (["retrieval.k=1,3"], 1),
        (["retrieval.k=1,3", "retrieval.mode=dense"], 1),
        (["retrieval.k=1,3", "retrieval.mode=dense,bm25"], 2),
        # One heatmap for each value of the knob with the fewest values.
        (["retrieval.k=1,2,3", "retrieval.mode=dense,bm25", "context.order=rank,document"], 3),
    ],
)
def test_charts_are_one_page_that_loads_nothing(
    whymiss: Run, measured: str, questions: Path, tmp_path: Path, vary: list[str], n_charts: int
) -> None:
    options = [part for knob in vary for part in ("--vary", knob)]
    path = tmp_path / "charts.html"
    result = whymiss("sweep", questions, "--store", measured, *options, "--html", path)
    assert result.exit_code == 0, result.output
    html = path.read_text(encoding="utf-8")
    page = _Page(html)
    assert page.n_charts == n_charts
    assert page.loaded == []
    assert html.count("plotly.js v") == 1


def test_combinations_that_were_skipped_leave_gaps_and_no_error(
    whymiss: Run, measured: str, questions: Path, tmp_path: Path
) -> None:
    path = tmp_path / "charts.html"
    result = whymiss("sweep", questions, "--store", measured, "--vary", "retrieval.k=3,20",
                     "--vary", "retrieval.candidate_depth=10,50",
                     "--vary", "retrieval.mode=dense,bm25", "--html", path)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert _Page(path.read_text(encoding="utf-8")).n_charts == 3


def test_charts_without_plotly_are_refused_before_the_sweep(
    whymiss: Run, measured: str, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("plotly", "whymiss.plots"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "whymiss.cli.charts", raising=False)
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setattr("whymiss.workbench.Workbench.sweep", lambda *_, **__: pytest.fail("swept"))
    result = whymiss("sweep", questions, "--store", measured, *VARY, "--html", tmp_path / "c.html")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install 'whymiss[lab]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1
