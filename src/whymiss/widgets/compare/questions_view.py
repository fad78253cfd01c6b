"""The questions that each pipeline wins, and both rankings of one, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from whymiss.evaluation.measures import parse_measure
from whymiss.frames import short
from whymiss.live import Movement
from whymiss.pages.highlight import highlighted_text
from whymiss.pages.markup import (
    PLAIN,
    Child,
    Inline,
    Markup,
    foreign,
    join,
    number,
    table,
    tag,
    wide,
)
from whymiss.records import Chunk
from whymiss.text import Interval, counted
from whymiss.widgets.base.controls import button, choice
from whymiss.widgets.chunks.pager import pager
from whymiss.widgets.compare.rankings import Rankings, evidence_inside
from whymiss.widgets.compare.results import (
    Compared,
    Outcome,
    QuestionRow,
    counts,
    listed,
    listed_by,
    question_rows,
)
from whymiss.widgets.compare.state import SIDES, CompareState, Shown

ROWS: Final = 15
"""Questions on a page of the list."""

_QUESTION: Final = 110
_PASSAGE: Final = 420
_LEAD: Final = 120
_OUTCOMES: Final[Mapping[Outcome, tuple[str, str]]] = {
    "win": ("▲ win", "wm-good"),
    "loss": ("▼ loss", "wm-bad"),
    "tie": ("= tie", "wm-soft"),
    "undefined": ("– undefined", "wm-soft"),
}
_FILTERS: Final[Mapping[Shown, str]] = {
    "changed": "wins and losses",
    "win": "wins",
    "loss": "losses",
    "tie": "ties",
    "undefined": "undefined",
    "all": "all",
}


def questions_html(compared: Compared, state: CompareState) -> Markup:
    """The list of questions with its filters, one page of it."""
    measure = listed_by(compared, state)
    rows = listed(compared, state)
    numbers = counts(compared, measure)
    return join(
        [
            tag("h3", "Question by question"),
            tag(
                "div",
                choice("by", "By", measure, [(name, name) for name in compared.state.measures]),
                tag(
                    "div",
                    *(
                        button("filter", f"{words} ({numbers[kind]})", value=kind,
                               pressed=kind == state.shown)
                        for kind, words in _FILTERS.items()
                    ),
                    role="group",
                    aria_label="Which questions are listed",
                    class_="wm-row",
                ),
                class_="wm-row wm-filters",
            ),
            _list(compared, rows, state, measure),
            _pages(len(rows), state.page),
        ]
    )  # fmt: skip


def questions_snapshot(compared: Compared, state: CompareState, *, style: Inline) -> Markup:
    """The questions that changed, without controls, the greatest change first."""
    measure = listed_by(compared, state)
    rows = question_rows(compared, measure, "changed")
    listed = rows[:ROWS]
    more = f", the {ROWS} greatest of {len(rows)}" if len(rows) > ROWS else ""
    cells = [_cells(row, measure) for row in listed]
    caption = f"Wins and losses by {measure}{more}"
    headings = ("Outcome", "Question", *compared.state.names, "Difference")
    return table(caption, headings, cells, numeric=(2, 3, 4), style=style)


def rankings_html(rankings: Rankings, names: tuple[str, str]) -> Markup:
    """What both pipelines select, side by side, with the evidence underlined."""
    moved = {(m.doc_id, m.start, m.end): m for m in rankings.moves if m.move != "left"}
    left = {(m.doc_id, m.start, m.end): m for m in rankings.moves if m.move == "left"}
    sides = zip(SIDES, names, (left, moved), strict=True)
    query = rankings.question.query
    return tag(
        "section",
        tag("h3", "Both rankings of: ", foreign(query.text)),
        tag("p", _expected(rankings), class_="wm-soft"),
        tag(
            "div",
            *(_side(*side, rankings) for side in sides),
            class_="wm-sides",
        ),
        data_here=query.query_id,
        aria_label="Rankings of the chosen question",
    )


def _list(
    compared: Compared, rows: Sequence[QuestionRow], state: CompareState, measure: str
) -> Markup:
    if not rows:
        return tag("p", f"No question is listed here: {_FILTERS[state.shown]}, by {measure}.")
    page = rows[state.page * ROWS : (state.page + 1) * ROWS]
    cells = [
        _cells(row, measure, _buttons(row, compared.state.names, state.question)) for row in page
    ]
    caption = f"{_FILTERS[state.shown].capitalize()} by {measure}, the greatest change first"
    headings = ("Outcome", "Question", *compared.state.names, "Difference")
    return wide(table(caption, headings, cells, numeric=(2, 3, 4), style=PLAIN))


def _cells(row: QuestionRow, measure: str, buttons: Markup | None = None) -> list[Child]:
    tokens = parse_measure(measure).unit == "tokens"
    values = [number(value, 0 if tokens else 3) for value in (row.baseline, row.value)]
    sign = "+" if row.difference > 0 else ""
    words, look = _OUTCOMES[row.outcome]
    because = tag("div", row.because, class_="wm-soft") if row.because else None
    query = row.question.query
    return [
        tag("span", words, class_=look),
        tag("div", tag("span", query.query_id, class_="wm-soft"), " ",
            foreign(short(query.text, _QUESTION)), because, buttons, class_="wm-question"),
        *values,
        sign + number(row.difference, 0 if tokens else 3),
    ]  # fmt: skip


def _buttons(row: QuestionRow, names: tuple[str, str], chosen: str) -> Markup:
    query = row.question.query
    text = short(query.text, 60)
    return tag(
        "div",
        button("look", "Rankings", value=query.query_id, look="quiet",
               pressed=query.query_id == chosen, name=f"Both rankings of {text}"),
        *(
            button("walk", f"Walk {name}", value=f"{side}:{query.query_id}", look="quiet",
                   name=f"Open {text} in the walk under {name}")
            for side, name in zip(SIDES, names, strict=True)
        ),
        class_="wm-buttons",
    )  # fmt: skip


def _pages(n_rows: int, page: int) -> Markup | None:
    if n_rows <= ROWS:
        return None
    first = page * ROWS
    return pager(
        page,
        -(-n_rows // ROWS),
        tag("span", f"{first + 1} to {min(n_rows, first + ROWS)} of {n_rows:,}"),
        name="Pages of the list",
    )


def _expected(rankings: Rankings) -> Markup:
    answer = rankings.question.query.expected_answer
    if not any(rankings.question.evidence):
        return join(["No span is labelled as its evidence."])
    return join(["Expected: ", foreign(answer)]) if answer else join(["Evidence is underlined."])


def _side(
    side: str, name: str, moves: Mapping[tuple[str, int, int], Movement], rankings: Rankings
) -> Markup:
    selected = rankings.selected(side)
    cards = [
        tag(
            "li",
            _head(rank, chunk, moves.get((chunk.doc_id, chunk.start, chunk.end)), rankings),
            tag(
                "div",
                *_passage(chunk.text, evidence_inside(chunk, rankings.question)),
                class_="wm-text",
            ),
            _foot(chunk, selected.fates[chunk.chunk_id], f"{side}:{rank}"),
            class_="wm-card",
        )
        for rank, chunk in enumerate(selected.chunks, start=1)
    ]
    return tag(
        "div",
        tag("h4", foreign(name)),
        tag("p", f"{selected.n_tokens:,} of {selected.budget:,} tokens in the context",
            class_="wm-soft wm-number"),
        tag("ol", *cards, class_="wm-cards") if cards else tag("p", "Nothing was retrieved."),
    )  # fmt: skip


def _head(rank: int, chunk: Chunk, move: Movement | None, rankings: Rankings) -> Markup:
    section = " › ".join(chunk.headings)
    holds = evidence_inside(chunk, rankings.question)
    return tag(
        "div",
        tag("strong", str(rank), class_="wm-rank", aria_label=f"rank {rank}"),
        tag("strong", foreign(chunk.doc_id)),
        tag("span", foreign(section), class_="wm-soft") if section else None,
        tag("span", "✓ evidence", class_="wm-tag wm-good") if holds else None,
        _moved(move),
        class_="wm-head",
    )


def _foot(chunk: Chunk, fate: str, place: str) -> Markup:
    name = f"Chunk borders of {chunk.doc_id}, {place}"
    return tag(
        "div",
        tag("span", fate if fate == "in context" else f"left out of the context: {fate}"),
        tag("span", f"[{chunk.start:,}, {chunk.end:,}), {counted(chunk.n_tokens, 'token')}",
            class_="wm-soft wm-number"),
        button("browse", "Chunk borders", value=place, look="quiet", name=name),
        class_="wm-foot",
    )  # fmt: skip


def _moved(move: Movement | None) -> Markup | None:
    if move is None:
        return None
    words = {
        "entered": "+ new",
        "left": "− not selected by the other",
        "same": "= same rank",
        "up": f"▲ up from {move.before}",
        "down": f"▼ down from {move.before}",
    }[move.move]
    return tag("span", words, class_=f"wm-tag wm-move-{move.move}")


def _passage(text: str, evidence: Sequence[Interval]) -> list[Child]:
    """A text, or of a long one what is around its evidence, with the cut ends marked."""
    start, end = 0, len(text)
    if len(text) > _PASSAGE:
        first = evidence[0][0] if evidence else 0
        start = min(max(0, first - _LEAD), len(text) - _PASSAGE)
        end = start + _PASSAGE
    inside = [(low - start, high - start) for low, high in evidence]
    return [
        tag("span", "… ", class_="wm-soft") if start else None,
        highlighted_text(text[start:end], evidence=inside),
        tag("span", " …", class_="wm-soft") if end < len(text) else None,
    ]
