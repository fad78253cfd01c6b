"""Why one chunk outranks another: exact parts of every score, and of the margin between two."""

from __future__ import annotations

from whymiss.explain.explaining import asked_query, explain
from whymiss.explain.explanation import Explanation
from whymiss.explain.frame import FRAME
from whymiss.explain.ledger import Contrast, Ledger, Part, Row, Standing

__all__ = [
    "FRAME",
    "Contrast",
    "Explanation",
    "Ledger",
    "Part",
    "Row",
    "Standing",
    "asked_query",
    "explain",
]
