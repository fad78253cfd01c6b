"""Verbs that bring a store up to date: ingest, build, purge."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whymiss.cli.options import (
    FAILED_FILES,
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
from whymiss.errors import DocumentError

if TYPE_CHECKING:
    from whymiss.workbench import IngestReport


@click.command()
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
    print_frame(counts, {name: name for name in counts.columns})
    told = files[files["reason"] != ""]
    if len(told):
        print_frame(told, {"doc_id": "file", "status": "status", "reason": "reason"}, width=300)
    for built in report.built:
        click.echo(
            f"index {built.index}: {built.n_changed} documents changed, {built.n_removed} removed, "
            f"{built.n_chunks_written} chunks written, {built.n_embedded} passages embedded, "
            f"{len(built.truncated)} longer than the encoder sees, version {built.version}"
        )
    for note in report.notes:
        click.echo(printable(f"note: {note}"))


@click.command()
@store_option
@config_options
@json_option
@guarded
def build(store: str, config_file: Path | None, knobs: Sequence[str], as_json: bool) -> None:
    """Build the configured index over the stored documents, beside those that are there."""
    from whymiss.workbench import open as open_workbench

    with (
        open_workbench(existing(store), config=read_config(config_file, knobs)) as workbench,
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


@click.command()
@store_option
@json_option
@guarded
def purge(store: str, as_json: bool) -> None:
    """Erase deleted text for good; the version history of every table goes with it."""
    from whymiss.workbench import open as open_workbench

    with open_workbench(store) as workbench:
        done = workbench.purge()
    if as_json:
        print_json(
            {
                "tables": list(done.tables),
                "n_rows": done.n_rows,
                "n_vectors": done.n_vectors,
                "n_traces": done.n_traces,
                "n_evaluated": done.n_evaluated,
                "bytes_freed": done.bytes_freed,
            }
        )
    else:
        click.echo(
            f"{len(done.tables)} tables written anew, {done.n_vectors:,} cached vectors erased, "
            f"{done.n_evaluated:,} kept answers and scores of labelled questions erased, "
            f"{done.n_traces:,} requests of the log left without words, "
            f"{done.bytes_freed:,} bytes freed"
        )
        if done.n_rows:
            click.echo(
                f"{done.n_rows:,} chunks erased from indexes that had stayed behind: build them "
                "again"
            )
