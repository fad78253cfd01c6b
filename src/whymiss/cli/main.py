"""The verbs: each opens a workbench, calls the method of its name and prints what it returns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whymiss import __version__
from whymiss.cli.demo import demo
from whymiss.cli.options import (
    FAILED_FILES,
    config_options,
    guarded,
    json_option,
    print_json,
    progress_bars,
    read_config,
    store_option,
)
from whymiss.errors import DocumentError

if TYPE_CHECKING:
    import pandas as pd

    from whymiss.workbench import IngestReport


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="whymiss")
def main() -> None:
    """Walk a wrong RAG answer down to the retrieval step that lost the evidence.

    Exit codes: 0 done; 1 an error, told on stderr; 2 wrong usage; 3 done, but some files failed.
    """


main.add_command(demo)


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--allowed",
    multiple=True,
    metavar="PRINCIPAL",
    help="Who may read documents that do not say so themselves; '*' is everybody.",
)
@click.option("--rebuild", is_flag=True, help="Make the index anew, also with other settings.")
@store_option
@config_options
@json_option
@guarded
def ingest(
    source: Path,
    allowed: tuple[str, ...],
    rebuild: bool,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Bring the store up to date with SOURCE: a folder, a file, or a .jsonl corpus."""
    from whymiss.workbench import open as open_workbench

    if not source.exists():
        raise DocumentError(f"ingest needs a folder or file; there is none at {source}.")
    with (
        open_workbench(store, config=read_config(config_file, knobs)) as workbench,
        progress_bars(quiet=as_json) as progress,
    ):
        report = workbench.ingest(
            source, allowed=list(allowed) or None, rebuild=rebuild, progress=progress
        )
    _print_ingest(report, as_json=as_json)
    if any(row["status"] == "failed" for row in report.sync.files):
        sys.exit(FAILED_FILES)


def _print_ingest(report: IngestReport, *, as_json: bool) -> None:
    from whymiss.cli.show import print_frame
    from whymiss.frames import records

    files = report.files
    if as_json:
        print_json(
            {
                "files": records(files),
                "indexes": [
                    {
                        "index": built.index,
                        "n_changed": built.n_changed,
                        "n_removed": built.n_removed,
                        "n_chunks_written": built.n_chunks_written,
                        "n_embedded": built.n_embedded,
                        "n_truncated": len(built.truncated),
                        "version": built.version,
                    }
                    for built in report.built
                ],
                "notes": list(report.notes),
                "seconds": dict(report.seconds),
            }
        )
        return
    counts = files.groupby(["status", "change"]).size().rename("files").reset_index()
    print_frame(counts, ["status", "change", "files"])
    told = files[files["reason"] != ""]
    if len(told):
        print_frame(told, ["doc_id", "status", "reason"], width=90)
    for built in report.built:
        click.echo(
            f"index {built.index}: {built.n_changed} documents changed, {built.n_removed} removed, "
            f"{built.n_chunks_written} chunks written, {built.n_embedded} passages embedded, "
            f"{len(built.truncated)} longer than the encoder sees, version {built.version}"
        )
    for note in report.notes:
        click.echo(f"note: {note}")


@main.command()
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

    with open_workbench(store, config=read_config(config_file, knobs)) as workbench:
        trace = workbench.ask(text, principal=principal, where=where, answer=not no_answer)
    if as_json:
        click.echo(trace_to_json(trace))
    else:
        print_trace(trace)


@main.command()
@store_option
@config_options
@json_option
@guarded
def build(store: str, config_file: Path | None, knobs: Sequence[str], as_json: bool) -> None:
    """Build the configured index over the stored documents, beside those that are there."""
    from whymiss.workbench import open as open_workbench

    with (
        open_workbench(store, config=read_config(config_file, knobs)) as workbench,
        progress_bars(quiet=as_json) as progress,
    ):
        built = workbench.build(progress=progress)
    if as_json:
        print_json({"index": built.index, "n_chunks_written": built.n_chunks_written,
                    "n_embedded": built.n_embedded, "version": built.version})  # fmt: skip
    else:
        click.echo(
            f"index {built.index}: {built.n_chunks_written} chunks written, "
            f"{built.n_embedded} passages embedded, version {built.version}"
        )


@main.command()
@click.argument("trace_id", required=False)
@store_option
@json_option
@guarded
def trace(trace_id: str | None, store: str, as_json: bool) -> None:
    """List the requests kept in the log, or show the one that TRACE_ID begins."""
    from whymiss.cli.show import print_trace
    from whymiss.traces import trace_to_json
    from whymiss.workbench import open as open_workbench

    with open_workbench(store) as workbench:
        if trace_id is None:
            columns = ["trace_id", "asked_at", "query_text", "n_hits", "flags", "seconds"]
            _print_rows(workbench.trace, columns, as_json=as_json)
            return
        found = workbench.log.read(trace_id)
    if as_json:
        click.echo(trace_to_json(found))
    else:
        print_trace(found)


@main.command()
@store_option
@json_option
@guarded
def documents(store: str, as_json: bool) -> None:
    """List the stored documents, with who may read them."""
    from whymiss.workbench import open as open_workbench

    with open_workbench(store) as workbench:
        _print_rows(
            workbench.documents, ["doc_id", "title", "syntax", "allowed"], as_json=as_json
        )


@main.command()
@click.option("--doc-id", help="Only the chunks of this document.")
@store_option
@config_options
@json_option
@guarded
def chunks(
    doc_id: str | None,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """List the chunks of the configured index."""
    from whymiss.workbench import open as open_workbench

    with open_workbench(store, config=read_config(config_file, knobs)) as workbench:
        frame = workbench.chunks
    if doc_id is not None:
        frame = frame[frame["doc_id"] == doc_id]
    _print_rows(frame, ["chunk_id", "doc_id", "start", "end", "n_tokens", "text"], as_json=as_json)


@main.command()
@store_option
@json_option
@guarded
def indexes(store: str, as_json: bool) -> None:
    """List the indexes and how far each is behind the documents."""
    from whymiss.workbench import open as open_workbench

    columns = ["name", "strategy", "size", "n_documents", "n_chunks", "n_truncated", "n_missing",
               "n_stale", "n_orphan", "version"]  # fmt: skip
    with open_workbench(store) as workbench:
        _print_rows(workbench.indexes, columns, as_json=as_json)


@main.command()
@store_option
@json_option
@guarded
def files(store: str, as_json: bool) -> None:
    """List the last verdict on every ingested file."""
    from whymiss.workbench import open as open_workbench

    with open_workbench(store) as workbench:
        _print_rows(workbench.files, ["doc_id", "status", "format", "reason"], as_json=as_json)


@main.command()
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


def _print_rows(frame: pd.DataFrame, columns: list[str], *, as_json: bool) -> None:
    from whymiss.cli.show import print_frame
    from whymiss.frames import records

    if as_json:
        rows: list[dict[str, Any]] = records(frame)
        print_json(rows)
    else:
        print_frame(frame, columns)
