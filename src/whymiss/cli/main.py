"""The verbs: each opens a workbench, calls the method of its name and prints what it returns."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whymiss import __version__
from whymiss.cli.demo import demo
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
    import pandas as pd

    from whymiss.workbench import IngestReport


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="whymiss")
def main() -> None:
    """Walk a wrong RAG answer down to the retrieval step that lost the evidence.

    Exit codes: 0 done; 1 an error, told on stderr; 2 wrong usage; 3 done, but some files failed.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a letter gets its code instead of a crash.
            stream.reconfigure(errors="backslashreplace")


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
    print_frame(counts, _named("status", "change", "files"))
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

    with open_workbench(existing(store), config=read_config(config_file, knobs)) as workbench:
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

    with open_workbench(existing(store)) as workbench:
        if trace_id is None:
            _print_traces(workbench.trace, as_json=as_json)
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
    from whymiss.cli.show import print_frame
    from whymiss.frames import records
    from whymiss.workbench import open as open_workbench

    with open_workbench(existing(store)) as workbench:
        frame = workbench.documents
    if as_json:
        print_json(records(frame))
        return
    readers = [", ".join(allowed) or "nobody" for allowed in frame["allowed"]]
    headings = {"doc_id": "document", "title": "title", "syntax": "syntax", "allowed": "readers"}
    print_frame(frame.assign(allowed=readers), headings)


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

    with open_workbench(existing(store), config=read_config(config_file, knobs)) as workbench:
        frame = workbench.chunks
    if doc_id is not None:
        frame = frame[frame["doc_id"] == doc_id]
    headings = {"doc_id": "document", "start": "start", "end": "end", "n_tokens": "tokens",
                "text": "text"}  # fmt: skip
    _print_rows(frame, headings, as_json=as_json)


@main.command()
@store_option
@json_option
@guarded
def indexes(store: str, as_json: bool) -> None:
    """List the indexes and how far each is behind the documents.

    cut: chunks longer than the encoder sees. missing, stale, orphan: documents without rows, with
    rows of an earlier text, and gone but with rows left.
    """
    from whymiss.workbench import open as open_workbench

    headings = {"name": "index", "strategy": "strategy", "size": "size", "n_documents": "docs",
                "n_chunks": "chunks", "n_truncated": "cut", "n_missing": "missing",
                "n_stale": "stale", "n_orphan": "orphan", "version": "version"}  # fmt: skip
    with open_workbench(existing(store)) as workbench:
        _print_rows(workbench.indexes, headings, as_json=as_json)


@main.command()
@store_option
@json_option
@guarded
def files(store: str, as_json: bool) -> None:
    """List the last verdict on every ingested file."""
    from whymiss.workbench import open as open_workbench

    headings = {"doc_id": "file", "status": "status", "format": "format", "reason": "reason"}
    with open_workbench(existing(store)) as workbench:
        _print_rows(workbench.files, headings, as_json=as_json)


@main.command()
@store_option
@json_option
@guarded
def purge(store: str, as_json: bool) -> None:
    """Erase deleted text for good; the version history of every table goes with it."""
    from whymiss.workbench import open as open_workbench

    with open_workbench(store) as workbench:
        done = workbench.purge()
    if as_json:
        print_json({"tables": list(done.tables), "bytes_freed": done.bytes_freed})
    else:
        click.echo(f"{len(done.tables)} tables written anew, {done.bytes_freed:,} bytes freed")


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
    _print_rows(frame, headings, as_json=as_json)


def _print_rows(frame: pd.DataFrame, headings: Mapping[str, str], *, as_json: bool) -> None:
    from whymiss.cli.show import print_frame
    from whymiss.frames import records

    if as_json:
        print_json(records(frame))
    else:
        print_frame(frame, headings)


def _named(*columns: str) -> dict[str, str]:
    return {name: name for name in columns}
