"""The fifth step as HTML: what was tried to repair it, in order of price, and what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from whymiss.diagnosis.case_file.tables import repair_row
from whymiss.diagnosis.records import Diagnosis, Ending
from whymiss.diagnosis.repairs.repair import Price, Repair
from whymiss.pages.markup import PLAIN, Child, Inline, Markup, foreign, join, table, tag
from whymiss.text import counted
from whymiss.widgets.base.controls import button, scrolled

_NO_RESCUE: Final = "No repair that was tried rescues this question."
_NOTHING_RESCUES: Final[Mapping[Ending, str]] = {
    "lost": _NO_RESCUE,
    "wrong answer": _NO_RESCUE,
    "healthy": "By this evidence nothing is wrong, so there is nothing to repair.",
    "unjudged": "Without evidence it cannot be told what would rescue the question.",
}

Numbered = tuple[int, Repair]
"""A repair and its place in the diagnosis."""

_HEADINGS: Final = (
    "Repair", "Evidence delivered here", "Answer right here", "Helps", "Hurts",
    "Delivered on the labelled set", "Tokens", "Milliseconds",
)  # fmt: skip
_CAPTION: Final = (
    "The cheapest to make first. Helps and hurts: labelled questions whose evidence is delivered "
    "only with it, and only without it; then the change of their share with its 95 % interval."
)
_ON_THE_INDEX: Final = frozenset({"chunking", "rows"})
"""Kinds of repair for which the whole index may have to be made anew."""


def repairs_html(diagnosis: Diagnosis, *, applied: Repair | None = None) -> Markup:
    """The repairs that rescue the question, with their prices and a button to apply each.

    Parameters
    ----------
    applied : the one that was applied last.
    """
    rescues = rescues_of(diagnosis)
    listed = _with_buttons(rescues, applied) if rescues else None
    return join(
        [
            tag("h3", "5. Repairs"),
            scrolled("Repairs that rescue it", listed) if listed else _none(diagnosis),
        ]
    )


def others_html(diagnosis: Diagnosis, texts: Mapping[str, str]) -> Markup:
    """What is to be known besides: the code of each, what does not rescue, what was not tried.

    Parameters
    ----------
    texts : of the labelled questions, by query id.
    """
    rescues = rescues_of(diagnosis)
    failed = [repair for repair in diagnosis.repairs if repair.rescues is False]
    untried = [repair for repair in diagnosis.repairs if repair.rescues is None]
    return join(
        [
            _each(rescues, texts) if rescues else None,
            _fold("failed", "Tried, and does not rescue this question", failed),
            _fold("untried", "Not tried", untried),
            _anew(untried) if not diagnosis.options.get("rebuild") else None,
        ]
    )


def rescues_of(diagnosis: Diagnosis) -> list[Numbered]:
    """The repairs that rescue the question, each with its place among all."""
    return [(at, repair) for at, repair in enumerate(diagnosis.repairs) if repair.rescues]


def _none(diagnosis: Diagnosis) -> Markup:
    return tag("p", _NOTHING_RESCUES[diagnosis.ending], class_="wm-unsure")


def rescues_table(rescues: Sequence[Numbered], *, style: Inline = PLAIN) -> Markup:
    """The repairs that rescue the question, with what they do to the others."""
    rows = [_row(repair) for _, repair in rescues]
    return table(_CAPTION, _HEADINGS, rows, numeric=(3, 4, 7), style=style)


def _with_buttons(rescues: Sequence[Numbered], applied: Repair | None) -> Markup:
    """The same; the buttons beside the names are in sight where the table is wider than that."""
    rows = []
    for at, repair in rescues:
        name, *cells = _row(repair)
        apply = button(
            "apply", "Apply", value=str(at), name=f"Apply {repair.title}", pressed=repair == applied
        )
        rows.append([name, apply, *cells])
    name, *headings = _HEADINGS
    return table(_CAPTION, (name, "Apply", *headings), rows, numeric=(4, 5, 8))


def _row(repair: Repair) -> Sequence[Child]:
    title, _, wins, losses, effect, tokens = repair_row(repair)
    return [
        foreign(title),
        _marked("✓ yes" if repair.rescues else "✗ no"),
        _marked({True: "✓ yes", False: "✗ no", None: "– not told"}[repair.answered]),
        wins,
        losses,
        join([_effect(repair.price), " ", foreign(effect)]),
        tokens,
        "–" if repair.price is None else f"{repair.price.added_ms:+.1f}",
    ]


def _effect(price: Price | None) -> Markup | None:
    """Whether the labelled set is better off, in a word; often that is undecided."""
    if price is None or price.interval.undefined_because:
        return None
    if price.interval.low > 0:
        return _marked("✓ better")
    return _marked("✗ worse" if price.interval.high < 0 else "– undecided")


def _marked(said: str) -> Markup:
    look = {"✓": "wm-good", "✗": "wm-bad", "–": "wm-unsure"}[said[0]]
    return tag("span", said.replace(" ", "\u00a0"), class_=look)


def _each(rescues: Sequence[Numbered], texts: Mapping[str, str]) -> Markup:
    said = "Each of them: its code, and whom it helps and hurts"
    shown = (_one(repair, texts) for _, repair in rescues)
    return tag("details", tag("summary", said), *shown, data_key="each")


def _one(repair: Repair, texts: Mapping[str, str]) -> Markup:
    price = repair.price
    return join(
        [
            tag("h4", foreign(repair.title)),
            tag("pre", tag("code", repair.code)),
            _named("Helps", price.wins, texts) if price else None,
            _named("Hurts", price.losses, texts) if price else None,
            tag("p", "No price: ", foreign(repair.unpriced_because), class_="wm-unsure")
            if repair.unpriced_because
            else None,
        ]
    )


def _named(said: str, ids: Sequence[str], texts: Mapping[str, str]) -> Markup:
    title = tag("p", f"{said} {counted(len(ids), 'question')}{':' if ids else '.'}")
    items = (tag("li", foreign(f"{i}: {texts.get(i, '')}")) for i in ids)
    return join([title, tag("ul", *items) if ids else None])


def _fold(key: str, said: str, repairs: Sequence[Repair]) -> Markup | None:
    if not repairs:
        return None
    rows: list[Sequence[Child]] = [
        [
            foreign(f"{repair.title} ({repair.kind})"),
            foreign(repair.because or repair.unpriced_because),
            tag("code", repair.code),
        ]
        for repair in repairs
    ]
    listed = table(f"{said}.", ("Repair", "Because", "Code"), rows)
    summary = tag("summary", f"{said} ({len(repairs)})")
    return tag("details", summary, scrolled(said, listed), data_key=key)


def _anew(untried: Sequence[Repair]) -> Markup | None:
    if not any(repair.kind in _ON_THE_INDEX for repair in untried):
        return None
    told = "every chunk is cut and embedded again, in memory; it can take minutes"
    return tag(
        "div",
        button("rebuild", "Try those too that need the index anew"),
        tag("span", told, class_="wm-soft"),
        class_="wm-row",
    )
