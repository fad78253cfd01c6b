"""`whymiss report`: a configuration measured and held against what production asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from whymiss.cli.options import (
    config_options,
    existing,
    guarded,
    json_option,
    print_json,
    printable,
    progress_bars,
    read_config,
    store_option,
)
from whymiss.cli.questions import check_target, chosen_questions, split_option


@click.command()
@click.argument("questions", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The HTML file to write."
)
@split_option
@click.option(
    "--holdout",
    default="holdout",
    show_default=True,
    help="The split on which answers are written and judged.",
)
@click.option(
    "--allowed",
    multiple=True,
    metavar="PRINCIPAL",
    help="As it was given to ingest: ingesting is tried a second time.",
)
@click.option(
    "--worst",
    "n_worst",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many questions are shown with their trace.",
)
@store_option
@config_options
@json_option
@guarded
def report(
    questions: Path,
    out: Path,
    split: str,
    holdout: str,
    allowed: tuple[str, ...],
    n_worst: int,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Write a page of measures, a readiness checklist and the worst of the labelled QUESTIONS.

    The page holds questions, passages and answers in plain text.
    """
    from whymiss.cli.show import print_frame
    from whymiss.report import write
    from whymiss.workbench import open as open_workbench

    config = read_config(config_file, knobs)
    asked = chosen_questions(questions, "")
    check_target(out)
    with (
        open_workbench(existing(store), config=config) as workbench,
        progress_bars(quiet=as_json) as progress,
    ):
        made = workbench.report(
            asked, split=split, holdout=holdout, allowed=list(allowed) or None, n_worst=n_worst,
            progress=progress,
        )  # fmt: skip
    write(made, out)
    checks = [dataclasses.asdict(check) for check in made.checks]
    if as_json:
        print_json({"path": str(out), "checks": checks})
        return
    import pandas as pd

    headings = {"verdict": "verdict", "name": "check", "number": "number",
                "threshold": "asked for", "detail": "detail"}  # fmt: skip
    print_frame(pd.DataFrame(checks), headings, width=300)
    click.echo(printable(f"written to {out}"))
