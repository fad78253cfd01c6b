"""What is compared, and the verdict, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from whymiss.config import PipelineConfig
from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures import parse_measure
from whymiss.pages.markup import (
    IN_NOTEBOOK,
    PLAIN,
    Child,
    Inline,
    Markup,
    foreign,
    is_missing,
    join,
    number,
    table,
    tag,
)
from whymiss.text import counted
from whymiss.widgets.base.controls import button, checkbox, choice, group, scrolled, slider
from whymiss.widgets.base.knobs import chunking_knobs, control
from whymiss.widgets.compare.results import Compared, short_lists
from whymiss.widgets.compare.state import (
    SIDES,
    CompareState,
    cutoff,
    offered_measures,
    spends_holdout,
)

_BEHIND_CHUNKING: Final = (
    "retrieval.mode", "retrieval.k", "retrieval.candidate_depth", "retrieval.dense_weight",
    "retrieval.fusion", "rerank.model", "rerank.depth", "context.token_budget", "context.order",
)  # fmt: skip
_ORDER: Final = (
    "chunking.strategy", "chunking.size", "chunking.overlap", "chunking.parent_size",
    "chunking.breakpoint_percentile", "chunking.heading_prefix", *_BEHIND_CHUNKING,
)  # fmt: skip
_VERDICTS: Final = {
    "better": ("▲", "wm-good"),
    "worse": ("▼", "wm-bad"),
    "undecided": ("◇", "wm-unsure"),
}
_DEFAULT_CUTOFF: Final = 5


def pipelines_html(state: CompareState) -> Markup:
    """Both pipelines with the knobs that matter, and what differs between them."""
    return join(
        [
            tag("h2", "Compare two pipelines"),
            tag("div", *(_side(side, state) for side in SIDES), class_="wm-sides"),
            tag(
                "div",
                button("from_live", "Take from the live panel",
                       name="Take the baseline and the settings of the live panel"),
                button("copy", "Make both the same", name=f"Set {state.names[1]} to the baseline"),
                button("swap", "Swap"),
                button("live", f"Use {state.names[1]} in the live panel"),
                class_="wm-row",
            ),
            differences_html(state),
        ]
    )  # fmt: skip


def differences_html(state: CompareState, *, style: Inline = PLAIN) -> Markup:
    """Every knob that is not the same in both."""
    changes = state.baseline.diff(state.other)
    if not changes:
        same = "Both pipelines are the same: change a knob of one of them."
        return tag("p", same, class_="wm-unsure")
    rows = [(knob, _value(here), _value(there)) for knob, (here, there) in changes.items()]
    return _scrolling("What differs", ("Knob", *state.names), rows, style=style)


def measures_html(state: CompareState, questions: Sequence[Question], *, n_unfit: int) -> Markup:
    """Which measures decide and are told besides, on which questions."""
    if not questions:
        said = "Nothing can be compared without labelled questions: give them with questions=…"
        return tag("p", said, class_="wm-unsure")
    k = cutoff(state.measures)
    offered = dict.fromkeys((*offered_measures(questions, k or _DEFAULT_CUTOFF), *state.measures))
    decides, *others = state.measures
    unfit = (
        f" {counted(n_unfit, 'more has', 'more have')} labels that do not fit." if n_unfit else ""
    )
    return join(
        [
            group(
                "Measures and questions",
                choice("decides", "Decides", decides, [(name, name) for name in offered]),
                slider("cutoff", "Recall counts the first", k, low=1, high=max(50, k))
                if k
                else None,
                choice("split", "Questions", state.split, _splits(questions)),
                tag(
                    "div",
                    tag("span", "Told besides", class_="wm-name"),
                    *(
                        checkbox(f"also:{name}", name, name in others)
                        for name in offered
                        if name != decides
                    ),
                    class_="wm-also",
                ),
            ),
            tag("p", f"{unfit} They are left out.", class_="wm-soft") if unfit else None,
            _holdout(state, questions),
            tag("p", button("compare", "Compare", look="main"), class_="wm-row"),
        ]
    )  # fmt: skip


def verdict_html(compared: Compared, now: CompareState, *, style: Inline = PLAIN) -> Markup:
    """Which pipeline is better, by how much, and what could not have been seen."""
    rows = _rows(compared)
    sentences = compared.comparison.sentences()
    decided, *others = zip(rows, sentences, strict=True)
    n_asked = len(compared.questions)
    split = f" of {compared.state.split}" if compared.state.split else ""
    looks, short = compared.n_looks, short_lists(compared.state)
    return join(
        [
            tag("h3", "Verdict"),
            None
            if compared.state.asks(now)
            else tag("p", "Of settings that have changed since; compare again.",
                     class_="wm-unsure"),
            tag("p", _sentence(*decided), class_="wm-verdict", role="status"),
            _explained(decided[0], compared.comparison.power),
            tag("ul", *(tag("li", _sentence(*pair)) for pair in others)) if others else None,
            tag(
                "p",
                f"On {counted(n_asked, 'question')}{split}. The first measure decides; nothing "
                "guards against picking the best of many.",
                class_="wm-soft",
            ),
            tag("p", f"The holdout was looked at {counted(looks, 'time')} with this panel.",
                class_="wm-unsure") if looks else None,
            tag("p", foreign("; ".join(short)), class_="wm-soft") if short else None,
            _measured_table(rows, compared.state, style),
        ]
    )  # fmt: skip


def snapshot_html(state: CompareState, compared: Compared | None, questions: Markup) -> Markup:
    """The panel without controls, readable without a style sheet."""
    shown = compared.state if compared is not None else state
    return tag(
        "div",
        tag("h3", "Two pipelines compared"),
        differences_html(shown, style=IN_NOTEBOOK),
        verdict_html(compared, shown, style=IN_NOTEBOOK)
        if compared is not None
        else tag("p", "Nothing was compared yet."),
        questions,
        class_="mathjax_ignore",
    )


def _side(side: str, state: CompareState) -> Markup:
    """The knobs of one pipeline, each in the place that it has in the other one."""
    config, other = state.pipeline(side), state.pipeline(SIDES[side == SIDES[0]])
    mine, theirs = _knobs(config), _knobs(other)
    changed = config.diff(other)
    fields = (
        tag(
            "div",
            control(knob, config, pipeline=side) if knob in mine else None,
            class_="wm-differs" if knob in changed else None,
            data_key=knob,
        )
        for knob in _ORDER
        if knob in mine or knob in theirs
    )
    return group(foreign(state.names[SIDES.index(side)]), *fields)


def _knobs(config: PipelineConfig) -> set[str]:
    """The knobs that are worth comparing and have an effect."""
    idle = set()
    if config.retrieval.mode != "hybrid":
        idle |= {"retrieval.dense_weight", "retrieval.fusion"}
    if not config.rerank.model:
        idle |= {"rerank.depth"}
    return {*chunking_knobs(config), *_BEHIND_CHUNKING} - idle


def _splits(questions: Sequence[Question]) -> list[tuple[str, str]]:
    splits = sorted({question.split for question in questions} - {""})
    sizes = [sum(question.split == split for question in questions) for split in splits]
    options = [(s, f"{s}: {counted(n, 'question')}") for s, n in zip(splits, sizes, strict=True)]
    included = ", the holdout included" if spends_holdout("", questions) else ""
    return [*options, ("", f"all {counted(len(questions), 'question')}{included}")]


def _holdout(state: CompareState, questions: Sequence[Question]) -> Markup | None:
    if not spends_holdout(state.split, questions):
        return None
    said = (
        "These questions are kept for the last look. Each choice that is made after looking at "
        "them fits the pipeline to them a little, until they tell nothing about new questions."
    )
    return tag("p", tag("strong", "Holdout. "), said, class_="wm-unsure")


def _rows(compared: Compared) -> list[dict[str, Any]]:
    rows = compared.comparison.table.to_dict(orient="records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _sentence(row: dict[str, Any], sentence: str) -> Markup:
    mark, look = _VERDICTS[row["verdict"]] if row["n"] else ("–", "wm-soft")
    return tag("span", tag("span", f"{mark} ", class_=look, aria_hidden="true"), foreign(sentence))


def _explained(row: dict[str, Any], power: float) -> Markup | None:
    """What an undecided verdict leaves open."""
    if row["verdict"] != "undecided" or row["n"] == 0 or is_missing(row["mde"]):
        return None
    size = _score(row["mde"], parse_measure(row["measure"]).unit)
    return tag(
        "p",
        f"Undecided does not mean equal: on {row['n']} questions such as these, a true difference "
        f"of {size} is found {power:.0%} of the time, a smaller one less often. More questions "
        "would tell.",
        class_="wm-soft",
    )


def _measured_table(rows: Sequence[dict[str, Any]], state: CompareState, style: Inline) -> Markup:
    headings = (
        "Measure", "Verdict", "Questions", *state.names, "Difference", "Interval", "p",
        "Wins / losses / ties", "Detectable",
    )  # fmt: skip
    cells = [_measured_row(row) for row in rows]
    numeric = range(2, len(headings))
    return _scrolling("Measures", headings, cells, numeric=numeric, style=style)


def _scrolling(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[Child]],
    *,
    numeric: Sequence[int] = (),
    style: Inline,
) -> Markup:
    return scrolled(caption, table(caption, headings, rows, numeric=numeric, style=style))


def _measured_row(row: dict[str, Any]) -> list[Child]:
    unit = parse_measure(row["measure"]).unit
    low, high = (_score(row[edge], unit) for edge in ("low", "high"))
    mark, look = _VERDICTS.get(row["verdict"], ("–", "wm-soft"))
    none = row["n"] == 0
    more = f", {row['n_undefined']} undefined" if row["n_undefined"] else ""
    return [
        row["measure"],
        tag("span", row["note"] if none else f"{mark}\u00a0{row['verdict']}", class_=look),
        f"{row['n']}{more}",
        _score(row["mean_baseline"], unit),
        _score(row["mean"], unit),
        _signed(row["difference"], unit),
        "undefined" if none else f"{low} to {high}",
        "< 0.001" if row["p_holm"] < 0.001 else number(row["p_holm"]),
        f"{row['wins']} / {row['losses']} / {row['ties']}",
        _score(row["mde"], unit),
    ]


def _score(value: float, unit: str) -> str:
    return number(value, 1 if unit == "tokens" else 3)


def _signed(value: float, unit: str) -> str:
    return f"+{_score(value, unit)}" if value > 0 else _score(value, unit)


def _value(value: object) -> Child:
    return foreign(str(value)) if value != "" else tag("em", "none")
