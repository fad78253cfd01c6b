"""Options that several verbs share, and how a verb opens its workbench and reports errors."""

from __future__ import annotations

import errno
import functools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError, StoreError, WhymissError

if TYPE_CHECKING:
    import pandas as pd

_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

F = TypeVar("F", bound=Callable[..., Any])

FAILED_FILES: Final = 3
MISSED_GATE: Final = 4


def printable(text: str) -> str:
    """Text without the characters that steer a terminal; corpus text may hold any.

    >>> printable("a\\x1b[31mb")
    'a[31mb'
    """
    return _STEERING.sub("", text)


def existing(store: str) -> str:
    """The same address: a mistyped one must not become a new, empty store.

    Raises
    ------
    StoreError : there is no such folder.
    """
    if "://" not in store and not Path(store).is_dir():
        raise StoreError(
            f"there is no store at {store}. Name one with --store, or make it: "
            f"whymiss ingest FOLDER --store {store}"
        )
    return store


def store_option(command: F) -> F:
    """--store: where everything is kept."""
    return click.option(
        "--store",
        default=".whymiss",
        envvar="WHYMISS_STORE",
        show_default=True,
        help="Folder or LanceDB address of the store.",
    )(command)


def config_options(command: F) -> F:
    """--config FILE and --set group.knob=value."""
    command = click.option(
        "--set",
        "knobs",
        multiple=True,
        metavar="GROUP.KNOB=VALUE",
        help="Change one knob, e.g. retrieval.k=8. May be repeated.",
    )(command)
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        help="A TOML file of knobs; `whymiss config` prints all of them.",
    )(command)


def json_option(command: F) -> F:
    """--json: machine-readable output on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def read_config(config_file: Path | None, knobs: Sequence[str]) -> PipelineConfig:
    """The configuration of a file and of --set options; the options win.

    Raises
    ------
    ConfigError : an unknown knob or a value of the wrong type.

    >>> read_config(None, ["retrieval.k=8", "retrieval.mode=dense"]).retrieval.k
    8
    """
    config = PipelineConfig.from_toml(config_file) if config_file else PipelineConfig()
    return config.replace(knob_changes(knobs, config, option="--set"))


def knob_changes(
    assignments: Sequence[str], config: PipelineConfig, *, option: str
) -> dict[str, Any]:
    """Assignments such as "retrieval.k=8" as knobs with values of the knob's type.

    Raises
    ------
    ConfigError : one is no assignment, or its value is of the wrong type.
    """
    known = config.flat()
    changes: dict[str, Any] = {}
    for assignment in assignments:
        path, text = split_knob(assignment, option=option)
        changes[path] = knob_value(path, text, known.get(path))
    return changes


def split_knob(assignment: str, *, option: str) -> tuple[str, str]:
    """The knob and the text of its value.

    Raises
    ------
    ConfigError : there is no "=".
    """
    path, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"{option} needs GROUP.KNOB=VALUE; got {assignment!r}.")
    return path, text


def knob_value(path: str, text: str, default: Any) -> Any:
    """The value that a text stands for, of the type that the knob has now.

    Raises
    ------
    ConfigError : it is not of that type.
    """
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{path} must be true or false; got {text!r}.")
        return text.lower() == "true"
    if isinstance(default, (int, float)):
        try:
            return int(text) if isinstance(default, int) else float(text)
        except ValueError as error:
            raise ConfigError(f"{path} must be a number; got {text!r}.") from error
    return text


def guarded(command: F) -> F:
    """Turn errors of ours and of the file system into one line on stderr and exit code 1."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except WhymissError as error:
            complaint = f"{type(error).__name__}: {error}"
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # click ends quietly when a pipe is closed early, as by `head`
            complaint = f"the system refused: {error}"
        click.echo(printable(complaint), err=True)
        sys.exit(1)

    return run  # type: ignore[return-value]


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """A callback that draws bars on stderr while it is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total or None)

        yield update


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on stdout, in ASCII: safe on every terminal and in every encoding."""
    click.echo(json.dumps(value, indent=2))


def print_rows(frame: pd.DataFrame, headings: Mapping[str, str], *, as_json: bool) -> None:
    """A frame as JSON, or its named columns as a table."""
    from whymiss.cli.show import print_frame
    from whymiss.frames import records

    if as_json:
        print_json(records(frame))
    else:
        print_frame(frame, headings)
