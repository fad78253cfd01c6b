"""Frames and traces on a terminal. Corpus text is printed as it is, without control characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whymiss.frames import clause_text, short, stages_frame, summary_frame
from whymiss.records import Trace

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text without the characters that steer a terminal; corpus text may hold any.

    >>> printable("a\\x1b[31mb")
    'a[31mb'
    """
    return _CONTROL.sub("", text)


def print_frame(frame: pd.DataFrame, columns: Sequence[str], *, title: str = "", width: int = 48) -> None:
    """Some columns of a frame as a table."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for name in columns:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in frame[list(columns)].itertuples(index=False):
        table.add_row(*(Text(_cell(value, width)) for value in row))
    Console().print(table)


def _cell(value: Any, width: int) -> str:
    if isinstance(value, (tuple, list)):
        value = ", ".join(map(str, value))
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return short(printable(str(value)), width)


def print_trace(trace: Trace) -> None:
    """A request as a person reads it: stages, what was read, the answer and its sources."""
    console = Console()
    if trace.query_text:
        console.print(Text(f"\nQ: {printable(trace.query_text)}", style="bold"))
    asker = ", ".join(trace.principals) or "anybody"
    where = "; ".join(clause_text(clause) for clause in trace.where)
    console.print(Text(f"asked by {asker}" + (f", where {where}" if where else "")))
    print_frame(summary_frame(trace), ["stage", "n_hits", "best_doc", "best_score", "ms"])
    hits = stages_frame(trace)
    selected = hits[hits["stage"] == "select"]
    if len(selected):
        print_frame(selected, ["rank", "doc_id", "start", "score", "fate"], title="selected chunks")
    _print_answer(console, trace)
    if trace.flags:
        console.print(Text("flags: " + ", ".join(trace.flags), style="yellow"))
    console.print(Text(f"trace {trace.trace_id}", style="dim"))


def _print_answer(console: Console, trace: Trace) -> None:
    if trace.answer is None:
        return
    console.print(Text("A: " + printable(trace.answer.text or "(not kept)"), style="green"))
    if trace.answer.reason:
        console.print(Text(f"   {trace.answer.reason}", style="dim"))
    cited = {citation.passage for citation in trace.answer.citations}
    for passage in trace.context.passages if trace.context else ():
        if passage.number in cited:
            place = " > ".join([passage.title, *passage.headings]).strip(" >")
            name = f"   [{passage.number}] {passage.doc_id}:{passage.start}-{passage.end}  {place}"
            console.print(Text(printable(name)))
    for score in trace.scores:
        shown = score.undefined_because or f"{score.value:.2f}"
        console.print(Text(f"   {score.measure}: {shown}", style="dim"))
