"""`whymiss neighbours`: what stands near what in an index."""

from __future__ import annotations

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
    read_config,
    store_option,
)
from whymiss.cli.questions import chosen_questions, split_option


@click.command()
@click.argument("questions", type=click.Path(path_type=Path), required=False)
@split_option
@store_option
@config_options
@json_option
@guarded
def neighbours(
    questions: Path | None,
    split: str,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Report near duplicates, families, hubs, confusable pairs, gaps and boilerplate.

    Labelled QUESTIONS tell which hubs and pairs do harm, and which questions are far from
    everything. With --json every row of every table is printed.
    """
    from rich.text import Text

    from whymiss.cli.show import console, print_frame
    from whymiss.frames import records
    from whymiss.neighbourhood import TABLES
    from whymiss.neighbourhood.shown import shown
    from whymiss.workbench import open as open_workbench

    config = read_config(config_file, knobs)
    asked = chosen_questions(questions, split) if questions is not None else []
    with open_workbench(existing(store), config=config) as workbench:
        found = workbench.neighbourhood(asked)
        if as_json:
            print_json({name: records(getattr(found, name)) for name in TABLES})
            return
        out = console()
        out.print(Text(printable(found.headline), style="bold"))
        for line in found.told:
            out.print(Text(printable(line)))
        for part in shown(found):
            out.print()
            headings = {str(name): str(name) for name in part.frame.columns}
            of = f", first {len(part.frame)} of {part.n}" if part.n > len(part.frame) else ""
            print_frame(part.frame, headings, title=part.title + of)
