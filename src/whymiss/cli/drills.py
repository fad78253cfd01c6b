"""`whymiss drills`: workshops with broken pipelines; what a teacher needs of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whymiss.cli.options import (
    config_options,
    existing,
    guarded,
    json_option,
    print_json,
    print_rows,
    printable,
    read_config,
    store_option,
)

if TYPE_CHECKING:
    import pandas as pd


@click.group()
def drills() -> None:
    """Workshops: broken pipelines with a hidden fault, a key, and a score sheet.

    Students open them in a notebook: `whymiss.drills.Drills`.
    """


@drills.command("list")
@json_option
@guarded
def list_drills(as_json: bool) -> None:
    """List the drills that every seed has: level, and how many probes each allows."""
    from whymiss.drills.teaching import overview

    _print(overview(), as_json=as_json)


@drills.command()
@click.argument(
    "questions", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)
@click.option("--seed", required=True, help="The student's seed.")
@click.option("--drill", "number", type=int, help="Solve this one; needs QUESTIONS and the store.")
@store_option
@config_options
@json_option
@guarded
def key(
    questions: Path | None,
    seed: str,
    number: int | None,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Show what is broken in the drills of a seed, or how one of them is solved."""
    from whymiss.drills import key as key_of
    from whymiss.drills import solution
    from whymiss.workbench import open as open_workbench

    if number is None:
        _print(key_of(seed), as_json=as_json)
        return
    if questions is None:
        raise click.UsageError("--drill needs the QUESTIONS that the drills are set in.")
    config = read_config(config_file, knobs)
    with open_workbench(existing(store), config=config) as workbench:
        found = solution(workbench, questions, seed=seed, number=number)
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        click.echo(printable(repr(found)))


@drills.command()
@click.argument("questions", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write it as .csv or .html too.")
@store_option
@config_options
@json_option
@guarded
def sheet(
    questions: Path,
    files: tuple[Path, ...],
    out: Path | None,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Grade the answers FILES of students again, by running, and show the points of each."""
    from whymiss.drills import score_sheet
    from whymiss.frames import records
    from whymiss.workbench import open as open_workbench

    with open_workbench(existing(store), config=read_config(config_file, knobs)) as workbench:
        made = score_sheet(files, workbench, questions)
    if out is not None:
        made.write(out)
    if as_json:
        print_json({"students": records(made.students), "drills": records(made.drills)})
        return
    _print(made.students, as_json=False)
    _print(made.drills, as_json=False)


def _print(frame: pd.DataFrame, *, as_json: bool) -> None:
    headings = {str(name): str(name).replace("_", " ") for name in frame.columns}
    print_rows(frame, headings, as_json=as_json)
