"""HTML built from elements: whatever is not markup already is escaped on the way in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pandas as pd

from whymiss.text import esc

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_VOID: Final = frozenset({"meta"})


class Markup(str):
    """Text that is HTML already; made by this module alone."""

    __slots__ = ()


Child = Markup | str | None

Inline = tuple[str | None, str | None, str | None]
"""Inline styles of a table, its cells and its caption, for places without a style sheet."""

PLAIN: Final[Inline] = (None, None, None)
IN_NOTEBOOK: Final[Inline] = (
    "border-collapse:collapse;margin:4px 0 12px 0",
    "border:1px solid #888888;padding:2px 8px;vertical-align:top",
    "text-align:left;font-weight:bold;padding:4px 0",
)
"""The look of tables below a notebook cell: a reopened notebook keeps no style sheet."""


def tag(name: str, /, *children: Child, **attributes: str | None) -> Markup:
    """One element. Text becomes harmless; an attribute of None is left out.

    A trailing underscore of an attribute is dropped ("class_"), inner ones become "-".

    >>> tag("td", "<b>", class_="n")
    '<td class="n">&lt;b&gt;</td>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{esc(visible(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Child], between: str = "") -> Markup:
    """Several pieces one after the other, plain text made harmless."""
    pieces = (
        child if isinstance(child, Markup) else esc(visible(child))
        for child in children
        if child is not None
    )
    return Markup(esc(between).join(pieces))


def visible(text: str) -> str:
    """Text in which every character can be seen: control marks become their code in brackets.

    Marks that turn the direction of writing could show one word and hold another.

    >>> visible("a\\x00b\\u202e")
    'a⟨U+0000⟩b⟨U+202E⟩'
    """
    lines = text.replace("\r\n", "\n")
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", lines)


def foreign(text: str) -> Markup:
    """Text of a corpus, a question or an answer inside a sentence: its direction stays its own.

    >>> foreign("a<b")
    '<bdi>a&lt;b</bdi>'
    """
    return tag("bdi", text)


def number(value: Any, digits: int = 3) -> str:
    """A number as it is read; "undefined" where there is none.

    >>> number(0.5), number(3), number(float("nan")), number(1234.5)
    ('0.500', '3', 'undefined', '1234')
    """
    if is_missing(value):
        return "undefined"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.{digits}f}"
    return str(value)


def is_missing(value: Any) -> bool:
    """Whether a cell of a frame holds nothing: None, NA or NaN.

    >>> is_missing(None), is_missing(float("nan")), is_missing(())
    (True, True, False)
    """
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def table(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[Child]],
    *,
    numeric: Sequence[int] = (),
    style: Inline = PLAIN,
) -> Markup:
    """A table with a caption; the first cell of each row names the row.

    `numeric` are the columns set to the right.
    """
    whole, cell, above = style

    def one(kind: str, at: int, child: Child, *, scope: str | None) -> Markup:
        right = at in numeric
        inline = cell and cell + (";text-align:right" if right else ";text-align:left")
        return tag(kind, child, scope=scope, class_="n" if right else None, style=inline)

    head = tag("tr", *(one("th", i, text, scope="col") for i, text in enumerate(headings)))
    body = [
        tag(
            "tr",
            *(one("td" if i else "th", i, c, scope=None if i else "row") for i, c in enumerate(r)),
        )
        for r in rows
    ]
    if not rows:
        body = [tag("tr", tag("td", "none", colspan=str(len(headings)), style=cell))]
    return tag(
        "table",
        tag("caption", caption, style=above),
        tag("thead", head),
        tag("tbody", *body),
        style=whole,
    )


def wide(content: Markup) -> Markup:
    """A box that scrolls sideways where a table is wider than the page."""
    return tag("div", content, class_="wide")
