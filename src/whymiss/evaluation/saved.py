"""Runs as JSON: kept in a file, compared with the next one, read by other programs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Final

import pandas as pd

from whymiss.config import PipelineConfig
from whymiss.errors import InvalidRecordError, WhymissError
from whymiss.evaluation.measures import parse_measure
from whymiss.evaluation.pinning import LabelProblem
from whymiss.evaluation.run import EvaluationRun, typed_table, undefined_table
from whymiss.frames import records

RUN_FORMAT: Final = "whymiss run 1"
"""Named in every saved run; what has another name is not read."""

_PLAIN: Final = (
    "name", "fingerprint", "index_name", "index_version", "model_version", "created", "n_reused",
    "confidence",
)  # fmt: skip


def run_to_dict(run: EvaluationRun) -> dict[str, Any]:
    """A run as plain values for JSON; an undefined score is None.

    Nothing is lost: `run_from_dict` gives an equal run.
    """
    return {
        "format": RUN_FORMAT,
        **{name: getattr(run, name) for name in _PLAIN},
        "config": dataclasses.asdict(run.config),
        "measures": list(run.measures),
        "problems": [dataclasses.asdict(problem) for problem in run.problems],
        "undefined": _rows(run.undefined),
        "seconds": dict(run.seconds),
        "questions": _rows(run.table),
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    # As `frames.records`, but column by column: sweeps write many tables.
    columns = [
        [None if value is pd.NA or value != value else value for value in table[name].tolist()]
        for name in table.columns
    ]
    return [dict(zip(table.columns, values, strict=True)) for values in zip(*columns, strict=True)]


def run_from_dict(body: dict[str, Any]) -> EvaluationRun:
    """The run that `run_to_dict` wrote.

    Raises
    ------
    InvalidRecordError : it is none.
    """
    if not isinstance(body, dict) or body.get("format") != RUN_FORMAT:
        raise InvalidRecordError(f"not a saved evaluation run ({RUN_FORMAT!r}).")
    try:
        changes = {
            f"{group}.{knob}": value
            for group, knobs in body["config"].items()
            for knob, value in knobs.items()
        }
        measures = tuple(parse_measure(name).name for name in body["measures"])
        return EvaluationRun(
            **{name: body[name] for name in _PLAIN},
            config=PipelineConfig().replace(changes),
            measures=measures,
            table=typed_table(body["questions"], measures),
            undefined=undefined_table(
                (row["query_id"], row["measure"], row["reason"]) for row in body["undefined"]
            ),
            problems=tuple(LabelProblem(**problem) for problem in body["problems"]),
            seconds=body["seconds"],
        )
    except (KeyError, TypeError, ValueError, AttributeError, WhymissError) as error:
        raise InvalidRecordError(f"a damaged evaluation run: {error!r}.") from error


def write_run(path: Path | str, run: EvaluationRun) -> None:
    """Write a run as JSON, its summary and its failures first.

    Raises
    ------
    InvalidRecordError : the file cannot be written.
    """
    derived = {"summary": records(run.summary), "failures": records(run.failures)}
    try:
        text = json.dumps({**derived, **run_to_dict(run)}, indent=1, allow_nan=False)
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidRecordError(f"the run cannot be written to {path}: {error}") from error


def read_run(path: Path | str) -> EvaluationRun:
    """The run of a file.

    Raises
    ------
    InvalidRecordError : the file cannot be read or holds something else.
    """
    try:
        return run_from_dict(json.loads(Path(path).read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRecordError(f"{path} cannot be read as an evaluation run: {error}") from error
