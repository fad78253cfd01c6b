"""What charts of candidates share: the mark of each role, and what is told of a candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.frames import short
from whymiss.plots.labels import check_columns, hover, label
from whymiss.plots.rows import Row, place_of, rows_of
from whymiss.plots.theme import BLUE, GREEN, INK, VERMILLION

_FLOW: Final = (
    "stage", "rank", "score", "n", "cut", "chunk_id", "doc_id", "section", "excerpt", "role",
    "share", "fate",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How the chunks of a role are drawn; `words` say in the key what they are."""

    words: str
    colour: str
    symbol: str
    size: int
    line: float


MARKS: Final = {
    "evidence": Mark(words="holds evidence", colour=GREEN, symbol="circle", size=12, line=4),
    "in front": Mark(
        words="selected in front of the evidence", colour=VERMILLION, symbol="diamond", size=10,
        line=2,
    ),
    "selected": Mark(words="selected", colour=BLUE, symbol="square", size=9, line=2),
    "other": Mark(words="not selected", colour=INK, symbol="circle", size=4, line=1),
}  # fmt: skip
"""By role, what matters most first."""


def stages_of(flow: pd.DataFrame, *, who: str) -> dict[str, list[Row]]:
    """The rows of each stage, stages in the order of the pipeline.

    Raises
    ------
    InvalidRecordError : a column is missing, a stage is none of `STAGES`, or a role is unknown.
    """
    check_columns(flow, _FLOW, who=who)
    stages: dict[str, list[Row]] = {}
    for row in sorted(rows_of(flow), key=lambda row: place_of(str(row["stage"]), who=who)):
        if row["role"] not in MARKS:
            raise InvalidRecordError(
                f"{who} needs the roles {', '.join(MARKS)}; got {row['role']!r}."
            )
        stages.setdefault(str(row["stage"]), []).append(row)
    return stages


def is_ranked(row: Row) -> bool:
    """Whether the chunk is in the list of the stage."""
    return not pd.isna(row["rank"])


def score(value: Any) -> str:
    """A score with the digits that tell it from its neighbours.

    >>> score(0.8124912), score(0.016393)
    ('0.8125', '0.01639')
    """
    return f"{value:.4g}"


def handed_on(row: Row) -> str:
    """How many of a stage's list go on.

    >>> handed_on({"n": 79, "cut": 50}), handed_on({"n": 5, "cut": 5}), handed_on({"n": 0})
    ('first 50 go on', 'all go on', 'nothing found')
    """
    if not row["n"]:
        return "nothing found"
    if row["cut"] >= row["n"]:
        return "all go on"
    return "the first goes on" if row["cut"] == 1 else f"first {row['cut']} go on"


def where(row: Row) -> str:
    """The document of a candidate and its innermost heading.

    >>> where({"doc_id": "faq.md", "section": "Plans > Annual"})
    'faq.md › Annual'
    """
    heading = str(row["section"]).rpartition(" > ")[2]
    return f"{row['doc_id']} › {heading}" if heading else str(row["doc_id"])


def named(row: Row, before: str, *, width: int) -> str:
    """A candidate on one line behind some words: its file and heading, cut at a "…" if longer."""
    shown = where({**row, "doc_id": str(row["doc_id"]).rpartition("/")[2] or row["doc_id"]})
    return label(short(f"{before}{shown}", width), width=width, lines=1)


def candidate_hover(row: Row) -> str:
    """Where the candidate stands, at which rank and score, what it is, and what it says."""
    place = (
        f"{row['stage']}: rank {row['rank']} of {row['n']}, score {score(row['score'])}"
        if is_ranked(row)
        else f"{row['stage']}: not among {row['n']}"
    )
    held = f" ({row['share']:.0%} of it)" if row["role"] == "evidence" else ""
    return hover(
        row["doc_id"],
        row["section"],
        place,
        MARKS[row["role"]].words + held,
        f"in the end: {row['fate']}" if row["fate"] else "",
        row["excerpt"],
    )
