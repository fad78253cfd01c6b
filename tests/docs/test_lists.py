"""Lists in the documents hold what the code holds: causes, measures, knobs."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
import typing
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest
import yaml
from click.testing import CliRunner
from markdown_files import EXECUTED, ROOT, headings_of, name_of, table_under

from whymiss.cli import main
from whymiss.config import PipelineConfig, Strategy
from whymiss.diagnosis.causes import CAUSES
from whymiss.diagnosis.faults import FAULTS
from whymiss.evaluation import MEASURES
from whymiss.stages import STAGES

CAUSES_PAGE: Final = ROOT / "docs" / "causes.md"
MEASURES_PAGE: Final = ROOT / "docs" / "measures.md"
CONFIGURATION: Final = ROOT / "docs" / "configuration.md"
_CAUSE: Final = re.compile(r"([A-Z]\d[a-z]?) (\w+)")
_CODE: Final = re.compile(r"`([^`]+)`")


def test_every_cause_stands_once_under_its_stage() -> None:
    found, stage = [], ""
    for level, text in headings_of(CAUSES_PAGE):
        if level == 2:
            stage = text
        elif level == 3:
            cause = _CAUSE.fullmatch(text)
            assert cause is not None, text
            found.append((cause[1], cause[2], stage))
    assert sorted(found) == sorted((c.code, c.name, c.stage) for c in CAUSES)
    stages = [stage for stage, _ in groupby(found, key=lambda row: row[2])]
    walked = [*STAGES[: STAGES.index("dense")], "candidates", *STAGES[STAGES.index("fuse") :]]
    assert stages == [stage for stage in walked if stage in stages]


def sections() -> dict[str, str]:
    """The text under the heading of each cause, by its code."""
    text = CAUSES_PAGE.read_text("utf-8")
    parts = re.split(r"^### (\S+) .*$", text, flags=re.MULTILINE)[1:]
    return {
        code: re.split(r"^## ", body, maxsplit=1, flags=re.MULTILINE)[0]
        for code, body in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.mark.parametrize("code", [cause.code for cause in CAUSES])
def test_a_cause_tells_how_it_is_noticed_proven_repaired_and_seen(code: str) -> None:
    told = re.findall(r"^- \*\*(.+?)\*\*:", sections()[code], re.MULTILINE)
    assert told == ["Noticed", "Proven", "Repairs", "See it"]


def test_every_fault_is_named_under_the_cause_that_it_plants() -> None:
    lines = {
        code: next(line for line in body.split("\n- ") if line.startswith("**See it**"))
        for code, body in sections().items()
    }
    named = {
        (name, code)
        for code, line in lines.items()
        if ": plant " in line
        for name in _CODE.findall(line)
    }
    assert named == {(fault.name, fault.cause) for fault in FAULTS}


def examples() -> list[tuple[str, str, str]]:
    """Of causes that have a real example: the code, the command line, and the verdict told."""
    return [
        (code, *found.groups())
        for code, body in sections().items()
        if (found := re.search(r"\*\*See it\*\*: `whymiss (.+?)` \((\w+)\)", body))
    ]


@pytest.mark.model
@pytest.mark.usefixtures("working_copy")
def test_real_examples_of_causes_end_with_the_verdict_that_is_told() -> None:
    assert {code for code, _, _ in examples()} == {"Q1", "Q2", "C3", "C4", "G4"}
    for code, line, verdict in examples():
        done = CliRunner().invoke(main, [*shlex.split(line), "--json"])
        assert done.exit_code == 0, done.output
        findings = json.loads(done.output)["diagnosis"]["findings"]
        assert {f["cause"]: f["verdict"] for f in findings}[code] == verdict, (code, line)


def test_every_measure_stands_once() -> None:
    rooms = ("Ranking", "Characters", "Context", "Answers", "Time")
    rows = [row for room in rooms for row in table_under(MEASURES_PAGE, room)]
    named = [name for row in rows for name in _CODE.findall(row[0])]
    assert sorted(named) == sorted(MEASURES)
    assert all(row[1] for row in rows)


def test_every_knob_stands_with_its_default_its_values_and_whether_an_index_holds_it() -> None:
    config = PipelineConfig()
    rows = [row for group in fields(config) for row in table_under(CONFIGURATION, group.name)]
    told = {
        _CODE.findall(knob)[0]: tomllib.loads(f"default = {_CODE.findall(default)[0]}")["default"]
        for knob, default, *_ in rows
    }
    assert list(told) == list(config.flat())
    assert told == config.flat()
    assert [type(value) for value in told.values()] == [type(v) for v in config.flat().values()]
    assert {_CODE.findall(row[0])[0] for row in rows if row[4] == "yes"} == set(
        config.index_knobs()
    )
    assert {row[4] for row in rows} == {"yes", "no"}


def test_choices_of_a_knob_are_those_it_takes() -> None:
    config = PipelineConfig()
    for group in fields(config):
        kinds = typing.get_type_hints(type(getattr(config, group.name)))
        for knob, _, values, *_ in table_under(CONFIGURATION, group.name):
            path = _CODE.findall(knob)[0]
            choices = typing.get_args(kinds[path.split(".")[1]])
            if path == "chunking.strategy":
                choices = (*typing.get_args(Strategy), "custom:NAME")
            if choices:
                assert tuple(_CODE.findall(values)) == choices, path


def test_every_room_of_the_package_stands_in_the_table_of_rooms() -> None:
    rows = table_under(ROOT / "CONTRIBUTING.md", "Where things are")
    told = [room for row in rows for room in _CODE.findall(row[0])]
    package = (ROOT / "src" / "whymiss").glob("[a-z]*")
    rooms = [path.stem for path in package if path.is_dir() or path.suffix == ".py"]
    assert sorted(told) == sorted(rooms)


def test_the_environment_for_conda_asks_for_what_the_project_has() -> None:
    made = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    python, pip, nested = made["dependencies"]
    assert (pip, python.split(",")[0]) == ("pip", f"python {project['requires-python']}")
    constraint, editable = nested["pip"]
    assert (ROOT / constraint.removeprefix("--constraint ")).is_file()
    extras = re.fullmatch(r"--editable \.\[(.+)\]", editable)
    assert extras is not None
    assert set(extras[1].split(",")) == set(project["optional-dependencies"])


def test_the_readme_names_every_cause_once() -> None:
    rows = table_under(ROOT / "README.md", "Stages and causes")
    codes = [code for row in rows for code in re.findall(r"\b[A-Z]\d[a-d]?\b", row[2])]
    assert sorted(codes) == sorted(cause.code for cause in CAUSES)


@pytest.mark.parametrize("path", EXECUTED, ids=name_of)
def test_counts_that_are_told_are_counted(path: Path) -> None:
    questions = (ROOT / "data" / "helpdesk" / "questions.jsonl").read_text("utf-8").splitlines()
    counted = {
        r"(?<![\d.])(\d+) causes": len(CAUSES),
        r"in (\d+) ways": len(FAULTS),
        r"questions\.jsonl` has (\d+)": len(questions),
    }
    text = " ".join(path.read_text("utf-8").split())
    for pattern, number in counted.items():
        assert set(re.findall(pattern, text)) <= {str(number)}, pattern
