"""`whymiss diagnose`: one wrong answer walked to its cause; `whymiss survey`: a whole set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
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
from whymiss.cli.questions import check_target, chosen_questions, split_option
from whymiss.errors import LabelError

if TYPE_CHECKING:
    from whymiss.evaluation import Question


@click.command()
@click.argument("text", required=False)
@click.option("--id", "query_id", help="A question of --labelled, in place of TEXT.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="QUOTE",
    help="Words of a document that the answer needs. Repeated: all of them are needed.",
)
@click.option("--expected", help="The right answer; its place in the documents is looked for.")
@click.option(
    "--labelled",
    type=click.Path(path_type=Path),
    help="Labelled questions: repairs are priced by what they do to them.",
)
@click.option("--principal", multiple=True, help="A name of the asker (user or group).")
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="A metadata condition.")
@click.option("--no-repairs", is_flag=True, help="Stop at the proven cause.")
@click.option("--rebuild", is_flag=True, help="Also try repairs that need every chunk made anew.")
@click.option("--no-answer", is_flag=True, help="Judge the context only, write no answer.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the case as .html, .md or .json."
)
@click.option("--label", "add", is_flag=True, help="Add the question to --labelled.")
@store_option
@config_options
@json_option
@guarded
def diagnose(
    text: str | None,
    query_id: str | None,
    evidence: tuple[str, ...],
    expected: str | None,
    labelled: Path | None,
    principal: tuple[str, ...],
    where: tuple[str, ...],
    no_repairs: bool,
    rebuild: bool,
    no_answer: bool,
    out: Path | None,
    add: bool,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Walk the wrong answer to TEXT to the step that lost the evidence, and price the repairs."""
    from whymiss.cli.show_diagnosis import print_diagnosis
    from whymiss.diagnosis.case_file import to_json
    from whymiss.evaluation.formats import add_question
    from whymiss.workbench import open as open_workbench

    question = _question(text, query_id, labelled, principal, where)
    if add and labelled is None:
        raise LabelError("--label adds the question to the file of --labelled; name one.")
    check_target(out)
    config = read_config(config_file, knobs)
    with (
        open_workbench(existing(store), config=config) as workbench,
        progress_bars(quiet=as_json) as progress,
    ):
        found = workbench.diagnose(
            question, evidence=list(evidence) or None, expected=expected, labelled=labelled,
            repairs=not no_repairs, rebuild=rebuild, answers=not no_answer, progress=progress,
        )  # fmt: skip
        case = workbench.case(found, labelled=labelled or "")
        if out is not None:
            workbench.case_file(found, out, labelled=labelled or "")
    if add and labelled is not None:
        add_question(labelled, found.question)
    if as_json:
        click.echo(json.dumps(json.loads(to_json(case)), indent=2))
        return
    print_diagnosis(case)
    if out is not None:
        click.echo(printable(f"written to {out}"))


def _question(
    text: str | None,
    query_id: str | None,
    labelled: Path | None,
    principal: tuple[str, ...],
    where: tuple[str, ...],
) -> Question:
    from whymiss.diagnoser import question_of
    from whymiss.retrieval import parse_where

    if (text is None) == (query_id is None):
        raise LabelError("diagnose needs a question: its TEXT, or --id with --labelled.")
    if text is not None:
        asked = question_of(text)
        query = replace(asked.query, principals=principal, where=parse_where(where))
        return replace(asked, query=query)
    if labelled is None:
        raise LabelError("--id names a question of --labelled; name the file.")
    for question in chosen_questions(labelled, ""):
        if question.query_id == query_id:
            return question
    raise LabelError(f"there is no question {query_id!r}", where=str(labelled))


@click.command()
@click.argument("questions", type=click.Path(path_type=Path))
@split_option
@click.option("--answers", is_flag=True, help="Write answers too, and judge what they rest on.")
@store_option
@config_options
@json_option
@guarded
def survey(
    questions: Path,
    split: str,
    answers: bool,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Diagnose all labelled QUESTIONS: failures by stage and cause, headroom, clusters."""
    from whymiss.cli.show_diagnosis import print_survey
    from whymiss.frames import records
    from whymiss.workbench import open as open_workbench

    config = read_config(config_file, knobs)
    asked = chosen_questions(questions, "")
    with (
        open_workbench(existing(store), config=config) as workbench,
        progress_bars(quiet=as_json) as progress,
    ):
        made = workbench.diagnose_all(asked, split=split, answers=answers, progress=progress)
    if as_json:
        parts = ("table", "failures", "headroom", "clusters", "unjudged")
        print_json({part: records(getattr(made, part)) for part in parts})
    else:
        print_survey(made)
