"""The report as one HTML file that needs nothing else: no script, no picture, no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from whymiss.evaluation.run import EvaluationRun
from whymiss.pages.frame import page
from whymiss.pages.markup import Child, Markup, foreign, is_missing, join, number, table, tag, wide
from whymiss.report.question import anchors, question_article
from whymiss.report.record import Report
from whymiss.report.tables import (
    CHECKS,
    FAILURES,
    FEW,
    MARKS,
    SLICES,
    SUMMARY,
    check_rows,
    failure_rows,
    interval,
    knob_rows,
    rows_of,
    slice_rows,
    summary_rows,
    tally,
    undefined_rows,
    valued,
)

_HEADLINES: Final = 4
_SECTIONS: Final = {
    "checklist": "Production readiness",
    "summary": "Measures",
    "failures": "Where evidence was lost",
    "slices": "Slices",
    "comparison": "Comparison",
    "worst": "Worst questions",
    "measured": "What was measured",
}


def write(report: Report, path: str | Path) -> Path:
    """Write the report as one HTML file, in place of one that is there.

    The file holds questions, passages and answers in plain text, whatever `trace.raw_text` says.
    """
    target = Path(path)
    target.write_text(html(report), encoding="utf-8")
    return target


def html(report: Report) -> str:
    """The whole page.

    Every text of a corpus, a question or an answer is escaped; a browser is told besides to run
    and fetch nothing.
    """
    name = f"Evaluation of {report.run.name}"
    parts = {
        "checklist": _checklist(report),
        "summary": _summary(report.run),
        "failures": _failures(report),
        "slices": _slices(report.run),
        "comparison": _comparison(report),
        "worst": _worst(report),
        "measured": _measured(report),
    }
    shown = {key: (_SECTIONS[key], body) for key, body in parts.items() if body}
    return page(name, _header(report, name), shown)


def _header(report: Report, name: str) -> Markup:
    run = report.run
    tiles = [
        _tile(row["measure"], valued(row["value"], row["unit"]), _with_interval(row))
        for row in rows_of(run.summary)[:_HEADLINES]
    ]
    tiles.append(_tile("checklist", _met(report), tally(report.checks)))
    line = (
        f"{len(run.table)} questions, index {run.index_name} version {run.index_version}, "
        f"made {report.created}. This file holds questions, passages and answers in plain text."
    )
    return tag(
        "header", tag("h1", name), tag("p", line, class_="soft"), tag("ul", *tiles, class_="tiles")
    )


def _met(report: Report) -> str:
    return f"{sum(c.verdict == 'met' for c in report.checks)} of {len(report.checks)} met"


def _tile(label: str, value: str, below: str) -> Markup:
    return tag("li", tag("span", label), tag("b", value), tag("span", below, class_="soft"))


def _with_interval(row: dict[str, object]) -> str:
    shown = interval(row, str(row["unit"]))
    return f"{shown}, n = {row['n']}" if shown != "none" else f"no interval, n = {row['n']}"


def _checklist(report: Report) -> Markup:
    def verdict(word: str) -> Child:
        return tag("span", f"{MARKS[word]} {word}", class_=word)

    caption = f"{tally(report.checks)}. An unknown line says what would find it out."
    return wide(table(caption, CHECKS, check_rows(report.checks, verdict)))


def _summary(run: EvaluationRun) -> Markup:
    rows = [
        [*cells[:2], _bar(row) if row["unit"] == "share" else "", *cells[2:]]
        for cells, row in zip(summary_rows(run), rows_of(run.summary), strict=True)
    ]
    headings = (*SUMMARY[:2], "0 to 1", *SUMMARY[2:])
    caption = (
        f"Means over the questions where a measure is defined, with {100 * run.confidence:g} % "
        "intervals. The bar is the interval, the dot the value."
    )
    return join(
        [
            wide(table(caption, headings, rows, numeric=(1, 3, 4, 5, 6))),
            wide(
                table(
                    "Why scores are undefined",
                    ("Reason", "Questions", "Measures"),
                    undefined_rows(run),
                    numeric=(1,),
                )
            ),
        ]
    )


def _failures(report: Report) -> Markup:
    places = anchors(report.worst)

    def shown(query_ids: Sequence[str]) -> Child:
        pieces = [
            tag("a", foreign(q), href=f"#{places[q]}") if q in places else foreign(q)
            for q in query_ids
        ]
        listed = join(pieces, ", ")
        few = len(pieces) <= 8
        return listed if few else tag("details", tag("summary", f"{len(pieces)} ids"), listed)

    caption = (
        "Questions whose evidence was lost, by the stage that lost it; at the stage answer it was "
        "in the context, and the answer declined."
    )
    return wide(table(caption, FAILURES, failure_rows(report.run, shown), numeric=(1, 2)))


def _slices(run: EvaluationRun) -> Markup | None:
    blocks: list[Markup] = []
    for measure in run.measures:
        rows = slice_rows(run, measure)
        if rows:
            caption = f"{measure} by tag, lowest first. Slices under {FEW} questions are marked."
            body = wide(table(caption, SLICES, rows, numeric=(1, 2, 3, 4)))
            opened = "" if not blocks else None
            blocks.append(tag("details", tag("summary", measure), body, open=opened))
    return join(blocks) if blocks else None


def _comparison(report: Report) -> Markup | None:
    if report.comparison is None:
        return None
    caption = f"Sentences of the paired comparison with {report.comparison.baseline!r}."
    sentences = report.comparison.sentences()
    return tag(
        "div", tag("p", caption, class_="soft"), tag("ul", *(tag("li", s) for s in sentences))
    )


def _worst(report: Report) -> Markup:
    places = anchors(report.worst)
    rows: list[list[Child]] = [
        [
            tag("a", foreign(q.query_id), href=f"#{places[q.query_id]}"),
            foreign(str(q.row["text"])),
            q.complaint,
            tag("code", q.trace.trace_id[:8]),
        ]
        for q in report.worst
    ]
    caption = (
        "Evidence lost first, then wrong answers, then low scores. Each was asked again alone; its "
        "id opens its trace below, and the last column names that for the command whymiss trace."
    )
    listed = wide(table(caption, ("Question", "Text", "What went wrong", "Trace"), rows))
    keeps = report.run.config.trace.keep
    articles = [
        question_article(q, number=at, anchor=places[q.query_id], kept=keeps)
        for at, q in enumerate(report.worst, start=1)
    ]
    return join([listed, *articles])


def _measured(report: Report) -> Markup:
    run = report.run
    facts: list[list[Child]] = [
        ["configuration", f"{run.name} ({run.fingerprint})"],
        ["index", f"{run.index_name}, version {run.index_version}"],
        ["model", run.model_version],
        ["run", run.created],
        ["questions", f"{len(run.table)}, {run.n_reused} of them from an interrupted run"],
        ["held-out run", _held_out(report.holdout)],
        ["seconds of the batch", _seconds(run)],
    ]
    problems: list[list[Child]] = [[p.query_id, p.doc_id, p.what, p.advice] for p in run.problems]
    return join(
        [
            wide(table("The run", ("What", "Value"), facts)),
            wide(
                table(
                    "Knobs that differ from their defaults",
                    ("Knob", "Here", "Default"),
                    knob_rows(run),
                )
            ),
            wide(
                table(
                    "Labels that do not fit their document; their questions were not asked",
                    ("Question", "Document", "What is wrong", "What to do"),
                    problems,
                )
            ),
        ]
    )


def _held_out(holdout: EvaluationRun | None) -> str:
    if holdout is None:
        return "none"
    return f"{len(holdout.table)} questions, index version {holdout.index_version}"


def _seconds(run: EvaluationRun) -> str:
    return ", ".join(f"{stage} {number(spent, 2)}" for stage, spent in run.seconds.items())


def _bar(row: dict[str, object]) -> Markup | None:
    """An interval and its value between 0 and 1; the numbers stand beside it as text."""
    if is_missing(row["value"]):
        return None

    def at(share: object) -> str:
        return f"{5 + 140 * float(str(share)):.1f}"

    pieces = [tag("line", class_="track", x1="5", x2="145", y1="7", y2="7")]
    if not is_missing(row["low"]):
        width = f"{140 * (float(str(row['high'])) - float(str(row['low']))):.1f}"
        pieces.append(
            tag("rect", class_="range", x=at(row["low"]), y="2", width=width, height="10")
        )
    pieces.append(tag("circle", class_="dot", cx=at(row["value"]), cy="7", r="4"))
    return tag("svg", *pieces, class_="bar", viewBox="0 0 150 14", aria_hidden="true")
