"""An evaluation run on a terminal, and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from whymiss.cli.gates import GateResult
from whymiss.cli.options import printable
from whymiss.cli.scores import counted, with_texts
from whymiss.cli.show import print_frame
from whymiss.evaluation import EvaluationRun, LabelProblem
from whymiss.frames import records


def run_as_json(
    run: EvaluationRun, sliced_by: str | None, results: Sequence[GateResult]
) -> dict[str, Any]:
    """What `whymiss eval` tells, as plain values for JSON."""
    names = ("name", "fingerprint", "index_name", "index_version", "model_version", "created",
             "n_questions", "n_reused", "confidence")  # fmt: skip
    return {
        **{name: getattr(run, name) for name in names},
        "measures": list(run.measures),
        "problems": problem_dicts(run.problems),
        "summary": records(run.summary),
        "undefined": records(_undefined(run)),
        "failures": records(run.failures),
        "slices": records(run.slices(sliced_by)) if sliced_by else None,
        "gates": [result.as_dict() for result in results],
        "seconds": dict(run.seconds),
    }


def interval_heading(run: EvaluationRun) -> str:
    """As in "95 % interval"."""
    return f"{100 * run.confidence:g} % interval"


def _undefined(run: EvaluationRun) -> pd.DataFrame:
    """Why scores are undefined, most frequent reason of each measure first."""
    counts = run.undefined.groupby(["measure", "reason"], sort=False)["query_id"].agg(tuple)
    table = counts.rename("query_ids").reset_index()
    table.insert(2, "n", table["query_ids"].map(len).astype("int64"))
    order = {name: i for i, name in enumerate(run.measures)}
    table = table.sort_values("n", ascending=False, kind="stable")
    return table.sort_values("measure", key=lambda names: names.map(order), kind="stable")


def print_run(run: EvaluationRun, questions: Path, sliced_by: str | None) -> None:
    """A run for a person: measures, what is undefined and why, where evidence was lost."""
    head = f"{questions}: {counted(run.n_questions, 'question')} asked of index {run.index_name}"
    if run.n_reused:
        head += f", {run.n_reused} of them by an interrupted run before; --fresh asks all anew"
    click.echo(printable(head))
    print_problems(run.problems)
    click.echo()
    summary = with_texts(run.summary)
    headings = {"measure": "measure", "value": "value", "interval": interval_heading(run),
                "n": "n", "n_undefined": "undefined"}  # fmt: skip
    print_frame(summary, headings, numbers=("value", "interval"))
    _print_notes(summary)
    _print_undefined(run)
    _print_failures(run)
    if sliced_by:
        _print_slices(run, sliced_by)


def _print_notes(table: pd.DataFrame) -> None:
    """Why there is no interval, each reason once, with the measures that it concerns."""
    told = table[table["note"] != ""].groupby("note", sort=False)["measure"].unique()
    for note, measures in told.items():
        click.echo(printable(f"no interval ({', '.join(measures)}): {note}"))


def _print_undefined(run: EvaluationRun) -> None:
    """Why scores are undefined; measures that share a reason on the same questions share a line."""
    if not len(run.undefined):
        return
    table = _undefined(run).groupby(["reason", "query_ids"], sort=False)["measure"].agg(tuple)
    lines = table.reset_index()
    lines["n"] = lines["query_ids"].map(len)
    click.echo()
    headings = {"reason": "undefined because", "n": "questions", "measure": "measures"}
    print_frame(lines, headings, width=100)


def _print_failures(run: EvaluationRun) -> None:
    click.echo()
    n_judged = int(run.table["lost_at"].notna().sum())
    if not n_judged:
        click.echo("where evidence was lost: no question has labels that tell")
    elif not len(run.failures):
        click.echo(f"where evidence was lost: nowhere, in {counted(n_judged, 'question')}")
    else:
        failures = run.failures.assign(share=[f"{share:.1%}" for share in run.failures["share"]])
        headings = {"stage": "lost at", "n": "questions", "share": f"of {n_judged}",
                    "query_ids": "which"}  # fmt: skip
        print_frame(failures, headings, numbers=("share",), width=300)


def _print_slices(run: EvaluationRun, sliced_by: str) -> None:
    units = dict(zip(run.summary["measure"], run.summary["unit"], strict=True))
    slices = run.slices(sliced_by)
    slices = with_texts(slices.assign(unit=slices["measure"].map(units)))
    # A name is read once; below it, what is measured.
    slices["slice"] = slices["slice"].where(~slices["slice"].duplicated(), "")
    headings = {"slice": sliced_by, "measure": "measure", "value": "value",
                "interval": interval_heading(run), "n": "n",
                "n_undefined": "undefined"}  # fmt: skip
    click.echo()
    print_frame(slices, headings, numbers=("value", "interval"))
    _print_notes(slices)


def print_problems(problems: Sequence[LabelProblem]) -> None:
    """Every label that does not fit its document."""
    if not problems:
        return
    n_questions = len({problem.query_id for problem in problems})
    headings = {"query_id": "question", "doc_id": "document", "what": "what is wrong",
                "advice": "what to do"}  # fmt: skip
    rows = [[getattr(problem, name) for name in headings] for problem in problems]
    click.echo()
    print_frame(
        pd.DataFrame(rows, columns=list(headings)),
        headings,
        title=f"{counted(n_questions, 'question')} not asked: labels do not fit their document",
        width=200,
    )


def problem_dicts(problems: Sequence[LabelProblem]) -> list[dict[str, Any]]:
    """Labels that do not fit, as plain values for JSON."""
    return [dataclasses.asdict(problem) for problem in problems]
