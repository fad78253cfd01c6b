"""An explanation as HTML: where both chunks stand, the texts with marks, every score's parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from whymiss.explain.explanation import Explanation
from whymiss.explain.highlights import Mark, greatest, highlighted, legend
from whymiss.explain.ledger import Contrast, Ledger, Part, Row, Standing
from whymiss.explain.sentences import place_of, verdict
from whymiss.pages.frame import page
from whymiss.pages.markup import IN_NOTEBOOK, Child, Markup, foreign, join, table, tag, wide
from whymiss.records import Chunk

ROWS_SHOWN: Final = 12
"""Parts of a contrast that stand in a row of their own; the others are added up in one."""

_NOTHING: Final = "–"
_BOX: Final = "border-left:3px solid #888888;padding-left:8px;margin:8px 0"
_STANDINGS: Final = ("Stage", "Chunk", "Rank", "Against", "Rank", "Margin", "Note")
_NAMES: Final = {
    "terms": "terms of the question",
    "lists": "lists",
    "question tokens": "tokens of the question",
    "passage tokens": "words of the chunks",
}


def explanation_html(explanation: Explanation) -> str:
    """What a notebook shows: inline styles alone, safe when it is opened again untrusted."""
    pieces = [
        tag("p", tag("strong", foreign(explanation.query.text))),
        tag("p", foreign(verdict(explanation))),
        _standings(explanation),
        *(tag("p", foreign(note)) for note in explanation.notes),
        *_texts(explanation, explanation.main),
        *(_details(explanation, stage) for stage in _text_stages(explanation)),
        tag("p", "Every part: .frame, .table(stage, view); as a chart: plots.margin_bars(.frame)"),
    ]
    # MathJax leaves this class alone, so that a price in dollars is no formula.
    return tag("div", join(pieces), class_="mathjax_ignore")


def explanation_page(explanation: Explanation) -> str:
    """The same as one HTML file that needs nothing else, with the texts marked by every score."""
    sections: dict[str, tuple[str, Markup]] = {
        "standings": ("From stage to stage", wide(_standings(explanation)))
    }
    for stage in _text_stages(explanation):
        body = join([*_texts(explanation, stage), *_tables(explanation, stage)])
        sections[stage] = (f"Parts of {stage}", body)
    if explanation.notes:
        items = (tag("li", foreign(note)) for note in explanation.notes)
        sections["notes"] = ("Notes", tag("ul", *items))
    header = tag(
        "header",
        tag("p", "Why one chunk outranks another", class_="soft"),
        tag("h1", foreign(explanation.query.text)),
        tag("p", foreign(verdict(explanation)), class_="verdict"),
        tag("p", "This file holds the question and passages in plain text.", class_="soft"),
    )
    return page(f"Explanation: {explanation.query.text}", header, sections)


def _text_stages(explanation: Explanation) -> list[str]:
    return list(dict.fromkeys(contrast.stage for contrast in explanation.contrasts))


def _standings(explanation: Explanation) -> Markup:
    rows = [_standing_row(*pair) for pair in explanation.standings]
    decided = explanation.decided_at or "nowhere: neither is retrieved"
    caption = (
        f"Chunk {place_of(explanation.chunk)}, against {place_of(explanation.against)}; "
        f"decided at {decided}"
    )
    return table(caption, _STANDINGS, rows, numeric=(1, 2, 3, 4, 5), style=IN_NOTEBOOK)


def _standing_row(chunk: Standing, against: Standing) -> list[Child]:
    margin = _NOTHING
    if chunk.score is not None and against.score is not None:
        margin = f"{chunk.score - against.score:+.4f}"
    notes = [
        f"{name}: {standing.note}"
        for name, standing in (("chunk", chunk), ("against", against))
        if standing.note
    ]
    cells = [cell for standing in (chunk, against) for cell in (_score(standing), _rank(standing))]
    return [chunk.stage, *cells, margin, "; ".join(notes)]


def _score(standing: Standing) -> str:
    return _NOTHING if standing.score is None else f"{standing.score:.4f}"


def _rank(standing: Standing) -> str:
    return _NOTHING if standing.rank is None else f"{standing.rank} of {standing.n}"


def _texts(explanation: Explanation, stage: str) -> list[Markup]:
    """Question and both chunks with the words that weigh in one score marked."""
    views = {c.view: c for c in explanation.contrasts if c.stage == stage}
    words = views.get("passage tokens")
    if words is None:
        return []
    pieces = [tag("p", tag("strong", f"What the words weigh in {stage}"))]
    asked = views.get("question tokens") or views.get("terms")
    if asked is not None and asked.rows:
        told = legend("in the question: favours the chunk", "favours the other")
        pieces += [told, highlighted(explanation.query.text, _question_marks(asked))]
    pieces.append(legend("in a chunk: its score falls without it", "its score rises without it"))
    sides = (
        ("Chunk", explanation.chunk, _passage_marks(explanation.chunk, words.chunk)),
        ("Against", explanation.against, _passage_marks(explanation.against, words.against)),
    )
    strongest = max(greatest(marks) for _, _, marks in sides)
    return [*pieces, *(_passage(*side, strongest=strongest) for side in sides)]


def _passage(name: str, chunk: Chunk, marks: Sequence[Mark], *, strongest: float) -> Markup:
    title = tag("strong", f"{name} ", foreign(place_of(chunk)))
    text = highlighted(chunk.indexed_text, marks, strongest=strongest)
    return tag("div", title, text, style=_BOX)


def _question_marks(contrast: Contrast) -> list[Mark]:
    return [
        Mark(start=start, end=end, value=row.difference, said=f"{row.name}: {row.difference:+.4f}")
        for row in contrast.rows
        for start, end in row.question
    ]


def _passage_marks(chunk: Chunk, ledger: Ledger) -> list[Mark]:
    """Places in the indexed text: the prefix stands before the text, as the stages read it."""
    shift = len(chunk.prefix) - chunk.start
    return [
        Mark(start=start, end=end, value=part.effect or 0.0, said=_said(part))
        for part in ledger.parts
        for start, end in (*part.prefix, *((a + shift, b + shift) for a, b in part.passage))
    ]


def _said(part: Part) -> str:
    effect = "" if part.effect is None else f", falls by {part.effect:+.4f} without it"
    return f"{part.name}: adds {part.value:+.4f}{effect}"


def _details(explanation: Explanation, stage: str) -> Markup:
    return tag("details", tag("summary", f"Parts of {stage}"), *_tables(explanation, stage))


def _tables(explanation: Explanation, stage: str) -> list[Markup]:
    return [_contrast(contrast) for contrast in explanation.contrasts if contrast.stage == stage]


def _contrast(contrast: Contrast) -> Markup:
    """The parts that differ most, what the others add up to, and what is left over."""
    rows = sorted(contrast.rows, key=lambda row: -abs(row.difference))
    shown, others = rows[:ROWS_SHOWN], rows[ROWS_SHOWN:]
    cells = [_row(row) for row in shown]
    if others:
        cells.append(_others(others))
    cells += [
        ["no part accounts for", *_numbers(contrast.chunk.residual, contrast.against.residual),
         f"{contrast.residual:+.2e}", ""],
        ["score", *_numbers(contrast.chunk.score, contrast.against.score),
         f"{contrast.margin:+.4f}", ""],
    ]  # fmt: skip
    kind = "exact" if contrast.exact else "approximate"
    said = "; ".join(dict.fromkeys(n for n in (contrast.chunk.note, contrast.against.note) if n))
    caption = f"{contrast.stage} by {_NAMES[contrast.view]} ({kind})" + (
        f": {said}" if said else ""
    )
    headings = ("Part", "Chunk", "Against", "Difference", "From")
    return table(caption, headings, cells, numeric=(1, 2, 3), style=IN_NOTEBOOK)


def _row(row: Row) -> list[Child]:
    sides = [_NOTHING if part is None else f"{part.value:.4f}" for part in (row.chunk, row.against)]
    told = [
        f"{name} {numbers}"
        for name, part in (("chunk", row.chunk), ("against", row.against))
        if part is not None and (numbers := _from(part))
    ]
    return [foreign(row.name), *sides, f"{row.difference:+.4f}", foreign("; ".join(told))]


def _from(part: Part) -> str:
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in part.numbers.items())
    return ", ".join(text for text in (numbers, part.note) if text)


def _others(rows: Sequence[Row]) -> list[Child]:
    """Rows that are not shown, added up."""
    sides = ([row.chunk for row in rows], [row.against for row in rows])
    sums = (math.fsum(part.value for part in parts if part is not None) for parts in sides)
    difference = math.fsum(row.difference for row in rows)
    return [f"{len(rows)} others", *_numbers(*sums), f"{difference:+.4f}", ""]


def _numbers(*values: float) -> list[str]:
    return [f"{value:.4f}" for value in values]
