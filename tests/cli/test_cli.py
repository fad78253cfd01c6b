"""The verbs: what they print for people, for programs, and how they end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from whymiss.cli import main
from whymiss.cli.show import place_of
from whymiss.config import PipelineConfig
from whymiss.errors import FilterError
from whymiss.records import Clause
from whymiss.retrieval import parse_where

pytestmark = pytest.mark.usefixtures("hashing")

VERBS = (
    "ask",
    "build",
    "chunks",
    "compare",
    "config",
    "demo",
    "diagnose",
    "documents",
    "drills",
    "eval",
    "explain",
    "files",
    "indexes",
    "ingest",
    "lab",
    "map",
    "neighbours",
    "purge",
    "report",
    "serve",
    "survey",
    "sweep",
    "trace",
)
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

FILES = {
    "plans/annual.md": "---\nallowed: '*'\nplan_type: annual\n---\n# Annual plans\n\n## Phone\n\n"
    "Annual plans include phone support.\n",
    "credit.md": "---\nallowed: [support]\n---\n# Goodwill\n\nForty euros of credit.\n",
    "notes.txt": "Nobody said who may read this.\n",
}


def run(*arguments: str, **fields: Any) -> Result:
    return CliRunner().invoke(main, list(arguments), **fields)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("docs")
    (root / "plans").mkdir()
    for name, content in FILES.items():
        (root / name).write_text(content, encoding="utf-8")
    return root


@pytest.fixture
def store(tmp_path: Path, folder: Path) -> str:
    place = str(tmp_path / "store")
    assert run("ingest", str(folder), "--store", place).exit_code == 0
    return place


def parsed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    assert result.stdout.isascii()
    return json.loads(result.stdout)


# For programs


def test_ingest_reports_files_indexes_notes_and_seconds(tmp_path: Path, folder: Path) -> None:
    report = parsed(run("ingest", str(folder), "--store", str(tmp_path / "s"), "--json"))
    assert sorted(report) == ["files", "indexes", "notes", "seconds"]
    assert sorted(report["files"][0]) == sorted(
        ["doc_id", "status", "change", "reason", "format", "warnings", "source"]
    )
    (index,) = report["indexes"]
    assert sorted(index) == sorted(
        [
            "index",
            "n_changed",
            "n_removed",
            "n_chunks_written",
            "n_embedded",
            "n_truncated",
            "version",
        ]
    )
    assert index["n_changed"] == 3
    assert "readable by nobody" in report["notes"][0]


def test_ask_prints_the_trace(store: str) -> None:
    trace = parsed(run("ask", "annual phone support", "--store", store, "--json"))
    assert sorted(trace) == sorted(
        ["trace_id", "asked_at", "query_hash", "query_text", "principals", "where",
         "config_fingerprint", "index_name", "index_version", "model_version", "rankings",
         "context", "answer", "scores", "seconds", "flags"]
    )  # fmt: skip
    assert trace["rankings"][-1]["hits"][0]["doc_id"] == "plans/annual.md"
    assert parsed(run("ask", "a", "--store", store, "--json", "--no-answer"))["answer"] is None


@pytest.mark.parametrize(
    ("verb", "keys"),
    [
        ("documents", {"doc_id", "title", "syntax", "allowed", "modified", "source", "content_hash",
                       "plan_type"}),
        ("chunks", {"chunk_id", "doc_id", "start", "end", "n_tokens", "n_truncated", "headings",
                    "text", "parent_start", "parent_end"}),
        ("files", {"doc_id", "status", "reason", "format", "warnings", "source"}),
        ("indexes", {"name", "strategy", "size", "overlap", "model_version", "dimension",
                     "n_documents", "n_chunks", "n_truncated", "n_missing", "n_stale", "n_orphan",
                     "version", "ann", "n_unindexed"}),
    ],
)  # fmt: skip
def test_a_listing_has_its_keys(store: str, verb: str, keys: set[str]) -> None:
    rows = parsed(run(verb, "--store", store, "--json"))
    assert rows
    assert all(set(row) == keys for row in rows)


def test_traces_are_listed_and_shown_by_the_beginning_of_their_id(store: str) -> None:
    asked = parsed(run("ask", "annual", "--store", store, "--json"))
    (row,) = parsed(run("trace", "--store", store, "--json"))
    assert row["trace_id"] == asked["trace_id"]
    assert row["query_text"] is None
    assert {"flags", "n_hits", "ms_dense", "lexical_faithfulness"} <= set(row)
    shown = parsed(run("trace", asked["trace_id"][:8], "--store", store, "--json"))
    assert shown["rankings"] == asked["rankings"]
    assert shown["query_text"] is None


def test_build_and_config_print_what_they_did(store: str) -> None:
    built = parsed(run("build", "--store", store, "--json", "--set", "index.name=b"))
    assert sorted(built) == ["index", "n_chunks_written", "n_embedded", "version"]
    assert built["index"] == "b"
    assert parsed(run("config", "--json", "--set", "retrieval.k=8"))["retrieval.k"] == 8


def test_the_printed_configuration_can_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "whymiss.toml"
    path.write_text(run("config", "--set", "retrieval.mode=dense").stdout)
    assert PipelineConfig.from_toml(path) == PipelineConfig().replace(retrieval__mode="dense")
    again = run("config", "--config", str(path), "--set", "trace.raw_text=TRUE").stdout
    assert 'mode = "dense"' in again
    assert "raw_text = true" in again


def test_purge_leaves_nothing_of_a_deleted_document_on_disk(tmp_path: Path) -> None:
    docs, store = tmp_path / "docs", tmp_path / "store"
    docs.mkdir()
    (docs / "keep.md").write_text("Refunds take ten days.")
    (docs / "gone.md").write_text("The launch code is heliotrope.")
    assert run("ingest", str(docs), "--allowed", "*", "--store", str(store)).exit_code == 0
    (docs / "gone.md").unlink()
    assert run("ingest", str(docs), "--allowed", "*", "--store", str(store)).exit_code == 0
    holding = [p for p in store.rglob("*") if p.is_file() and b"heliotrope" in p.read_bytes()]
    assert holding, "deleted text stays in the files until they are rewritten"
    purged = json.loads(run("purge", "--store", str(store), "--json").stdout)
    assert purged["bytes_freed"] > 0
    assert not [p for p in store.rglob("*") if p.is_file() and b"heliotrope" in p.read_bytes()]


# How it ends


def test_every_verb_explains_itself() -> None:
    assert isinstance(main, click.Group)
    assert sorted(main.commands) == sorted(VERBS)
    for verb in VERBS:
        for flag in ("--help", "-h"):
            result = run(verb, flag)
            assert result.exit_code == 0
            assert f"Usage: main {verb}" in result.stdout
    assert "Exit codes" in run("--help").stdout
    assert run("--version").stdout == "whymiss, version 0.1.0\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["ask", " "], "InvalidRecordError: .*at least one word"),
        (["ask", "a", "--set", "retrieval.kk=5"], r"Did you mean 'retrieval\.k'"),
        (["ask", "a", "--set", "retrieval.k"], "needs GROUP.KNOB=VALUE"),
        (["ask", "a", "--set", "retrieval.k=five"], r"retrieval\.k must be a number"),
        (["ask", "a", "--set", "retrieval.k=0"], r"retrieval\.k must be at least 1"),
        (["ask", "a", "--set", "retrieval.bm25_k1=nan"], r"bm25_k1 must be a number"),
        (["ask", "a", "--set", "trace.keep=yes"], r"trace\.keep must be true or false"),
        (["ask", "a", "--set", "retrieval.stemmer=klingon"], "does not know 'klingon'"),
        (["ask", "a", "--set", "index.name=none"], "IndexNotFoundError: .*it has: main"),
        (["ask", "a", "--set", "chunking.size=64"], "IndexMismatchError"),
        (["ask", "a", "--where", "plan"], "FilterError: .*field=value"),
        (["ask", "a", "--where", "plan==b"], "FilterError: .*one operator"),
        (["ask", "a", "--principal", ""], "InvalidRecordError: .*a principal is a name"),
        (["ask", "a", "--config", "none.toml"], "ConfigError: .*cannot read none.toml"),
        (["ask", "a", "--set", "answer.generator=openai"], "ConfigError: .*needs answer.base_url"),
        (["trace", "zzz"], "TraceError: .*there is none"),
        (["ingest", "no/such/folder"], "DocumentError: .*none at no/such/folder"),
        (["ingest", "no/such.jsonl"], "DocumentError"),
    ],
)
def test_an_error_is_one_line_on_stderr_and_exit_code_one(
    store: str, arguments: list[str], complaint: str
) -> None:
    result = run(*arguments, "--store", store)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert re.search(complaint, result.stderr)
    assert len(result.stderr.splitlines()) == 1


def test_a_broken_configuration_file_is_told(store: str, tmp_path: Path) -> None:
    for content in (b"[retrieval", b"\xff\xfe", b"k = 1"):
        (tmp_path / "c.toml").write_bytes(content)
        result = run("ask", "a", "--store", store, "--config", str(tmp_path / "c.toml"))
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("ConfigError: ")


@pytest.mark.parametrize(
    "verb", [["ask", "a"], ["build"], ["chunks"], ["documents"], ["files"], ["indexes"], ["trace"]]
)
def test_a_mistyped_store_is_an_error_and_not_a_new_store(tmp_path: Path, verb: list[str]) -> None:
    result = run(*verb, "--store", str(tmp_path / "typo"))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"StoreError: there is no store at {tmp_path / 'typo'}")
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("verb", [["ask", "a"], ["indexes"], ["ingest", "."]])
def test_a_store_that_is_a_file_is_told(tmp_path: Path, verb: list[str]) -> None:
    (tmp_path / "file").write_text("")
    result = run(*verb, "--store", str(tmp_path / "file"))
    assert result.exit_code == 1
    assert result.stderr.startswith("StoreError: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["ask"], ["asking"], ["ask", "a", "--no-such"], ["ask", "a", "b"], ["--no-such"]]
)
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_a_file_that_failed_is_exit_code_three_and_the_rest_is_served(
    tmp_path: Path, folder: Path
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "good.md").write_text("---\nallowed: '*'\n---\nGood text.\n")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is none")
    store = str(tmp_path / "store")
    result = run("ingest", str(docs), "--store", store)
    assert result.exit_code == 3
    assert "broken.pdf" in result.stdout
    listed = {
        row["doc_id"]: row["status"] for row in parsed(run("files", "--store", store, "--json"))
    }
    assert listed == {"good.md": "ok", "broken.pdf": "failed"}
    assert "Good text." in run("ask", "good text", "--store", store).stdout


def test_a_system_that_refuses_is_told_in_one_line(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/store\x1b[31m")

    monkeypatch.setattr("whymiss.workbench.Store", refuse)
    result = run("indexes", "--store", store)
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr
    assert "\x1b" not in result.stderr
    assert "Traceback" not in result.stderr


# For people


def test_a_question_shows_stages_chunks_answer_and_source_once(store: str) -> None:
    shown = run("ask", "annual phone support", "--store", store, "--principal", "support",
                "--where", "plan_type = annual").stdout  # fmt: skip
    assert "Q: annual phone support" in shown
    assert "asked by support, where plan_type = annual" in shown
    assert re.search(r"A: Annual plans include phone support\. \[1\]", shown)
    assert "[1] plans/annual.md:" in shown
    assert re.search(r"^ +Annual plans *$", shown, re.MULTILINE)
    assert "lexical faithfulness: 1.00" in shown
    for stage in ("filter", "dense", "bm25", "fuse", "select", "pack", "answer"):
        assert re.search(rf"^{stage} ", shown, re.MULTILINE)


def test_a_kept_trace_says_that_its_words_were_not_kept(store: str) -> None:
    asked = parsed(run("ask", "annual phone support", "--store", store, "--json"))
    shown = run("trace", asked["trace_id"], "--store", store).stdout
    assert "not kept: trace.raw_text is off" in shown
    assert "Q:" not in shown
    run("ask", "annual phone support", "--store", store, "--set", "trace.raw_text=true")
    assert "annual phone support" in run("trace", "--store", store).stdout


def test_who_may_read_is_told_in_words(store: str) -> None:
    shown = run("documents", "--store", store).stdout
    assert re.search(r"^notes\.txt .* nobody\s*$", shown, re.MULTILINE)
    assert re.search(r"^credit\.md .* support\s*$", shown, re.MULTILINE)


def test_an_empty_listing_says_none(store: str) -> None:
    assert run("trace", "--store", store).stdout == "none\n"
    assert run("chunks", "--store", store, "--doc-id", "x' OR 1=1").stdout == "none\n"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_headings_and_numbers_stay_whole_in_a_narrow_terminal(
    store: str, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    shown = run("indexes", "--store", store).stdout
    if width >= 80:
        assert shown.splitlines()[0].split() == [
            "index", "strategy", "size", "docs", "chunks", "cut", "missing", "stale", "orphan",
            "version",
        ]  # fmt: skip
    else:
        assert "index: main\nstrategy: heading\nsize: 200\n" in shown
        assert shown.splitlines()[-1].startswith("version: ")
    for verb in ("documents", "files", "chunks"):
        lines = run(verb, "--store", store).stdout.splitlines()
        assert max(map(len, lines)) <= width
        assert lines[0].startswith(("document", "file"))


def test_ids_stay_whole_in_a_pipe(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert "plans/annual.md" in run("files", "--store", store).stdout


@pytest.mark.parametrize(
    ("title", "headings", "place"),
    [
        ("Support tiers", ("Support tiers", "Monthly"), "Support tiers > Monthly"),
        ("Support tiers", ("Monthly",), "Support tiers > Monthly"),
        ("", ("Monthly",), "Monthly"),
        ("Support tiers", (), "Support tiers"),
        ("", (), ""),
    ],
)
def test_a_title_that_is_the_first_heading_is_shown_once(
    title: str, headings: tuple[str, ...], place: str
) -> None:
    assert place_of(title, headings) == place


def test_control_characters_of_a_corpus_never_reach_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\x00\x08\r\u202egnp.\u2066\u200fred"
    line = {"_id": f"d{evil}", "title": f"t{evil}", "text": f"annual {evil} plans", "metadata": {}}
    (tmp_path / "c.jsonl").write_text(json.dumps(line))
    store = str(tmp_path / "store")
    raw = ["--set", "trace.raw_text=true"]
    results = [
        run("ingest", str(tmp_path / "c.jsonl"), "--store", store, "--allowed", "*"),
        run("ingest", str(tmp_path / "c.jsonl"), "--store", store),
        run("ask", f"annual plans{evil}", "--store", store, "--principal", f"p{evil}",
            "--where", f"x!={evil}", *raw),
        run("trace", "--store", store),
        run("documents", "--store", store),
        run("chunks", "--store", store),
        run("files", "--store", store),
        run("ask", "a", "--store", store, "--where", evil),
        run("trace", evil, "--store", store),
        run("ingest", f"/no/{evil}", "--store", store),
    ]  # fmt: skip
    assert [r.exit_code for r in results] == [0, 0, 0, 0, 0, 0, 0, 1, 1, 1]
    for result in results:
        assert not STEERING.search(result.output.replace("\n", ""))
    for verb in (["documents"], ["chunks"], ["trace"], ["ask", "annual"]):
        result = run(*verb, "--store", store, "--json")
        assert parsed(result)
        assert not STEERING.search(result.stdout.replace("\n", ""))


def test_letters_that_a_terminal_cannot_show_do_not_end_in_a_crash(store: str) -> None:
    script = "from whymiss.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "documents", "--store", f"{store}-größe"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"StoreError: there is no store at" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_pipe_closed_early_ends_quietly(store: str) -> None:
    script = "from whymiss.cli import main; main()"
    command = [sys.executable, "-c", script, "chunks", "--json", "--store", store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        told = running.stderr.read()
    assert b"Traceback" not in told


# Hostile arguments


def test_hostile_arguments_are_values_and_nothing_else(
    tmp_path: Path, hostile_strings: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        json.dumps({"_id": f"d{i}", "text": "annual plan", "metadata": {"plan": text}})
        for i, text in enumerate(hostile_strings)
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    store = str(tmp_path / "store")
    ingested = run("ingest", str(tmp_path / "c.jsonl"), "--store", store, "--allowed", "insiders")
    assert ingested.exit_code == 0
    # What is stored: reading a corpus evens out line ends and drops what no text should hold.
    plans = {
        row["doc_id"]: row["plan"] for row in parsed(run("documents", "--store", store, "--json"))
    }
    knobs = ["--set", "retrieval.candidate_depth=1000", "--set", "retrieval.mode=dense",
             "--set", "trace.keep=false", "--no-answer", "--json", "--store", store]  # fmt: skip

    def found(*arguments: str) -> set[str]:
        result = parsed(run("ask", "annual plan", *knobs, *arguments))
        return {hit["doc_id"] for hit in result["rankings"][0]["hits"]}

    # Opening a store again and again is slow and not what is tried here.
    monkeypatch.setattr("whymiss.workbench.open", once())
    for text in hostile_strings:
        if text.strip():
            assert found(f"--principal={text}") == set()
        for where in (f"plan={text}", f"plan!={text}", text):
            try:
                clauses = parse_where([where])
            except FilterError:
                assert run("ask", "a", *knobs, f"--where={where}").exit_code == 1
                continue
            expected = {d for d, plan in plans.items() if holds(clauses[0], plan)}
            assert found("--principal", "insiders", f"--where={where}") == expected


def holds(clause: Clause, plan: str) -> bool:
    """The oracle: Python's own comparison of texts; a field that is not there holds for "ne"."""
    if clause.field != "plan":
        return clause.op == "ne"
    return (plan == clause.value) == (clause.op == "eq")


def once() -> Callable[..., Any]:
    """`open`, but the same workbench every time, and never closed."""
    from whymiss.workbench import open as really_open

    kept: dict[str, Any] = {}

    class Shared:
        def __init__(self, store: str, config: PipelineConfig) -> None:
            self.config = config
            self.workbench = kept.setdefault(store, None) or really_open(store, config=config)
            kept[store] = self.workbench

        def __enter__(self) -> Any:
            self.workbench.config = self.config
            return self.workbench

        def __exit__(self, *_: object) -> None:
            return None

    return lambda store, config: Shared(store, config)
