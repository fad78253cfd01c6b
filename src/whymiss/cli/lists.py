"""Verbs that list what a store holds: documents, chunks, indexes, files."""

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
    print_rows,
    read_config,
    store_option,
)


@click.command()
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


@click.command()
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
    print_rows(frame, headings, as_json=as_json)


@click.command()
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
        print_rows(workbench.indexes, headings, as_json=as_json)


@click.command()
@store_option
@json_option
@guarded
def files(store: str, as_json: bool) -> None:
    """List the last verdict on every ingested file."""
    from whymiss.workbench import open as open_workbench

    headings = {"doc_id": "file", "status": "status", "format": "format", "reason": "reason"}
    with open_workbench(existing(store)) as workbench:
        print_rows(workbench.files, headings, as_json=as_json)
