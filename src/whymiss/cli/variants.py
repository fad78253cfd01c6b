"""What `whymiss compare` holds against each other: variants of a configuration, or saved runs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whymiss.cli.options import knob_changes
from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError, MixedQueriesError

if TYPE_CHECKING:
    from whymiss.evaluation import EvaluationRun

BASE: Final = "base"


def read_variants(base: PipelineConfig, texts: Sequence[str]) -> dict[str, PipelineConfig]:
    """The base and its variants by name, such as "dense: retrieval.mode=dense retrieval.k=8".

    Without a name the changes are the name. A value with a space in it stands in quotes.

    Raises
    ------
    ConfigError : a variant changes nothing, or a name, a knob or a value is not valid.

    >>> list(read_variants(PipelineConfig(), ["wide: retrieval.k=9", "retrieval.mode=dense"]))
    ['base', 'wide', 'retrieval.mode=dense']
    """
    configs = {BASE: base}
    for text in texts:
        name, assignments = _split(text)
        if name in configs:
            raise ConfigError(
                f"compare needs different names; got {name!r} twice"
                f"{' (base is the configuration without --with)' if name == BASE else ''}."
            )
        configs[name] = base.replace(knob_changes(assignments, base, option="--with"))
    return configs


def _split(text: str) -> tuple[str, list[str]]:
    name, colon, changes = text.partition(":")
    if not colon or "=" in name:
        # A colon after "=" is part of a value, as in chunking.strategy=custom:mine.
        name = changes = text
    try:
        assignments = shlex.split(changes)
    except ValueError as error:
        raise ConfigError(f"--with {text!r} cannot be read: {error}.") from error
    if not name.strip() or not assignments:
        raise ConfigError(f'--with needs "NAME: GROUP.KNOB=VALUE ..."; got {text!r}.')
    return name.strip(), assignments


def is_saved_run(path: Path) -> bool:
    """Whether a file holds a run that `whymiss eval --out` wrote, rather than questions."""
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(body, dict) and str(body.get("format", "")).startswith("whymiss run")


def read_runs(paths: Sequence[Path]) -> dict[str, EvaluationRun]:
    """Saved runs by the name of their file, or by its path where two have one name.

    Raises
    ------
    InvalidRecordError : a file cannot be read or holds something else.
    ConfigError : a file is named twice.
    MixedQueriesError : one id stands for two different questions.
    """
    from whymiss.evaluation import read_run

    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise ConfigError("compare needs different runs; a file is named twice.")
    runs = {name: read_run(path) for name, path in zip(names, paths, strict=True)}
    _check_same_texts(runs)
    return runs


def _check_same_texts(runs: Mapping[str, EvaluationRun]) -> None:
    known: dict[str, tuple[str, str]] = {}
    for name, run in runs.items():
        for query_id, text in zip(run.table["query_id"], run.table["text"], strict=True):
            other, before = known.setdefault(query_id, (name, text))
            if before != text:
                raise MixedQueriesError(
                    f"compare needs the same questions in every run; {query_id!r} is {before!r} "
                    f"in {other!r} and {text!r} in {name!r}."
                )
