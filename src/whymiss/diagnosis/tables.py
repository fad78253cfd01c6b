"""A diagnosis as tables: its funnel, what was found of each cause, and its repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from whymiss.evaluation.run import as_html
from whymiss.text import esc

if TYPE_CHECKING:
    from whymiss.diagnosis.records import Diagnosis
    from whymiss.diagnosis.repairs.repair import Repair

FUNNEL: Final = (
    "stage", "holds", "rank", "n", "cut", "score", "cut_score", "margin", "displaced_by", "note",
)  # fmt: skip
FINDINGS: Final = (
    "cause", "name", "stage", "verdict", "says", "deviation", "definite", "patch", "severity",
    "together_with",
)  # fmt: skip
REPAIRS: Final = (
    "title", "kind", "rescues", "answered", "wins", "losses", "change", "low", "high",
    "added_tokens", "added_ms", "because", "code",
)  # fmt: skip
_NUMBERS: Final = {
    "wins": "Int64", "losses": "Int64", "change": "float64", "low": "float64", "high": "float64",
    "added_tokens": "float64", "added_ms": "float64",
}  # fmt: skip
_TOLD: Final = ("proven", "implicated")


def funnel_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """The evidence followed through one diagnosis: one row per stage, as `StageView` has it."""
    rows = [{name: getattr(view, name) for name in FUNNEL} for view in diagnosis.funnel]
    # Whether it holds may be unknown, which is neither true nor false.
    return pd.DataFrame(rows, columns=list(FUNNEL), dtype=object)


def findings_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """One row per cause: the proven ones first, as they are believed, then in stage order."""
    order = {code: n for n, code in enumerate((*diagnosis.proven, *diagnosis.then))}
    verdicts = ("proven", "implicated", "unknown", "cleared")
    told = sorted(
        diagnosis.findings, key=lambda f: (verdicts.index(f.verdict), order.get(f.cause, 0))
    )
    rows = [{name: getattr(finding, name) for name in FINDINGS} for finding in told]
    return pd.DataFrame(rows, columns=list(FINDINGS), dtype=object)


def repairs_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """One row per repair: rescues first, the cheapest kind first.

    `rescues` says whether the evidence is delivered, `answered` whether the answer then rests on
    it. `change` is of the share of labelled questions whose evidence is delivered, with its
    interval.
    """
    rows = [_repair_row(repair) for repair in diagnosis.repairs]
    return pd.DataFrame(rows, columns=list(REPAIRS), dtype=object).astype(_NUMBERS)


def _repair_row(repair: Repair) -> dict[str, object]:
    price = repair.price
    return {
        "title": repair.title,
        "kind": repair.kind,
        "rescues": repair.rescues,
        "answered": repair.answered,
        "wins": len(price.wins) if price else None,
        "losses": len(price.losses) if price else None,
        "change": price.interval.estimate if price else None,
        "low": price.interval.low if price else None,
        "high": price.interval.high if price else None,
        "added_tokens": round(price.added_tokens, 1) if price else repair.added_tokens,
        "added_ms": round(price.added_ms, 2) if price else None,
        "because": repair.because or repair.unpriced_because,
        "code": repair.code,
    }


def diagnosis_html(diagnosis: Diagnosis) -> str:
    """What a notebook shows of a diagnosis."""
    from whymiss.diagnosis.case_file.sentences import verdict

    funnel = funnel_table(diagnosis)[["stage", "holds", "rank", "n", "cut", "margin", "note"]]
    causes = findings_table(diagnosis)
    told = causes[causes["verdict"].isin(_TOLD)]
    repairs = repairs_table(diagnosis)
    tried = repairs[repairs["rescues"] != False]  # noqa: E712 - None is not tried
    pieces = [
        f"<p><b>{esc(diagnosis.question.query.text)}</b></p>",
        f"<p>{esc(verdict(diagnosis))}</p>",
        as_html(_shown(funnel), index=False),
        as_html(_shown(told[["verdict", "cause", "name", "stage", "says", "patch"]]), index=False),
    ]
    if len(repairs):
        columns = [
            "title",
            "rescues",
            "answered",
            "wins",
            "losses",
            "change",
            "added_tokens",
            "because",
        ]
        pieces += [
            f"<p>Repairs: {len(tried)} of {len(repairs)} tried ones are shown; the others do not "
            "rescue this question</p>",
            as_html(_shown(tried[columns].round({"change": 3})), index=False),
        ]
    pieces += [f"<p>{esc(note)}</p>" for note in diagnosis.notes]
    # MathJax leaves this class alone, so that a price in dollars is no formula.
    return f'<div class="mathjax_ignore">{"".join(pieces)}</div>'


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Words for what holds and rescues; nothing where there is nothing."""
    words = {True: "yes", False: "no"}
    shown = table.astype(object).where(table.notna(), "")
    for column in ("holds", "rescues", "answered"):
        if column in shown:
            shown[column] = [
                words[value] if isinstance(value, bool) else "-" for value in table[column]
            ]
    return shown
