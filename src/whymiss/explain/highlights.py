"""Text with some of its words marked by how much they weigh, for pages without a style sheet.

Marks survive in a notebook that is opened again untrusted: elements and inline styles with plain
colours, no class, no script. What raises a score is underlined by a line, what lowers it by dashes:
no reader has to tell the colours apart. The colours are see-through, so that they suit white and
black alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whymiss.pages.markup import Markup, join, tag

_RAISES: Final = "#0072b2"
_LOWERS: Final = "#d55e00"
"""Of Okabe and Ito (2008): blue and vermillion, told apart by colour-blind readers too."""
_FAINTEST, _STRONGEST = 0x18, 0x70
_WEAK: Final = 0.2
"""Marks of at most this share of the greatest weight are left out: every word would be marked."""

_TEXT: Final = (
    "white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0;font-family:inherit;line-height:1.7"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Characters [start, end) of a text, their weight, and what is said of them on hovering."""

    start: int
    end: int
    value: float
    said: str = ""


def highlighted(text: str, marks: Sequence[Mark], *, strongest: float | None = None) -> Markup:
    """A text with its marks; where two overlap, the one that begins first wins.

    Parameters
    ----------
    strongest : the weight of the deepest colour, so that several texts can be compared; by default
        the greatest here.

    >>> print(highlighted("annual <plan>", [Mark(start=0, end=6, value=0.5)]).count("<mark"))
    1
    """
    limit = strongest if strongest is not None else greatest(marks)
    pieces: list[Markup | str] = []
    at = 0
    for mark in sorted(marks, key=lambda mark: (mark.start, -mark.end)):
        if mark.start < at or abs(mark.value) <= _WEAK * limit or mark.end <= mark.start:
            continue
        pieces += [text[at : mark.start], _marked(text[mark.start : mark.end], mark, limit)]
        at = mark.end
    # Not a <pre>: notebooks break the lines of those within words.
    return tag("div", join([*pieces, text[at:]]), style=_TEXT)


def greatest(marks: Sequence[Mark]) -> float:
    """The greatest weight among some marks; 0 for none."""
    return max((abs(mark.value) for mark in marks), default=0.0)


def legend(raises: str, lowers: str) -> Markup:
    """What the marks mean, in marks of both kinds."""
    pair = (Mark(start=0, end=1, value=1.0), raises), (Mark(start=0, end=1, value=-1.0), lowers)
    shown = (_marked(said, mark, 1.5) for mark, said in pair)
    unmarked = f"(unmarked: at most {_WEAK:.0%} of the greatest)"
    return tag(
        "p", join([*shown, unmarked], between=" \u2003 "), style="margin:4px 0;font-size:90%"
    )


def _marked(text: str, mark: Mark, limit: float) -> Markup:
    colour = _RAISES if mark.value > 0 else _LOWERS
    share = min(1.0, abs(mark.value) / limit) if limit else 1.0
    depth = round(_FAINTEST + share * (_STRONGEST - _FAINTEST))
    line = "solid" if mark.value > 0 else "dashed"
    style = (
        f"background-color:{colour}{depth:02x};color:inherit;text-decoration:none;"
        f"border-bottom:2px {line} {colour}"
    )
    return tag("mark", text, style=style, title=mark.said or None)
