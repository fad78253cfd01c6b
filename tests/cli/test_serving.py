"""`whymiss lab` and `whymiss serve`: what they start, and what they refuse; nothing is started."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from whymiss.serving.commands import PANELS
from whymiss.serving.environment import JUPYTER

Run = Callable[..., Result]


@dataclass
class Started:
    """What would have been started; `status` is what it would have ended with."""

    status: int = 0
    command: list[str] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    listens: tuple[str, int] | None = None

    def __call__(
        self, arguments: Sequence[str], environment: Mapping[str, str], **more: Any
    ) -> int:
        self.command, self.environment = list(arguments), environment
        self.listens = more.get("listens")
        more.get("then", lambda: None)()
        return self.status


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    made = Started()
    monkeypatch.setattr("whymiss.cli.serving.run_server", made)
    monkeypatch.setattr("whymiss.cli.serving.check_port", lambda host, port: None)
    for name in ("WHYMISS_STORE", "WHYMISS_TOKEN", "WHYMISS_QUESTIONS", "JUPYTER_CONFIG_PATH"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was opened on."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", addresses.append)
    return addresses


@pytest.fixture
def lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two notebooks, in the current directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("01_next.ipynb", "00_first.ipynb", "notes.txt"):
        (folder / name).touch()
    return folder


# whymiss lab


def test_lab_opens_the_first_notebook_and_names_the_store(
    started: Started, lessons: Path, whymiss: Run
) -> None:
    result = whymiss("lab")
    assert result.exit_code == 0, result.output
    assert started.command[1:5] == [
        "-m", "jupyterlab", f"--ServerApp.root_dir={lessons}",
        "--LabApp.default_url=/lab/tree/00_first.ipynb",
    ]  # fmt: skip
    assert not any(option.startswith("--port") for option in started.command)
    assert "--no-browser" not in started.command
    assert ("--allow-root" in started.command) == (os.getuid() == 0)
    # A kernel runs in the folder of its notebook: a relative address would lead elsewhere.
    assert started.environment["WHYMISS_STORE"] == str(lessons.parent / ".whymiss")


def test_lab_takes_a_folder_without_notebooks_a_notebook_a_port_and_no_browser(
    started: Started, lessons: Path, tmp_path: Path, whymiss: Run
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    whymiss("lab", "--notebooks", empty, "--port", 8890, "--no-browser")
    assert started.command[3:6] == [
        f"--ServerApp.root_dir={empty}", "--port=8890", "--no-browser",
    ]  # fmt: skip
    whymiss("lab", "--notebooks", lessons / "01_next.ipynb", "--store", "s3://bucket/store")
    assert started.command[3:5] == [
        f"--ServerApp.root_dir={lessons}", "--LabApp.default_url=/lab/tree/01_next.ipynb",
    ]  # fmt: skip
    assert started.environment["WHYMISS_STORE"] == "s3://bucket/store"


def test_lab_turns_the_news_off_in_front_of_what_the_user_has_configured(
    started: Started, lessons: Path, whymiss: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/etc/mine")
    whymiss("lab")
    ours, theirs = started.environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert theirs == "/etc/mine"
    page = json.loads((Path(ours) / "labconfig" / "page_config.json").read_text())
    assert page == {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


def test_lab_says_where_it_looked_for_notebooks(
    started: Started, tmp_path: Path, whymiss: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = whymiss("lab")
    assert result.exit_code == 1
    assert "there is no notebooks. Run it from the repository" in result.stderr
    assert started.command == []


@pytest.mark.parametrize(("verb", "module"), [("lab", "jupyterlab"), ("serve", "voila")])
def test_what_is_not_installed_is_named_with_how_to_install_it(
    verb: str, module: str, started: Started, lessons: Path, whymiss: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("whymiss.serving.environment.find_spec", lambda name: None)
    result = whymiss(verb)
    assert result.exit_code == 1
    assert f"whymiss {verb} needs {module}" in result.stderr
    assert "pip install 'whymiss[lab]'" in result.stderr
    assert started.command == []


@pytest.mark.parametrize("verb", ["lab", "serve"])
def test_the_verb_ends_as_the_server_ends(
    verb: str, started: Started, lessons: Path, tmp_path: Path, whymiss: Run, opened: list[str]
) -> None:
    started.status = 9
    assert whymiss(verb, "--store", tmp_path).exit_code == 9


# whymiss serve


def test_serve_starts_voila_on_the_panels_and_says_where_they_are(
    started: Started, tmp_path: Path, whymiss: Run, opened: list[str]
) -> None:
    result = whymiss("serve", "--store", tmp_path, "--port", 9000)
    assert result.exit_code == 0, result.output
    assert started.command[1:4] == ["-m", "voila", str(PANELS)]
    assert {"--Voila.ip=127.0.0.1", "--port=9000", "--strip_sources=True"} <= {*started.command}
    assert started.listens == ("127.0.0.1", 9000)
    assert started.environment["WHYMISS_STORE"] == str(tmp_path)
    token = started.environment["JUPYTER_TOKEN"]
    [address] = opened
    assert address == f"http://127.0.0.1:9000/?token={token}"
    assert result.stdout == f"The panels are at {address}\nStop them with Ctrl-C.\n"


def test_a_token_is_made_for_each_run_or_given_and_is_not_in_the_command_line(
    started: Started, tmp_path: Path, whymiss: Run
) -> None:
    made = set()
    for _ in range(2):
        whymiss("serve", "--store", tmp_path, "--no-open")
        made.add(started.environment["JUPYTER_TOKEN"])
    assert len(made) == 2
    assert all(len(token) >= 20 for token in made)
    result = whymiss("serve", "--store", tmp_path, "--no-open", "--token", "workshop")
    assert started.environment["JUPYTER_TOKEN"] == "workshop"
    assert "/?token=workshop\n" in result.stdout
    assert not any("workshop" in argument for argument in started.command)


def test_for_other_machines_the_address_has_the_name_of_this_one(
    started: Started, tmp_path: Path, whymiss: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "lab-7")
    result = whymiss("serve", "--store", tmp_path, "--no-open", "--host", "0.0.0.0")
    assert "--Voila.ip=0.0.0.0" in started.command
    assert result.stdout.startswith("The panels are at http://lab-7:8866/?token=")


def test_questions_are_named_in_full_and_forgotten_when_there_are_none(
    started: Started, lessons: Path, whymiss: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHYMISS_QUESTIONS", "left/from/before.jsonl")
    Path("questions.jsonl").touch()
    whymiss("serve", "--store", lessons, "--no-open", "--questions", "questions.jsonl")
    assert started.environment["WHYMISS_QUESTIONS"] == str(lessons.parent / "questions.jsonl")
    whymiss("serve", "--store", lessons, "--no-open")
    assert "WHYMISS_QUESTIONS" not in started.environment


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--store", "nowhere"), "there is no store at nowhere"),
        (("--store", ".", "--questions", "none.jsonl"), "'none.jsonl' does not exist"),
        (("--store", ".", "--port", "70000"), "70000 is not in the range"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_starts(
    options: tuple[str, ...], said: str, started: Started, lessons: Path, whymiss: Run
) -> None:
    result = whymiss("serve", *options)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert started.command == []


def test_the_packaged_page_is_one_cell_that_opens_the_store_and_holds_no_output() -> None:
    notebook = json.loads(PANELS.read_text(encoding="utf-8"))
    [cell] = notebook["cells"]
    assert cell["outputs"] == []
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "WHYMISS_STORE" in "".join(cell["source"])
    assert (JUPYTER / "voila" / "templates" / "whymiss" / "index.html.j2").is_file()
