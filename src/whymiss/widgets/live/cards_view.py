"""The cards of the live panel as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whymiss.live import Movement
from whymiss.pages.highlight import highlighted_text
from whymiss.pages.markup import Markup, foreign, join, number, tag
from whymiss.text import Interval, counted
from whymiss.widgets.base.controls import button
from whymiss.widgets.live.cards import Card, Cards

_MARKS: Final = {"up": "▲", "down": "▼", "entered": "+", "same": "="}


def cards_html(cards: Cards, *, controls: bool = True) -> Markup:
    """All cards: the selected ones, what is just behind them, and what left.

    Parameters
    ----------
    controls : whether cards have buttons.
    """
    if not cards.selected:
        return tag("p", "Nothing was retrieved: no chunk is visible to this asker and filter.")
    parts = [_list("Selected chunks", cards.selected, controls)]
    if cards.further:
        hidden = cards.n_behind - len(cards.further)
        more = f"; {hidden:,} more candidates are not shown" if hidden else ""
        parts += [
            tag("h3", "Just behind"),
            tag("p", f"The next candidates, and all with evidence{more}.", class_="wm-soft"),
            _list("Candidates that were not selected", cards.further, controls),
        ]
    if cards.gone:
        parts += [tag("h3", "Left, compared with the baseline"), _gone(cards.gone)]
    return join(parts)


def _list(name: str, cards: Sequence[Card], controls: bool) -> Markup:
    return tag(
        "ol",
        *(
            tag(
                "li",
                _head(card),
                _text(card),
                _foot(card, controls),
                data_key=card.chunk.chunk_id,
                class_="wm-card wm-pointed" if card.pointed else "wm-card",
            )
            for card in cards
        ),
        class_="wm-cards",
        aria_label=name,
    )


def _head(card: Card) -> Markup:
    section = " › ".join(card.chunk.headings)
    tags = [
        _movement(card.moved),
        tag("span", "✓ evidence", class_="wm-tag wm-good") if card.evidence else None,
        tag("span", "◎ selected on the map", class_="wm-tag") if card.pointed else None,
        tag("span", f"✂ last {counted(card.chunk.n_truncated, 'token')} not read by the encoder",
            class_="wm-tag wm-unsure") if card.chunk.n_truncated else None,
    ]  # fmt: skip
    return tag(
        "div",
        tag("strong", f"{card.rank}", class_="wm-rank", aria_label=f"rank {card.rank}"),
        tag("span", tag("strong", foreign(card.title)),
            tag("span", " › ", foreign(section), class_="wm-soft") if section else None),
        *tags,
        class_="wm-head",
    )  # fmt: skip


def _movement(moved: Movement | None) -> Markup | None:
    if moved is None:
        return None
    words = {
        "entered": "new",
        "same": "as before",
        "up": f"up from {moved.before}",
        "down": f"down from {moved.before}",
    }[moved.move]
    return tag("span", f"{_MARKS[moved.move]} {words}", class_=f"wm-tag wm-move-{moved.move}")


def _text(card: Card) -> Markup:
    """The chunk between its borders, with a little of the document around it."""
    text, (start, end) = card.chunk.text, card.shown
    body = highlighted_text(
        text[start:end],
        evidence=_shifted(card.evidence, start),
        terms=_shifted(card.terms, start),
    )
    whole = end - start == len(text)
    left_out = f"characters {start:,} to {end:,} of {len(text):,} are shown"
    return tag(
        "div",
        tag("span", _around(card.before, "…{} "), class_="wm-soft") if start == 0 else None,
        tag("span", "⟦", class_="wm-border", title="the chunk begins here"),
        body,
        tag("span", "⟧", class_="wm-border", title="the chunk ends here"),
        tag("span", _around(card.after, " {}…"), class_="wm-soft") if end == len(text) else None,
        None if whole else tag("span", f" ({left_out})", class_="wm-soft"),
        class_="wm-text",
    )


def _around(text: str, frame: str) -> str:
    """Text beside the chunk on one line, as a piece of more; nothing where there is none."""
    line = " ".join(text.split())
    return frame.replace("{}", line) if line else ""


def _shifted(spans: Sequence[Interval], by: int) -> list[Interval]:
    return [(start - by, end - by) for start, end in spans]


def _foot(card: Card, controls: bool) -> Markup:
    steps = [f"{step.stage} {number(step.score)} (rank {step.rank})" for step in card.steps]
    chunk = card.chunk
    name = f"{card.title}, rank {card.rank}"
    buttons = (
        button("browse", "Chunk borders", value=chunk.chunk_id, look="quiet",
               name=f"Chunk borders of {name}"),
        button("locate", "On the map", value=chunk.chunk_id, look="quiet",
               name=f"Show {name} on the map"),
    )  # fmt: skip
    return tag(
        "div",
        tag("span", card.fate, class_="wm-fate"),
        tag("span", "score: ", " → ".join(steps), class_="wm-soft wm-number"),
        tag(
            "span",
            foreign(chunk.doc_id),
            f" [{chunk.start:,}, {chunk.end:,}), {counted(chunk.n_tokens, 'token')}",
            class_="wm-soft wm-number",
        ),
        *(buttons if controls else ()),
        class_="wm-foot",
    )


def _gone(gone: Sequence[Movement]) -> Markup:
    return tag(
        "ul",
        *(
            tag("li", f"− was rank {move.before}: ", foreign(move.doc_id),
                f" [{move.start:,}, {move.end:,})")
            for move in gone
        ),
    )  # fmt: skip
