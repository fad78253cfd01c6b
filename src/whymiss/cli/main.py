"""The group of all verbs: each opens a workbench, calls a method of it and prints what returns."""

from __future__ import annotations

import io
import sys

import click

from whymiss import __version__
from whymiss.cli.asking import ask, config, trace
from whymiss.cli.comparing import compare
from whymiss.cli.demo import demo
from whymiss.cli.diagnosing import diagnose, survey
from whymiss.cli.drills import drills
from whymiss.cli.explaining import explain
from whymiss.cli.filling import build, ingest, purge
from whymiss.cli.lists import chunks, documents, files, indexes
from whymiss.cli.mapping import draw_map
from whymiss.cli.measuring import evaluate
from whymiss.cli.neighbourhood import neighbours
from whymiss.cli.reporting import report
from whymiss.cli.serving import lab, serve
from whymiss.cli.sweeping import sweep


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="whymiss")
def main() -> None:
    """Walk a wrong RAG answer down to the retrieval step that lost the evidence.

    Exit codes: 0 done; 1 an error, told on stderr; 2 wrong usage; 3 done, but some files failed;
    4 done, but a measure missed its gate.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a letter gets its code instead of a crash.
            stream.reconfigure(errors="backslashreplace")


for verb in (
    ask, build, chunks, compare, config, demo, diagnose, documents, draw_map, drills, evaluate,
    explain, files, indexes, ingest, lab, neighbours, purge, report, serve, survey, sweep, trace,
):  # fmt: skip
    main.add_command(verb)
