"""A text with its evidence underlined and its matched words marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from whymiss.pages.markup import Markup, join, tag
from whymiss.text import Interval, merge_spans

# Inline, so that it is seen in a notebook without a style sheet too.
_EVIDENCE: Final = "background-color:transparent;color:inherit;border-bottom:3px solid #009e73"


def highlighted_text(
    text: str, *, evidence: Sequence[Interval] = (), terms: Sequence[Interval] = ()
) -> Markup:
    """The text as it stands; evidence is underlined, words in `terms` are marked.

    Spans are characters [start, end) of the text; what lies outside of it is left out.

    >>> print(highlighted_text("a <b> c", terms=[(2, 5)]))
    a <mark>&lt;b&gt;</mark> c
    """
    return join(_pieces(text, merge_spans(evidence), merge_spans(terms)))


def _pieces(
    text: str, evidence: Sequence[Interval], terms: Sequence[Interval]
) -> Iterator[Markup | str]:
    inside = (edge for span in (*evidence, *terms) for edge in span if 0 < edge < len(text))
    for start, end in pairwise(sorted({0, len(text), *inside})):
        piece: Markup | str = text[start:end]
        if _within(start, terms):
            piece = tag("mark", piece)
        if _within(start, evidence):
            piece = tag("mark", piece, class_="wm-evidence", style=_EVIDENCE)
        yield piece


def _within(at: int, spans: Sequence[Interval]) -> bool:
    return any(start <= at < end for start, end in spans)
