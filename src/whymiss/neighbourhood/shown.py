"""The columns of each table that a person is shown, for notebooks and terminals alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from whymiss.neighbourhood.report import Neighbourhood

ROWS: Final = 8
"""Rows of each table that are shown; all stand in the DataFrame of its name."""


class Shown(NamedTuple):
    """The first rows of a table under headings, and how many rows there are."""

    attribute: str
    title: str
    frame: pd.DataFrame
    n: int


def shown(found: Neighbourhood) -> Iterator[Shown]:
    """Every table with something in it, its first rows as a person reads them."""
    for attribute, title, headings in _TABLES:
        frame: pd.DataFrame = getattr(found, attribute)
        if attribute == "gaps":
            frame = frame[frame["far"].fillna(False)]
        if attribute == "confusable":
            frame = frame.assign(differs=[_sides(cell) for cell in frame["differs"]])
        if len(frame):
            first = frame.head(ROWS)[list(headings)].rename(columns=headings)
            yield Shown(attribute, title, first.map(_listed), len(frame))


def _listed(value: Any) -> Any:
    """Several things as one text."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _sides(pairs: tuple[tuple[str, str], ...]) -> str:
    return "; ".join(f"{one or 'nothing'} / {other or 'nothing'}" for one, other in pairs)


_TABLES: Final = (
    ("families", "Families of documents", {
        "members": "documents, oldest first", "relation": "relation", "evidence": "told by",
        "ordered_by": "order by", "current": "current",
    }),
    ("duplicates", "Chunks that repeat each other", {
        "doc_id": "document", "start": "start", "other_doc_id": "other", "other_start": "at",
        "cosine": "cosine", "containment": "shared", "kind": "kind",
    }),
    ("hubs", "Chunks close to many questions", {
        "doc_id": "document", "start": "start", "n": "copies", "n_queries": "close to",
        "in_front": "lost behind it", "entered": "rescued without it",
        "displaced": "lost without it", "effect": "effect of removing it",
    }),
    ("confusable", "Close chunks that differ in what decides", {
        "doc_id": "document", "start": "start", "other_doc_id": "other", "other_start": "at",
        "cosine": "cosine", "kind": "kind", "differs": "differs", "query_ids": "misled",
    }),
    ("gaps", "Questions far from everything", {
        "query_id": "question", "text": "text", "best_cosine": "best cosine",
        "lacking": "words lacking", "percentile": "farther than", "nearest_doc_id": "nearest",
    }),
    ("uncovered", "Documents that no question comes near", {
        "doc_id": "document", "title": "title", "n_chunks": "chunks", "best_cosine": "best cosine",
    }),
    ("boilerplate", "Lines that many documents repeat", {
        "line": "line", "n_documents": "documents", "n_chunks": "chunks",
        "wasted_tokens": "tokens repeated",
    }),
)  # fmt: skip
