"""The text of a document with the borders of its chunks drawn in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import pandas as pd

from whymiss.pages.markup import Markup, join, tag, visible
from whymiss.text import Interval, counted

# Inline, in plain colours that read on white and on black: a notebook that is not trusted keeps
# no style sheet, and no variables.
_TEXT: Final = "white-space:pre-wrap;word-break:normal;line-height:1.9;margin:0;padding:4px 0"
_BADGE: Final = (
    "border:1px solid #888888;border-radius:4px;padding:0 4px;font-size:85%;white-space:nowrap"
)
_EVIDENCE: Final = "background-color:transparent;color:inherit;border-bottom:3px solid #009e73"
_OVERLAP: Final = "background-color:rgba(128,128,128,0.3)"
# The line has the colour, not the letters: on some ground these could not be read.
_UNREAD: Final = "text-decoration:line-through #d55e00 2px"
_GAP: Final = "border:1px dashed #d55e00"

_OPEN: Final = "⟦"
_CLOSE: Final = "⟧"
_MARKED: Final = ("chunk", "evidence", "overlap", "unread", "gap")

_NO_NAMES: Final[Mapping[Interval, str]] = {}


class _Row(NamedTuple):
    """A stretch of the table; `n_tokens` is missing where the kind has none."""

    kind: str
    number: int
    start: int
    end: int
    n_tokens: int
    text: str


class _Piece(NamedTuple):
    """Characters between two borders, in the look of all that they belong to."""

    start: int
    text: str
    kinds: frozenset[str]


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
    return tag(
        "div",
        tag("p", tag("strong", "Chunks of ", tag("bdi", name))) if name else None,
        boundaries_key(boundaries),
        boundaries_text(boundaries, name=name),
        class_="mathjax_ignore",
    )


def boundaries_text(
    boundaries: pd.DataFrame,
    *,
    name: str = "",
    part: Interval | None = None,
    names: Mapping[Interval, str] = _NO_NAMES,
    here: int | None = None,
) -> Markup:
    """The text alone, or a part of it, in the looks that `boundaries_key` explains.

    Parameters
    ----------
    part : characters [start, end) that are shown; a chunk that begins before or ends behind them
        says so at their edge. By default all.
    names : what stands at the beginning of evidence, by its characters [start, end).
    here : a character that is pointed at.
    """
    rows = _rows(boundaries)
    if not rows:
        return tag("pre", tag("em", "The document has no text."), style=_TEXT)
    start, end = part or _extent(rows)
    # The parser of a browser leaves out a line break at the beginning of a <pre>.
    text = tag("span", *_drawn(rows, (start, end), names, here))
    # In a <pre>, MathJax leaves a price in dollars alone.
    return tag("pre", text, style=_TEXT, data_text_of=name or None, data_from=str(start))


def place_of(boundaries: pd.DataFrame, n_shown: int, *, part: Interval | None = None) -> int:
    """The character of the document behind the first `n_shown` characters of the shown text.

    A control mark takes one place in a document and several where it is shown by its code.

    >>> boundaries = pd.DataFrame({
    ...     "kind": ["gap"], "number": [1], "start": [0], "end": [4], "n_tokens": [None],
    ...     "text": ["a\\u202ebc"],
    ... })
    >>> place_of(boundaries, len("a⟨U+202E⟩b"))
    3
    """
    rows = _rows(boundaries)
    start, end = part or _extent(rows)
    for piece in _pieces(rows, (start, end)):
        width = len(visible(piece.text))
        if n_shown <= width:
            return piece.start + _n_written(piece.text, n_shown)
        n_shown -= width
    return end


def boundaries_key(boundaries: pd.DataFrame) -> Markup:
    """What each look means, with how much of it there is; looks that do not occur are left out."""
    kinds = boundaries["kind"]
    n = kinds.value_counts().to_dict()
    lost = sum(bool(str(text).strip()) for text in boundaries["text"][kinds == "gap"])
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


def _rows(boundaries: pd.DataFrame) -> list[_Row]:
    columns = (boundaries[name].tolist() for name in _Row._fields)
    return [_Row(*row) for row in zip(*columns, strict=True) if row[0] in _MARKED]


def _extent(rows: Iterable[_Row]) -> Interval:
    """From the first character that a chunk or a gap holds to behind the last."""
    held = [row for row in rows if row.kind in ("chunk", "gap")]
    return min((row.start for row in held), default=0), max((row.end for row in held), default=0)


def _drawn(
    rows: list[_Row], part: Interval, names: Mapping[Interval, str], here: int | None
) -> Iterator[Markup]:
    """The pieces of a part, with the badges between them."""
    badges = _badges(rows, part, names)
    pointed = here if here is not None and part[0] <= here < part[1] else None
    for piece in _pieces(rows, part, *(() if pointed is None else (pointed,))):
        yield from badges.get(piece.start, ())
        if piece.start == pointed:
            yield tag("span", "➤", style=_BADGE, data_badge="", data_here=str(pointed))
        yield _looking(piece)
    yield from badges.get(part[1], ())


def _pieces(rows: list[_Row], part: Interval, *more: int) -> Iterator[_Piece]:
    """The text of a part from border to border, and cut at some `more` places.

    The borders are walked over once, with what is open at each.
    """
    inside = [row for row in rows if row.start < part[1] and part[0] < row.end]
    opening: dict[int, list[_Row]] = {}
    closing: dict[int, list[_Row]] = {}
    for row in inside:
        opening.setdefault(max(row.start, part[0]), []).append(row)
        closing.setdefault(min(row.end, part[1]), []).append(row)
    here: dict[str, dict[int, _Row]] = {kind: {} for kind in _MARKED}
    for start, end in pairwise(sorted({*opening, *closing, *more})):
        for row in closing.get(start, ()):
            del here[row.kind][row.number]
        for row in opening.get(start, ()):
            here[row.kind][row.number] = row
        # Chunks and gaps hold every character between them.
        source = next(iter((here["chunk"] or here["gap"]).values()))
        kinds = {kind for kind, some in here.items() if some}
        # What another chunk brings to the encoder is not lost.
        if here["chunk"].keys() - here["unread"].keys():
            kinds.discard("unread")
        text = source.text[start - source.start : end - source.start]
        yield _Piece(start, text, frozenset(kinds))


def _badges(
    rows: list[_Row], part: Interval, names: Mapping[Interval, str]
) -> dict[int, list[Markup]]:
    """The ends and then the beginnings of chunks, then the names of evidence, by place."""
    ends: dict[int, list[str]] = {}
    begins: dict[int, list[str]] = {}
    lost = {row.number: counted(row.n_tokens, "token") for row in rows if row.kind == "unread"}
    first, last = part
    for row in rows:
        if row.kind == "chunk":
            if first < row.end <= last:
                said = f" last {lost[row.number]} not read" if row.number in lost else ""
                ends.setdefault(row.end, []).append(f"{row.number}{_CLOSE}{said}")
            if first <= row.start < last:
                told = f"{_OPEN}{row.number}: {counted(row.n_tokens, 'token')}"
                begins.setdefault(row.start, []).append(told)
            if row.start < first < row.end:
                begins.setdefault(first, []).append(f"{row.number} from before")
            if row.start < last < row.end:
                ends.setdefault(last, []).append(f"{row.number} goes on")
    for row in rows:
        name = names.get((row.start, row.end)) if row.kind == "evidence" else None
        if name and first <= row.start < last:
            begins.setdefault(row.start, []).append(name)
    return {
        place: [
            tag("span", said, style=_BADGE, data_badge="")
            for said in (*ends.get(place, ()), *begins.get(place, ()))
        ]
        for place in ends.keys() | begins.keys()
    }


def _looking(given: _Piece) -> Markup:
    piece: Markup = join([given.text])
    if "evidence" in given.kinds:
        piece = tag("mark", piece, style=_EVIDENCE)
    if "overlap" in given.kinds:
        piece = tag("span", piece, style=_OVERLAP)
    if "unread" in given.kinds:
        piece = tag("s", piece, style=_UNREAD)
    if "gap" in given.kinds and given.text.strip():
        piece = tag("span", piece, style=_GAP)
    return piece


def _n_written(text: str, n_shown: int) -> int:
    """How many characters of a text are shown in `n_shown` places."""
    at = 0
    while at < len(text) and n_shown > 0:
        step = 2 if text.startswith("\r\n", at) else 1
        n_shown -= len(visible(text[at : at + step]))
        at += step
    return at
