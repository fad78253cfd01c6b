"""`whymiss sweep`: every combination of knob values, with what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from whymiss.cli.options import (
    config_options,
    existing,
    guarded,
    json_option,
    knob_value,
    print_json,
    progress_bars,
    read_config,
    split_knob,
    store_option,
)
from whymiss.cli.questions import (
    check_target,
    chosen_measures,
    chosen_questions,
    fresh_option,
    questions_options,
)
from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError


@click.command()
@click.argument("questions", type=click.Path(path_type=Path))
@click.option(
    "--vary",
    multiple=True,
    required=True,
    metavar="GROUP.KNOB=V1,V2,...",
    help="The values of one knob. May be repeated: every combination is tried.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the tidy table as CSV.")
@click.option("--html", type=click.Path(path_type=Path), help="Write the charts as one page.")
@questions_options
@fresh_option
@store_option
@config_options
@json_option
@guarded
def sweep(
    questions: Path,
    vary: tuple[str, ...],
    out: Path | None,
    html: Path | None,
    split: str,
    answers: bool,
    measures: tuple[str, ...],
    fresh: bool,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Evaluate every combination of knob values on the labelled QUESTIONS.

    A sweep that was stopped goes on where it was. Example:
    whymiss sweep questions.jsonl --vary retrieval.k=3,5,10 --vary retrieval.mode=dense,hybrid
    """
    from whymiss.cli.show_sweep import print_sweep, sweep_as_json
    from whymiss.workbench import open as open_workbench

    config = read_config(config_file, knobs)
    values = _values(vary, config)
    asked = chosen_questions(questions, split)
    measured = chosen_measures(measures, asked, answers=answers)
    for target in (out, html):
        check_target(target)
    if html is not None:
        # Fails here, not after the sweep, where the charts cannot be drawn.
        from whymiss.cli.charts import write_charts
    with (
        open_workbench(existing(store), config=config) as workbench,
        progress_bars(quiet=as_json) as progress,
    ):
        made = workbench.sweep(
            asked, values, answers=answers, measures=measured, resume=not fresh, progress=progress
        )
    if out is not None:
        made.table.to_csv(out, index=False)
    if html is not None:
        write_charts(html, made, measured)
    if as_json:
        print_json(sweep_as_json(made, measured))
    else:
        print_sweep(made, measured, questions)


def _values(vary: Sequence[str], config: PipelineConfig) -> dict[str, list[Any]]:
    known = config.flat()
    values: dict[str, list[Any]] = {}
    for text in vary:
        path, listed = split_knob(text, option="--vary")
        if path in values:
            raise ConfigError(f"--vary names {path} twice; write all its values in one list.")
        if path not in known:
            # The configuration knows which knob was meant.
            config.replace({path: None})
        given = [knob_value(path, value, known[path]) for value in listed.split(",")]
        values[path] = list(dict.fromkeys(given))
    return values
