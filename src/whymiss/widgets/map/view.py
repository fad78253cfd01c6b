"""The map panel as HTML, but for its canvas."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from whymiss.evaluation.labels import Question
from whymiss.frames import short
from whymiss.maps.notebook import map_html
from whymiss.pages.markup import (
    IN_NOTEBOOK,
    PLAIN,
    Child,
    Inline,
    Markup,
    foreign,
    is_missing,
    join,
    number,
    table,
    tag,
)
from whymiss.text import counted
from whymiss.widgets.base.controls import button, choice, scrolled
from whymiss.widgets.chunks.pager import pager
from whymiss.widgets.map.state import MapState

if TYPE_CHECKING:
    import pandas as pd

    from whymiss.maps.embedding_map import EmbeddingMap

ROWS: Final = 25
"""Points on a page of the list."""

_HOW: Final = (
    "Nothing is selected. Click a point or draw a lasso on the map; with the keyboard, go from "
    "point to point with N and take one with Enter; or find points by their words above."
)

Row = Mapping[Hashable, Any]


def head_html(
    state: MapState, questions: Sequence[Question], colourings: Sequence[str], *, n_unfit: int = 0
) -> Markup:
    """The question that is looked at, and what the points are coloured by.

    Parameters
    ----------
    colourings : columns to choose from; none before there is a map.
    n_unfit : labelled questions that are not offered because they fit no document.
    """
    ask = tag(
        "form",
        tag("input", type="text", name="question", value=state.text,
            aria_label="Question to look at", placeholder="Look at a question on the map"),
        tag("button", "Look at it", type="submit", class_="wm-main"),
        data_do="ask",
        class_="wm-map-ask",
    )  # fmt: skip
    options = [("", "none of them")]
    options += [(q.query_id, f"{q.query_id}: {short(q.query.text, 90)}") for q in questions]
    unfit = f"; {n_unfit} more do not fit their documents" if n_unfit else ""
    chosen = state.query_id if state.query_id in {q.query_id for q in questions} else ""
    chooser = choice("query_id", f"Labelled question{unfit}", chosen, options)
    # What was chosen stays to be seen where nothing of it is known any more.
    columns = dict.fromkeys((*colourings, state.colour_by))
    colour = choice("colour_by", "Colour by", state.colour_by, [(c, c) for c in columns])
    return join(
        [
            tag("h2", "Map"),
            ask,
            tag(
                "div",
                tag("div", chooser, class_="wm-grow") if questions else None,
                tag("div", colour, class_="wm-grow") if colourings else None,
                button("forget", "No question") if state.text else None,
                button("from-live", "Take the live panel's settings"),
                class_="wm-row",
            ),
        ]
    )


def about_html(made: EmbeddingMap) -> Markup:
    """What is drawn, and how far it can be believed."""
    frame = made.frame
    asked = frame.loc[frame["role"] == "question", "excerpt"]
    looked = [": ", foreign(str(asked.iloc[0]))] if len(asked) else []
    n_notes = len(made.notes)
    notes = f", {counted(n_notes, 'note')}" if n_notes else ""
    return join(
        [
            tag("p", tag("strong", made.title), *looked, role="status", class_="wm-map-strip"),
            tag(
                "details",
                tag("summary", f"How far the map can be believed, topics{notes}"),
                scrolled("About this map", map_html(made)),
                data_key="about",
            ),
        ]
    )


def find_html() -> Markup:
    """A way to points that needs no canvas: words that they contain."""
    return tag(
        "form",
        tag("label", tag("span", "Find points by words", class_="wm-name"),
            tag("input", type="text", name="words",
                placeholder="in the title, the section or the excerpt"), class_="wm-grow"),
        tag("button", "Select them", type="submit"),
        data_do="find",
        class_="wm-row wm-map-find",
    )  # fmt: skip


def selection_html(some: pd.DataFrame, page: int, *, n: int, n_gone: int = 0) -> Markup:
    """The selected points, a page of them.

    Parameters
    ----------
    some : the rows of the page.
    n : how many are selected.
    n_gone : how many were selected before and are not on this map.
    """
    gone = f" {n_gone:,} that were selected are not on this map." if n_gone else ""
    if not n:
        return join([tag("h3", "Selection"), tag("p", _HOW, gone, role="status")])
    first = page * ROWS + 1
    last = first + len(some) - 1
    said = f"{len(some):,} of {n:,} shown: {first:,} to {last:,}"
    rows = [
        (*cells, _ways(row, at))
        for at, row, cells in _cells(some, first=first)
    ]  # fmt: skip
    listed = table("Selected points", (*_HEADINGS, "look closer"), rows, numeric=(0, 4))
    n_pages = -(-n // ROWS)
    turn = tag("span", said, role="status")
    return join(
        [
            tag("h3", f"Selection: {n:,} {'point' if n == 1 else 'points'}.{gone}"),
            tag("div", button("clear", "Select nothing"), class_="wm-row"),
            pager(page, n_pages, turn, name="Pages of the selection") if n_pages > 1
            else tag("p", said, role="status"),
            scrolled("Selected points", listed),
        ]
    )  # fmt: skip


def neighbours_html(of: Row, edges: pd.DataFrame, points: pd.DataFrame) -> Markup:
    """The true neighbours of a point, and which of them the map keeps near it.

    Parameters
    ----------
    of : the point. edges : as `EmbeddingMap.edges` gives them. points : where they end, aligned.
    """
    n_kept = int(edges["kept"].sum())
    rows = [
        (
            *cells[:4],
            number(float(cosine)),
            "✓\u00a0near\u00a0it" if kept else "✗\u00a0torn\u00a0off",
            _ways(row, at, on="true neighbour"),
        )
        for (at, row, cells), cosine, kept in zip(
            _cells(points), edges["cosine"], edges["kept"], strict=True
        )
    ]
    caption = f"True neighbours by cosine, nearest first; the map keeps {n_kept} of {len(edges)}"
    headings = (*_HEADINGS[:4], "cosine", "on the map", "look closer")
    return join(
        [
            tag("h3", "True neighbours of ", _name(of)),
            tag("div", button("alone", "Hide neighbours"), class_="wm-row"),
            scrolled("True neighbours", table(caption, headings, rows, numeric=(0, 4))),
        ]
    )


def snapshot_html(made: EmbeddingMap, state: MapState, some: pd.DataFrame) -> Markup:
    """The map in words, for readers without a kernel.

    Parameters
    ----------
    some : the first selected points.
    """
    n = len(state.selected)
    more = f", the first {len(some)} of {n:,}" if n > len(some) else ""
    asked = tag("p", "Question: ", foreign(state.text)) if state.text else None
    chosen = _plain_table(f"Selected points{more}", some, style=IN_NOTEBOOK) if n else None
    said = f"Coloured by {state.colour_by}."
    return join([tag("h3", "Map"), asked, tag("p", said), map_html(made), chosen])


_HEADINGS: Final = ("no.", "document", "section", "excerpt", "neighbours kept", "topic")


def _plain_table(caption: str, some: pd.DataFrame, *, style: Inline = PLAIN) -> Markup:
    rows = [cells for _, _, cells in _cells(some)]
    return table(caption, _HEADINGS, rows, numeric=(0, 4), style=style)


def _cells(some: pd.DataFrame, *, first: int = 1) -> list[tuple[int, Row, tuple[Child, ...]]]:
    """For each point its number, itself, and what the list says of it."""
    found: list[tuple[int, Row, tuple[Child, ...]]] = []
    for at, row in enumerate(some.to_dict("records"), start=first):
        kept = "undefined" if is_missing(row["kept"]) else f"{row['kept']:.0%}"
        cells: tuple[Child, ...] = (
            f"{at:,}", _name(row), foreign(str(row["section"])), foreign(str(row["excerpt"])),
            kept, foreign(str(row["cluster_label"]) or "none"),
        )  # fmt: skip
        found.append((at, row, cells))
    return found


def _name(row: Row) -> Markup:
    if row["kind"] == "question":
        return join(["question ", foreign(str(row["id"]))])
    return foreign(str(row["title"] or row["doc_id"]))


def _ways(row: Row, at: int, *, on: str = "point") -> Markup:
    """Buttons that lead on from a point."""
    name = f"{on} {at:,}, {row['title'] or row['doc_id'] or row['id']}"
    borders = button("browse", "Chunk borders", value=str(row["id"]), look="quiet",
                     name=f"Chunk borders of {name}")  # fmt: skip
    near = button("neighbours", "Neighbours", value=str(row["id"]), look="quiet",
                  name=f"Neighbours of {name}")  # fmt: skip
    return tag("span", near, borders if row["kind"] == "chunk" else None, class_="wm-map-ways")
