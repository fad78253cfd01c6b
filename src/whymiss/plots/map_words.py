"""What is said of a point of a map, in words."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from whymiss.plots.colouring import is_missing
from whymiss.plots.labels import number
from whymiss.plots.map_rows import REACHED, UNDEFINED
from whymiss.plots.marks import MARKS


def point_lines(row: Mapping[Hashable, Any], mark: str, colour_by: str) -> list[str]:
    """A point's document, section, excerpt, ranks, cluster and distortion, a line each.

    Parameters
    ----------
    row : of a map's frame.
    mark : a key of `plots.marks.MARKS`, "" for none.
    colour_by : the column whose value is told, where no other line tells it.

    Returns
    -------
    list of str
        Plain text: whoever shows it escapes it. What is unknown has no line.

    Examples
    --------
    >>> row = {
    ...     "kind": "chunk", "doc_id": "a.md", "title": "Refunds", "section": "Cards",
    ...     "excerpt": "Ten days.", "rank": 2, "score": 0.5, "left_at": "", "kept": 0.4,
    ...     "cluster": 0, "cluster_label": "refund, days",
    ... }
    >>> print("\\n".join(point_lines(row, "retrieved", "kept")))
    retrieved: Refunds (a.md)
    Cards
    Ten days.
    rank 2, score 0.500, reached the context
    cluster: refund, days
    40% of its true neighbours are near it
    """
    known = {name: "" if is_missing(value) else value for name, value in row.items()}
    document = _document(known["title"], known["doc_id"])
    ranked = "" if known["rank"] == "" else f"rank {known['rank']}"
    scored = "" if known["score"] == "" else f"score {number(float(known['score']))}"
    lines = [
        ": ".join(filter(None, (MARKS[mark].name if mark else "", document))),
        known["section"],
        known["excerpt"],
        ", ".join(filter(None, (ranked, scored, _left_words(row)))),
        f"cluster: {known['cluster_label']}" if known["cluster_label"] else "",
        "" if known["kept"] == "" else f"{known['kept']:.0%} of its true neighbours are near it",
        _value_words(known, colour_by),
    ]
    return [line for line in lines if line.strip()]


def _document(title: str, doc_id: str) -> str:
    return str(doc_id if title in ("", doc_id) else f"{title} ({doc_id})")


def _left_words(row: Mapping[Hashable, Any]) -> str:
    if is_missing(row["left_at"]):
        return ""
    evidence = "its evidence " if row["kind"] == "question" else ""
    return evidence + (f"lost at {row['left_at']}" if row["left_at"] else REACHED)


def _value_words(known: Mapping[Hashable, Any], colour_by: str) -> str:
    """The value that the point is coloured by, where no other line tells it."""
    if (
        colour_by in ("cluster_label", "kept", "rank", "score", "left_at")
        and known[colour_by] != ""
    ):
        return ""
    value = "" if colour_by == "cluster" and known["cluster"] == -1 else known[colour_by]
    words = number(float(value)) if isinstance(value, float) else str(value)
    return f"{colour_by}: {words or UNDEFINED.get(colour_by, 'undefined')}"
