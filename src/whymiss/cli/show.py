"""Frames and traces on a terminal. Corpus text is printed as it is, without control characters."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import pandas as pd
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from whymiss.cli.options import printable
from whymiss.frames import clause_text, short, stages_frame, summary_frame
from whymiss.records import Answer, Trace

_WIDTH_IN_A_PIPE: Final = 160
_FOLDED: Final = 12
"""Text may be folded to this width; where even that does not fit, a table is no use."""

_STAGES: Final = {
    "stage": "stage", "n_hits": "hits", "best_doc": "best document", "best_score": "score",
    "ms": "ms",
}  # fmt: skip
_SELECTED: Final = {
    "rank": "rank", "doc_id": "document", "start": "start", "score": "score", "fate": "fate",
}  # fmt: skip


def console() -> Console:
    """A console as wide as the terminal; in a pipe, wide enough to keep ids whole."""
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if narrow else _WIDTH_IN_A_PIPE)


def print_frame(
    frame: pd.DataFrame,
    headings: Mapping[str, str],
    *,
    title: str = "",
    width: int = 60,
    numbers: Collection[str] = (),
) -> None:
    """The named columns of a frame under their headings; a list where a table does not fit.

    `numbers` are columns of text that are to stand as numbers do: whole, and to the right.
    """
    out = console()
    if title:
        out.print(Text(title, style="bold"))
    if not len(frame):
        out.print(Text("none"))
        return
    rows = [
        [_cell(value, width) for value in row]
        for row in frame[list(headings)].itertuples(index=False)
    ]
    numeric = [name in numbers or pd.api.types.is_numeric_dtype(frame[name]) for name in headings]
    least = [
        max(
            len(heading),
            *(len(row[i]) if numeric[i] else min(len(row[i]), _FOLDED) for row in rows),
        )
        for i, heading in enumerate(headings.values())
    ]
    if sum(least) + 2 * (len(least) - 1) > out.width:
        _print_list(out, list(headings.values()), rows)
    else:
        _print_table(out, list(headings.values()), rows, numeric)


def _print_table(
    out: Console, headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]
) -> None:
    table = Table(
        box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False,
        show_edge=False,
    )  # fmt: skip
    for heading, number in zip(headings, numeric, strict=True):
        table.add_column(
            heading,
            justify="right" if number else "left",
            no_wrap=number,
            overflow="fold",
            min_width=len(heading),
        )
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)


def _print_list(out: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(rows):
        if number:
            out.print()
        for heading, value in zip(headings, row, strict=True):
            if value not in ("", "-"):
                out.print(Text(f"{heading}: {value}"))


def _cell(value: Any, width: int) -> str:
    if isinstance(value, (tuple, list)):
        value = ", ".join(map(str, value))
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"
    return short(printable(str(value)), width)


def print_trace(trace: Trace) -> None:
    """A request as a person reads it: stages, what was read, the answer and its sources."""
    out = console()
    if trace.query_text:
        out.print(Text(f"Q: {printable(trace.query_text)}", style="bold"))
    asker = ", ".join(trace.principals) or "anybody"
    where = "; ".join(clause_text(clause) for clause in trace.where)
    out.print(Text(printable(f"asked by {asker}" + (f", where {where}" if where else ""))))
    out.print()
    print_frame(summary_frame(trace), _STAGES)
    out.print()
    hits = stages_frame(trace)
    print_frame(hits[hits["stage"] == "select"], _SELECTED, title="selected chunks")
    out.print()
    if trace.answer is not None:
        _print_answer(out, trace, trace.answer)
    for score in trace.scores:
        shown = f"undefined, {score.undefined_because}"
        shown = shown if score.undefined_because else f"{score.value:.2f}"
        out.print(Text(f"{score.measure.replace('_', ' ')}: {shown}", style="dim"))
    if trace.flags:
        out.print(Text("flags: " + ", ".join(trace.flags), style="yellow"))
    out.print(Text(f"trace {trace.trace_id[:8]}", style="dim"))


def _print_answer(out: Console, trace: Trace, answer: Answer) -> None:
    text = answer.text or "(not kept: trace.raw_text is off)"
    out.print(Text("A: " + printable(text), style="green"))
    if answer.reason:
        out.print(_indented(answer.reason, 3))
    cited = {citation.passage for citation in answer.citations}
    for passage in trace.context.passages if trace.context else ():
        if passage.number in cited:
            out.print(
                _indented(f"[{passage.number}] {passage.doc_id}:{passage.start}-{passage.end}", 3)
            )
            if place := place_of(passage.title, passage.headings):
                out.print(_indented(place, 7))


def place_of(title: str, headings: tuple[str, ...]) -> str:
    """Title and heading path; the title once where it is the first heading too.

    >>> place_of("Support tiers", ("Support tiers", "Monthly"))
    'Support tiers > Monthly'
    """
    path = headings if title in headings[:1] else (title, *headings)
    return " > ".join(part for part in path if part)


def _indented(text: str, by: int) -> Padding:
    return Padding(Text(printable(text), style="dim"), (0, 0, 0, by))
