"""The text of a document with the borders of its chunks drawn in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import pandas as pd

from whymiss.pages.markup import Markup, join, tag
from whymiss.text import counted

# Inline, in plain colours that read on white and on black: a notebook that is not trusted keeps
# no style sheet, and no variables.
_TEXT: Final = "white-space:pre-wrap;word-break:normal;line-height:1.9;margin:0;padding:4px 0"
_BADGE: Final = (
    "border:1px solid #888888;border-radius:4px;padding:0 4px;font-size:85%;white-space:nowrap"
)
_EVIDENCE: Final = "background-color:transparent;color:inherit;border-bottom:3px solid #009e73"
_OVERLAP: Final = "background-color:rgba(128,128,128,0.3)"
_UNREAD: Final = "color:#d55e00"
_GAP: Final = "border:1px dashed #d55e00"

_Row = dict[Any, Any]

_OPEN: Final = "⟦"
_CLOSE: Final = "⟧"


def boundaries_html(boundaries: pd.DataFrame, *, name: str = "") -> Markup:
    """A document's text as it stands, with the borders of its chunks drawn in it.

    Brackets with the chunk's number and tokens stand at each border. Evidence is underlined,
    what several chunks hold is shaded, what the encoder reads in none of its chunks is struck
    through, and text that no chunk holds is framed; the key above says so, and how much there is
    of each.

    Parameters
    ----------
    boundaries : the stretches of one document, as `evaluation.boundaries.boundaries_frame` gives
        them.
    name : of the document.

    Examples
    --------
    >>> boundaries = pd.DataFrame({
    ...     "kind": ["chunk", "gap"], "number": [1, 1], "start": [0, 4], "end": [4, 6],
    ...     "n_tokens": [3, None], "text": ["<b> ", "$5"],
    ... })
    >>> shown = boundaries_html(boundaries)
    >>> "&lt;b&gt;" in shown, "&#36;5" in shown
    (True, True)
    """
    rows: list[_Row] = boundaries.to_dict(orient="records")
    by_kind: dict[str, list[_Row]] = {}
    for row in rows:
        by_kind.setdefault(str(row["kind"]), []).append(row)
    body = join(_pieces(by_kind)) if rows else tag("em", "The document has no text.")
    return tag(
        "div",
        tag("p", tag("strong", "Chunks of ", tag("bdi", name))) if name else None,
        _key(by_kind),
        # In a <pre>, MathJax leaves a price in dollars alone.
        tag("pre", body, style=_TEXT),
        class_="mathjax_ignore",
    )


def _pieces(by_kind: dict[str, list[_Row]]) -> Iterator[Markup]:
    """The text from border to border, each piece in the look of all that it belongs to."""
    kinds = ("chunk", "evidence", "overlap", "unread", "gap")
    marked = [row for kind in kinds for row in by_kind.get(kind, ())]
    edges = sorted({int(edge) for row in marked for edge in (row["start"], row["end"])})
    chunks, tails = by_kind.get("chunk", []), by_kind.get("unread", [])
    # Chunks and gaps hold every character between them.
    sources = [*chunks, *by_kind.get("gap", ())]
    for start, end in pairwise(edges):
        yield from _badges(chunks, tails, start)
        over = [row for row in marked if row["start"] < end and start < row["end"]]
        here = {str(row["kind"]) for row in over}
        holding, unread = (
            {row["number"] for row in over if row["kind"] == kind} for kind in ("chunk", "unread")
        )
        # What another chunk brings to the encoder is not lost.
        if holding - unread:
            here.discard("unread")
        source = next(row for row in sources if row["start"] <= start and end <= row["end"])
        text = source["text"][start - source["start"] : end - source["start"]]
        yield _piece(text, here)
    yield from _badges(chunks, tails, edges[-1])


def _badges(chunks: Sequence[_Row], tails: Sequence[_Row], at: int) -> Iterator[Markup]:
    """The ends and then the beginnings of chunks at a place of the text."""
    lost = {row["number"]: counted(row["n_tokens"], "token") for row in tails}
    for row in chunks:
        if row["end"] == at:
            number = row["number"]
            said = f" last {lost[number]} not read" if number in lost else ""
            yield tag("span", f"{number}{_CLOSE}{said}", style=_BADGE)
    for row in chunks:
        if row["start"] == at:
            said = f"{_OPEN}{row['number']}: {counted(row['n_tokens'], 'token')}"
            yield tag("span", said, style=_BADGE)


def _piece(text: str, kinds: set[str]) -> Markup:
    piece: Markup = join([text])
    if "evidence" in kinds:
        piece = tag("mark", piece, style=_EVIDENCE)
    if "overlap" in kinds:
        piece = tag("span", piece, style=_OVERLAP)
    if "unread" in kinds:
        piece = tag("s", piece, style=_UNREAD)
    if "gap" in kinds and text.strip():
        piece = tag("span", piece, style=_GAP)
    return piece


def _key(by_kind: dict[str, list[_Row]]) -> Markup:
    """What each look means, with how much of it there is; looks that do not occur are left out."""
    n = {kind: len(rows) for kind, rows in by_kind.items()}
    lost = sum(bool(str(row["text"]).strip()) for row in by_kind.get("gap", ()))
    entries = [
        (n.get("chunk"), tag("span", f"{_OPEN}number: tokens", style=_BADGE),
         counted(n.get("chunk", 0), "chunk")),
        (n.get("evidence"), tag("mark", "underlined", style=_EVIDENCE),
         f"evidence ({counted(n.get('evidence', 0), 'span')})"),
        (n.get("overlap"), tag("span", "shaded", style=_OVERLAP),
         f"in several chunks ({counted(n.get('overlap', 0), 'place')})"),
        (n.get("unread"), tag("s", "struck", style=_UNREAD),
         f"read by the encoder in no chunk ({counted(n.get('unread', 0), 'truncated chunk')})"),
        (lost, tag("span", "framed", style=_GAP), f"in no chunk ({counted(lost, 'place')})"),
    ]  # fmt: skip
    shown = [join([look, f" {words}"]) for count, look, words in entries if count]
    return tag("p", join(shown, "; "))
