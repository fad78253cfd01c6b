"""The reports below a notebook cell, in inline styles: a reopened notebook keeps no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from whymiss.frames import short
from whymiss.neighbourhood.shown import Shown, shown
from whymiss.pages.markup import IN_NOTEBOOK, Child, Markup, foreign, join, number, table, tag

if TYPE_CHECKING:
    from whymiss.neighbourhood.report import Neighbourhood

_WIDTH: Final = 160


def notebook_html(found: Neighbourhood) -> str:
    """The summary, and the first rows of every table that has any. All foreign text is escaped."""
    rows: list[list[Child]] = [list(line.split(": ", 1)) for line in found.told]
    pieces = [
        tag("p", tag("strong", found.headline)),
        table("What stands near what", ("Part", "Found"), rows, style=IN_NOTEBOOK),
        *(_details(part) for part in shown(found)),
    ]
    # MathJax leaves this class alone, so that a price in dollars is no formula.
    return tag("div", join(pieces), class_="mathjax_ignore")


def _details(part: Shown) -> Markup:
    headings = [str(name) for name in part.frame.columns]
    numeric = [
        i for i, name in enumerate(headings) if pd.api.types.is_numeric_dtype(part.frame[name])
    ]
    rows = [[_cell(value) for value in row] for row in part.frame.itertuples(index=False)]
    more = part.n - len(part.frame)
    rest = tag("p", f"and {more} more in ", tag("code", part.attribute)) if more else None
    listed = table(part.title, headings, rows, numeric=numeric, style=IN_NOTEBOOK)
    return tag("details", tag("summary", f"{part.title} ({part.n})"), listed, rest)


def _cell(value: Any) -> Child:
    return foreign(short(value, _WIDTH)) if isinstance(value, str) else number(value)
