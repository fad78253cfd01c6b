"""`whymiss explain`: why one chunk outranks another for a question."""

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
from whymiss.errors import ConfigError


@click.command()
@click.argument("text")
@click.argument("chunk")
@click.option("--against", metavar="CHUNK", help="The chunk to compare with; the first by default.")
@click.option("--principal", multiple=True, help="A name of the asker (user or group).")
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="A metadata condition.")
@click.option("--out", type=click.Path(path_type=Path), help="Write it as .html, texts marked.")
@store_option
@config_options
@json_option
@guarded
def explain(
    text: str,
    chunk: str,
    against: str | None,
    principal: tuple[str, ...],
    where: tuple[str, ...],
    out: Path | None,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Show the exact parts of every score of CHUNK for the question TEXT, against another chunk.

    A chunk is named by its id (or how it begins), by its rank, or by words that stand in it alone.
    """
    from whymiss.cli.show_explanation import explanation_json, print_explanation
    from whymiss.explain import asked_query
    from whymiss.explain import explain as explain_chunks
    from whymiss.explain.html import explanation_page
    from whymiss.workbench import open as open_workbench

    if out is not None and out.suffix.lower() != ".html":
        raise ConfigError(f"--out writes .html; got {out.name!r}.")
    config = read_config(config_file, knobs)
    query = asked_query(text, principal=principal, where=where)
    with open_workbench(existing(store), config=config) as workbench:
        found = explain_chunks(
            query,
            _named(chunk),
            None if against is None else _named(against),
            pipeline=workbench.pipeline(answer=False),
        )
    if out is not None:
        out.write_text(explanation_page(found), encoding="utf-8")
    if as_json:
        print_json(explanation_json(found))
        return
    print_explanation(found)
    if out is not None:
        click.echo(printable(f"written to {out}"))


def _named(chunk: str) -> str | int:
    """A rank where it is written in so few digits that it is no id."""
    return int(chunk) if chunk.isascii() and chunk.isdigit() and len(chunk) < 6 else chunk
