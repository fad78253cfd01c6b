"""`whymiss eval`: a question set through one configuration, with gates for a build server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from whymiss.cli.options import (
    MISSED_GATE,
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
from whymiss.cli.questions import (
    check_target,
    chosen_measures,
    chosen_questions,
    fresh_option,
    questions_options,
)


@click.command("eval")
@click.argument("questions", type=click.Path(path_type=Path))
@questions_options
@click.option(
    "--slices",
    "sliced_by",
    type=click.Choice(["tags", "split", "lost_at"]),
    help="Measure the questions of each tag, split or losing stage too.",
)
@click.option(
    "--fail-under",
    multiple=True,
    metavar="MEASURE=VALUE",
    help="Exit with 4 if the measure is below the value, or undefined. May be repeated.",
)
@click.option(
    "--fail-over",
    multiple=True,
    metavar="MEASURE=VALUE",
    help="The same for measures of which less is better, such as latency_p95.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the whole run as JSON.")
@fresh_option
@store_option
@config_options
@json_option
@guarded
def evaluate(
    questions: Path,
    split: str,
    answers: bool,
    measures: tuple[str, ...],
    sliced_by: str | None,
    fail_under: tuple[str, ...],
    fail_over: tuple[str, ...],
    out: Path | None,
    fresh: bool,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Run the labelled QUESTIONS through one configuration and measure it.

    Example: whymiss eval questions.jsonl --fail-under recall@5=0.9
    """
    from whymiss.cli.gates import judge_gates, read_gates
    from whymiss.cli.show_run import print_run, run_as_json
    from whymiss.evaluation import write_run
    from whymiss.workbench import open as open_workbench

    gates = read_gates(fail_under, fail_over)
    config = read_config(config_file, knobs)
    asked = chosen_questions(questions, split)
    measured = chosen_measures(measures, asked, answers=answers)
    check_target(out)
    with (
        open_workbench(existing(store), config=config) as workbench,
        progress_bars(quiet=as_json) as progress,
    ):
        run = workbench.evaluate(
            asked, answers=answers, measures=[*measured, *(gate.measure for gate in gates)],
            resume=not fresh, progress=progress,
        )  # fmt: skip
    if out is not None:
        write_run(out, run)
    results = judge_gates(gates, run)
    if as_json:
        print_json(run_as_json(run, sliced_by, results))
    else:
        print_run(run, questions, sliced_by)
    for result in results:
        click.echo(printable(str(result)), err=True)
    if not all(result.is_met for result in results):
        sys.exit(MISSED_GATE)
