"""Verbs about single questions, and the configuration they are asked with."""

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
    print_rows,
    read_config,
    store_option,
)

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.argument("text")
@click.option("--principal", multiple=True, help="A name of the asker (user or group).")
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="A metadata condition.")
@click.option("--no-answer", is_flag=True, help="Stop after packing the context.")
@store_option
@config_options
@json_option
@guarded
def ask(
    text: str,
    principal: tuple[str, ...],
    where: tuple[str, ...],
    no_answer: bool,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Ask TEXT and show every stage, the answer and its sources."""
    from whymiss.cli.show import print_trace
    from whymiss.traces import trace_to_json
    from whymiss.workbench import open as open_workbench

    with open_workbench(existing(store), config=read_config(config_file, knobs)) as workbench:
        trace = workbench.ask(text, principal=principal, where=where, answer=not no_answer)
    if as_json:
        click.echo(trace_to_json(trace))
    else:
        print_trace(trace)


@click.command()
@click.argument("trace_id", required=False)
@store_option
@json_option
@guarded
def trace(trace_id: str | None, store: str, as_json: bool) -> None:
    """List the requests kept in the log, or show the one that TRACE_ID begins."""
    from whymiss.cli.show import print_trace
    from whymiss.traces import trace_to_json
    from whymiss.workbench import open as open_workbench

    with open_workbench(existing(store)) as workbench:
        if trace_id is None:
            _print_traces(workbench.trace, as_json=as_json)
            return
        found = workbench.log.read(trace_id)
    if as_json:
        click.echo(trace_to_json(found))
    else:
        print_trace(found)


def _print_traces(frame: pd.DataFrame, *, as_json: bool) -> None:
    headings = {"trace_id": "trace", "asked_at": "asked", "principals": "by",
                "query_text": "question", "n_hits": "hits", "flags": "flags",
                "seconds": "seconds"}  # fmt: skip
    if not as_json:
        frame = frame.assign(
            trace_id=[trace_id[:8] for trace_id in frame["trace_id"]],
            asked_at=[asked_at[:19].replace("T", " ") for asked_at in frame["asked_at"]],
        )
        if frame["query_text"].isna().all():
            del headings["query_text"]
    print_rows(frame, headings, as_json=as_json)


@click.command()
@config_options
@json_option
@guarded
def config(config_file: Path | None, knobs: Sequence[str], as_json: bool) -> None:
    """Print every knob with its value, as TOML that --config reads."""
    chosen = read_config(config_file, knobs)
    if as_json:
        print_json(chosen.flat())
    else:
        click.echo(chosen.to_toml(), nl=False)
