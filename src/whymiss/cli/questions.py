"""What the verbs that measure share: which questions, which measures, which labels do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from whymiss.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from whymiss.evaluation import Question

F = TypeVar("F", bound="Callable[..., Any]")


split_option = click.option("--split", default="", help="Only the questions of this split.")
fresh_option = click.option(
    "--fresh", is_flag=True, help="Take nothing from an earlier, interrupted run."
)


def questions_options(command: F) -> F:
    """--split, --answers and --measure."""
    command = click.option(
        "--measure",
        "measures",
        multiple=True,
        metavar="NAME",
        help="Such as recall@5, ndcg@10 or latency_p95. May be repeated.",
    )(command)
    command = click.option("--answers", is_flag=True, help="Write answers too, and measure them.")(
        command
    )
    return split_option(command)


def chosen_questions(path: Path, split: str) -> list[Question]:
    """The questions of a file, all or those of one split.

    Raises
    ------
    LabelError : the file cannot be read, or no question is of that split.
    """
    from whymiss.evaluating import chosen

    return chosen(path, split)


def chosen_measures(
    named: Sequence[str], questions: Sequence[Question], *, answers: bool
) -> tuple[str, ...]:
    """The measures that were named, or those that fit the labels; each is known and stands once.

    Raises
    ------
    ConfigError : there is no such measure.
    """
    from whymiss.evaluation import default_measures, parse_measure

    for name in named:
        parse_measure(name)
    return tuple(dict.fromkeys(named)) or default_measures(questions, answers=answers)


def check_target(path: Path | None) -> None:
    """Refuse a file that cannot be written, before hours are spent on what goes into it.

    Raises
    ------
    DocumentError : there is no such folder, or the path is one.
    """
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        what = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise DocumentError(f"cannot write {path}: {what}.")
