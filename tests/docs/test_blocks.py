"""Every block of code in the documents is run, or checked as far as it can be."""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml
from click.testing import CliRunner
from markdown_files import EXECUTED, ROOT, Block, blocks_of, name_of

from whymiss.cli import main
from whymiss.cli.options import read_config
from whymiss.config import PipelineConfig
from whymiss.documents.metadata import parse_yaml
from whymiss.evaluation.formats.jsonl import question_from
from whymiss.foreign import read_traces

RUN: Final = ("python", "sh", "toml", "json", "yaml")
SHOWN: Final = ("text", "mermaid")

STAYS: Final = {
    "lab": "opens JupyterLab and stays until it is stopped",
    "serve": "serves a page and stays until it is stopped",
}
NOWHERE: Final = "http://localhost"
"""No endpoint listens there while tests run: such a line must parse, and no more."""

CLAIMED: Final = re.compile(r"#.*\bexit code (\d)")
_NEXT_LINE: Final = re.compile(r"\\\n\s*")


@pytest.mark.model
@pytest.mark.parametrize("path", EXECUTED, ids=name_of)
def test_what_a_document_shows_runs_from_top_to_bottom(path: Path, working_copy: Path) -> None:
    if not any(block.language == "text" for block in blocks_of(path)):
        shorten(working_copy / "data" / "helpdesk" / "questions.jsonl", path.read_text("utf-8"))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    with closing_workbenches(namespace):
        for block in blocks_of(path):
            where = f"{name_of(path)}, line {block.line}"
            if block.language == "python":
                printed = run_python(block, namespace, path)
                continue
            if block.language == "text" and printed:
                check_shown(block, printed, where)
            elif block.language == "sh":
                for line in lines_of(block):
                    run_line(line, where)
            printed = ""


@pytest.mark.parametrize("path", EXECUTED, ids=name_of)
def test_every_block_says_what_it_is(path: Path) -> None:
    odd = [b for b in blocks_of(path) if b.language not in (*RUN, *SHOWN)]
    assert not odd, [f"line {b.line}: {b.language!r}" for b in odd]


@pytest.mark.parametrize("path", EXECUTED, ids=name_of)
def test_data_in_documents_is_read_as_the_product_reads_it(path: Path, tmp_path: Path) -> None:
    for block in blocks_of(path):
        where = f"{name_of(path)}, line {block.line}"
        if block.language == "toml":
            assert PipelineConfig.from_toml(block.text) != PipelineConfig(), where
            assert tomllib.loads(block.text), where
        elif block.language == "json":
            entry = json.loads(block.text)
            if "stages" in entry:
                log = tmp_path / "log.jsonl"
                log.write_text(json.dumps(entry), "utf-8")
                assert list(read_traces(log)), where
            else:
                assert question_from(entry), where
        elif block.language == "yaml":
            assert yaml.safe_load(block.text), where
            assert "allowed" not in block.text or not parse_yaml(block.text, where).error, where


@pytest.mark.parametrize(
    "line",
    [
        "whymiss no-such-verb",
        "whymiss ask",
        "whymiss serve --prot 1",
        "whymiss ask q --set answer.base_url=http://localhost:1/v1 --set no.such=knob",
        "make no_such_target",
        "conda env create -f no_such_file.yml",
        "rm -rf docs",
    ],
)
def test_a_line_that_is_wrong_is_found_out(line: str) -> None:
    with pytest.raises(AssertionError):
        run_line(line, "a test")


def test_a_wrong_output_and_a_wrong_statement_are_found_out(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {}
    run_python(Block("python", ">>> one = 1\n>>> one\n1\n", 7), namespace, tmp_path)
    run_python(Block("python", "assert one == 1\n", 7), namespace, tmp_path)
    with pytest.raises(AssertionError, match="Expected"):
        run_python(Block("python", ">>> one\n2\n", 7), namespace, tmp_path)
    with pytest.raises(NameError, match="two"):
        run_python(Block("python", "two\n", 7), namespace, tmp_path)
    printed = run_python(Block("python", "print(one, 2)\n", 7), namespace, tmp_path)
    check_shown(Block("text", "1  2\n", 9), printed, "a test")
    with pytest.raises(AssertionError, match="printed"):
        check_shown(Block("text", "1 3\n", 9), printed, "a test")


def shorten(questions: Path, document: str) -> None:
    """Every third labelled question, and those that a document names.

    A document that shows no figures runs as well on them, in a third of the time.
    """
    lines = questions.read_text("utf-8").splitlines(keepends=True)
    kept = [
        line
        for number, line in enumerate(lines)
        if number % 3 == 0 or json.loads(line)["query_id"] in document
    ]
    questions.write_text("".join(kept), "utf-8")


def run_python(block: Block, namespace: dict[str, Any], path: Path) -> str:
    """A block in the namespace of those before it, as a doctest where it shows a prompt.

    Returns what it printed.
    """
    if not block.text.startswith(">>>"):
        # Empty lines in front, so that a traceback names the line of the file.
        source = "\n" * (block.line - 1) + block.text
        code = compile(source, str(path), "exec", dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, namespace)
        return printed.getvalue()
    told: list[str] = []
    test = doctest.DocTestParser().get_doctest(
        block.text, namespace, path.name, str(path), block.line - 1
    )
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    failed, _ = runner.run(test, out=told.append, clear_globs=False)
    namespace.update(test.globs)
    assert not failed, "".join(told)
    return ""


def check_shown(block: Block, printed: str, where: str) -> None:
    """What a document shows below a block of Python is what that printed, but for white space."""
    shown, said = block.text.split(), printed.split()
    assert shown == said, f"{where} shows\n{block.text}\nbut this was printed:\n{printed}"


def lines_of(block: Block) -> list[str]:
    """The command lines of a block, those that go on behind a backslash joined."""
    joined = _NEXT_LINE.sub(" ", block.text)
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def run_line(line: str, where: str) -> None:
    """Run a command line, or check it as far as it can be."""
    words = shlex.split(line, comments=True)
    if words[0] == "whymiss":
        run_whymiss(words[1:], where, claimed=CLAIMED.search(line))
    elif words[0] == "make":
        rules = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(rules), f"{where}: {line!r} names no target of the Makefile"
    elif words[:3] == ["conda", "env", "create"]:
        assert (ROOT / words[-1]).is_file(), f"{where}: there is no {words[-1]}"
    else:
        # A key is the reader's own.
        assert words[0] == "export", f"{where}: nobody can check {line!r}"


def run_whymiss(words: list[str], where: str, *, claimed: re.Match[str] | None) -> None:
    if words[0] in STAYS or NOWHERE in " ".join(words):
        assert parses(words), f"{where}: whymiss {' '.join(words)} is not understood"
        return
    done = CliRunner().invoke(main, words)
    wanted = int(claimed[1]) if claimed else 0
    assert done.exit_code == wanted, (
        f"{where}: whymiss {' '.join(words)} ended with {done.exit_code}: {done.output[-2000:]}"
    )


def parses(words: list[str]) -> bool:
    """Whether the command line knows a verb, its options and its knobs."""
    context = click.Context(main)
    try:
        _, verb, rest = main.resolve_command(context, words)
        assert verb is not None
        given = verb.make_context(words[0], rest, parent=context).params
        if "knobs" in given:
            read_config(given["config_file"], given["knobs"])
    except (click.ClickException, ValueError):
        return False
    return True


@contextlib.contextmanager
def closing_workbenches(namespace: dict[str, Any]) -> Iterator[None]:
    """Close what a document left open, as the end of a reader's session does."""
    try:
        yield
    finally:
        for value in list(namespace.values()):
            if type(value).__name__ == "Workbench" and not isinstance(value, type):
                value.close()
