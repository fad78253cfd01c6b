"""Broken pipelines for workshops: find the fault within a budget of probes, prove it by a fix.

>>> from whymiss.drills import set_knobs, swap, index_again
>>> swap("chunker") + index_again("faq.md")
swap('chunker') + index_again(['faq.md'])
"""

from whymiss.drills.drill import Drill, Marked
from whymiss.drills.fixes import (
    Fix,
    allow,
    index_again,
    read_again,
    remove_rows,
    set_knobs,
    swap,
    tag,
)
from whymiss.drills.game import Drills
from whymiss.drills.sheet import ScoreSheet, score_sheet
from whymiss.drills.teaching import Solution, key, solution
from whymiss.errors import DrillError

__all__ = [
    "Drill",
    "DrillError",
    "Drills",
    "Fix",
    "Marked",
    "ScoreSheet",
    "Solution",
    "allow",
    "index_again",
    "key",
    "read_again",
    "remove_rows",
    "score_sheet",
    "set_knobs",
    "solution",
    "swap",
    "tag",
]
