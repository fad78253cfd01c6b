"""`whymiss compare`: configurations or saved runs on the same questions, with paired tests."""

from __future__ import annotations

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
    printable,
    progress_bars,
    read_config,
    store_option,
)
from whymiss.cli.questions import chosen_measures, chosen_questions, questions_options
from whymiss.cli.variants import is_saved_run, read_runs, read_variants

if TYPE_CHECKING:
    from whymiss.cli.show_comparison import Compared
    from whymiss.config import PipelineConfig


@click.command()
@click.argument(
    "sources",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="QUESTIONS | RUN.json RUN.json ...",
)
@click.option(
    "--with",
    "variants",
    multiple=True,
    metavar='"NAME: GROUP.KNOB=VALUE ..."',
    help="A variant of the configuration, which itself is called base. May be repeated.",
)
@click.option("--baseline", help="What the others are held against; else the first.")
@click.option("--wins", is_flag=True, help="List the questions that are won and lost.")
@click.option(
    "--on-missing",
    type=click.Choice(["refuse", "drop"]),
    default="refuse",
    show_default=True,
    help="What to do with questions that not every saved run has.",
)
@questions_options
@store_option
@config_options
@json_option
@guarded
def compare(
    sources: tuple[Path, ...],
    variants: tuple[str, ...],
    baseline: str | None,
    wins: bool,
    on_missing: str,
    split: str,
    answers: bool,
    measures: tuple[str, ...],
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Hold configurations, or runs saved by eval --out, against each other.

    \b
    whymiss compare questions.jsonl --with "dense: retrieval.mode=dense"
    whymiss compare monday.json tuesday.json --measure recall@5
    """
    from whymiss.cli.show_comparison import comparison_as_json, print_comparison

    if variants:
        _check_questions(sources)
        found = _variants_compared(
            sources[0], variants, read_config(config_file, knobs), baseline=baseline, split=split,
            answers=answers, measures=measures, store=store, quiet=as_json,
        )  # fmt: skip
    else:
        _check_runs(sources, answers=answers, configured=bool(config_file or knobs))
        found = _runs_compared(
            sources, baseline=baseline, split=split, measures=measures, drop=on_missing == "drop"
        )
    if as_json:
        print_json(comparison_as_json(found))
    else:
        print_comparison(found, wins=wins)


def _check_questions(sources: Sequence[Path]) -> None:
    if len(sources) != 1 or is_saved_run(sources[0]):
        raise click.UsageError("--with needs one file of questions, and no saved run.")


def _check_runs(sources: Sequence[Path], *, answers: bool, configured: bool) -> None:
    if len(sources) == 1:
        other = "another saved run" if is_saved_run(sources[0]) else "variants (--with)"
        raise click.UsageError(
            f"{printable(str(sources[0]))} alone cannot be compared; name {other}."
        )
    if answers or configured:
        raise click.UsageError("--config, --set and --answers change nothing in saved runs.")


def _variants_compared(
    path: Path,
    variants: Sequence[str],
    config: PipelineConfig,
    *,
    baseline: str | None,
    split: str,
    answers: bool,
    measures: Sequence[str],
    store: str,
    quiet: bool,
) -> Compared:
    from whymiss.cli.show_comparison import Compared
    from whymiss.workbench import open as open_workbench

    configs = read_variants(config, variants)
    questions = chosen_questions(path, split)
    fitting = chosen_measures(measures, questions, answers=answers)
    with (
        open_workbench(existing(store), config=config) as workbench,
        progress_bars(quiet=quiet) as progress,
    ):
        made = workbench.compare(
            questions, configs, measures=fitting if measures else fitting[:1], baseline=baseline,
            answers=answers, progress=progress,
        )  # fmt: skip
    texts = {question.query_id: question.query.text for question in questions}
    compared = set(made.questions["query_id"])
    left_out = [query_id for query_id in texts if query_id not in compared]
    return Compared(comparison=made, texts=texts, left_out=left_out)


def _runs_compared(
    paths: Sequence[Path],
    *,
    baseline: str | None,
    split: str,
    measures: Sequence[str],
    drop: bool,
) -> Compared:
    from whymiss.cli.show_comparison import Compared
    from whymiss.evaluation import compare_runs

    runs = read_runs(paths)
    chosen = measures or next(iter(runs.values())).measures[:1]
    made = compare_runs(runs, chosen, baseline=baseline, split=split, drop=drop)
    texts = {
        query_id: text
        for run in runs.values()
        for query_id, text in zip(run.table["query_id"], run.table["text"], strict=True)
    }
    return Compared(comparison=made, texts=texts)
