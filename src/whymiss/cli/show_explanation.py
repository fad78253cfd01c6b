"""An explanation on a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.text import Text

from whymiss.cli.options import printable
from whymiss.cli.show import console, print_frame
from whymiss.explain.frame import contrast_table, standings_frame
from whymiss.explain.sentences import verdict
from whymiss.frames import records

if TYPE_CHECKING:
    from whymiss.explain import Contrast, Explanation

_SHOWN: Final = 8
_WIDTH: Final = 100


def print_explanation(explanation: Explanation) -> None:
    """The verdict, both chunks stage by stage, and what differs most in each score."""
    out = console()
    out.print(Text(f"Q: {printable(explanation.query.text)}", style="bold"))
    out.print(Text(printable(verdict(explanation)), style="bold"))
    out.print()
    standings = standings_frame(explanation)
    headings = {"stage": "stage", "chunk_score": "chunk", "chunk_rank": "rank",
                "against_score": "against", "against_rank": "rank of it",
                "margin": "margin"}  # fmt: skip
    print_frame(standings, headings)
    for note in explanation.notes:
        out.print(Text(printable(note), style="dim"))
    for contrast in explanation.contrasts:
        out.print()
        _print_contrast(contrast)


def _print_contrast(contrast: Contrast) -> None:
    table = contrast_table(contrast)
    parts, rest = table[table["kind"] == "part"], table[table["kind"] == "residual"]
    others = parts.iloc[_SHOWN:]
    shown = parts.head(_SHOWN)[["part", "chunk", "against", "difference"]]
    rows = [shown]
    if len(others):
        summed = others[["chunk", "against", "difference"]].sum()
        rows.append(pd.DataFrame([{"part": f"({len(others)} others)", **summed}]))
    rows.append(rest.assign(part="(no part)")[list(shown.columns)])
    kind = "exact" if contrast.exact else "approximate"
    headings = {"part": "part", "chunk": "chunk", "against": "against", "difference": "difference"}
    title = f"{contrast.stage} by {contrast.view}, {kind}: margin {contrast.margin:+.4f}"
    print_frame(pd.concat(rows), headings, title=title, width=_WIDTH)
    for note in dict.fromkeys((contrast.chunk.note, contrast.against.note)):
        if note:
            console().print(Text(printable(note), style="dim"))


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """The whole explanation as plain values."""
    return {
        "question": explanation.query.text,
        "chunk": explanation.chunk.chunk_id,
        "against": explanation.against.chunk_id,
        "verdict": verdict(explanation),
        "decided_at": explanation.decided_at,
        "main": explanation.main,
        "culprits": [
            {"name": part.name, "effect": part.effect, "passage": part.passage,
             "prefix": part.prefix}
            for part in explanation.culprits()
        ],
        "standings": records(standings_frame(explanation)),
        "parts": records(explanation.frame),
        "notes": list(explanation.notes),
    }  # fmt: skip
