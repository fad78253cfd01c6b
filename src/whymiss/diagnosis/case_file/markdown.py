"""A case as Markdown, as GitHub and notebooks read it.

Texts of a corpus stand in fenced blocks longer than any fence in them, or with every mark that
Markdown or HTML would read taken off its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from whymiss.diagnosis.case_file.recipe import recipe
from whymiss.diagnosis.case_file.record import CaseFile
from whymiss.diagnosis.case_file.sentences import verdict
from whymiss.diagnosis.case_file.tables import (
    CANDIDATES,
    FINDINGS,
    FUNNEL,
    NOTHING,
    REPAIRS,
    VERDICTS,
    asked_rows,
    by_verdict,
    displacers,
    finding_row,
    funnel_row,
    place,
    repair_row,
)
from whymiss.pages.markup import number, visible
from whymiss.text import esc, normalise_whitespace

_MARKS: Final = re.compile(r"[\\`*_\[\]{}#|~!]|(?<=www)\.|:(?=//)|@|\A(?:[-+]|\d+[.)])")
_FENCE: Final = re.compile(r"`{3,}")


def to_markdown(case: CaseFile) -> str:
    """The whole case as Markdown."""
    parts: list[str] = [
        f"# {inline(case.diagnosis.question.query.text)}",
        f"**{inline(verdict(case.diagnosis))}**",
        *_asked(case),
        *_evidence(case),
        *_funnel(case),
        *_findings(case),
        *_repairs(case),
        "## Replay",
        block(recipe(case), "python"),
    ]
    if case.diagnosis.notes:
        parts += ["## Notes", _listed(map(inline, case.diagnosis.notes))]
    return "\n\n".join(parts) + "\n"


def inline(text: str) -> str:
    """Text inside a line: one line, and no mark in it means anything.

    >>> inline("<b> *so* | $5 ![x](y)")
    '&lt;b&gt; \\\\*so\\\\* \\\\| &#36;5 \\\\!\\\\[x\\\\](y)'
    """
    line = normalise_whitespace(visible(text))
    return esc(_MARKS.sub(_without_meaning, line))


def _without_meaning(mark: re.Match[str]) -> str:
    found = mark.group()
    return f"{found[:-1]}\\{found[-1]}"


def block(text: str, language: str = "text") -> str:
    """Text as it stands, in a fence that it cannot close."""
    shown = visible(text).rstrip("\n")
    longest = max((len(found) for found in _FENCE.findall(shown)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _listed(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _asked(case: CaseFile) -> Iterator[str]:
    diagnosis = case.diagnosis
    yield "## Question and answer"
    yield _listed(f"{name}: {inline(value)}" for name, value in asked_rows(case))
    if diagnosis.question.query.expected_answer:
        yield "Expected answer:"
        yield block(diagnosis.question.query.expected_answer)
    yield "Answer:" if diagnosis.answer is not None else "No answer was written."
    if diagnosis.answer is not None:
        yield block(diagnosis.answer)


def _evidence(case: CaseFile) -> Iterator[str]:
    diagnosis = case.diagnosis
    yield "## Evidence"
    alternatives = diagnosis.question.evidence
    if not alternatives:
        yield "None is known."
    for at, spans in enumerate(alternatives, start=1):
        if len(alternatives) > 1:
            yield f"Alternative {at}:"
        for span in spans:
            yield f"{inline(place(span))}:"
            if span.quote:
                yield block(span.quote)
    if diagnosis.candidates:
        yield "Places that were considered:"
        rows = (
            [number(c.match, 2), inline(c.how), inline(place(c.span)), inline(c.text)]
            for c in diagnosis.candidates
        )
        yield _table(CANDIDATES, rows)


def _funnel(case: CaseFile) -> Iterator[str]:
    found = displacers(case)
    labels = {d.chunk_id: d.label for d in found}
    yield "## The evidence from stage to stage"
    yield _table(
        FUNNEL,
        [
            [*map(inline, funnel_row(view, case.diagnosis, labels))]
            for view in case.diagnosis.funnel
        ],
    )
    if found:
        yield "In front of the evidence:"
        yield _table(
            ("", "Document", "Headings", "Begins", "At"),
            [
                [
                    d.label,
                    inline(d.excerpt.doc_id if d.excerpt else d.chunk_id),
                    inline(" > ".join(d.excerpt.headings) if d.excerpt else "") or NOTHING,
                    inline(d.excerpt.text if d.excerpt else "") or NOTHING,
                    inline(", ".join(d.stages)),
                ]
                for d in found
            ],
        )


def _findings(case: CaseFile) -> Iterator[str]:
    yield "## Findings"
    for verdict_, findings in by_verdict(case.diagnosis).items():
        yield f"### {verdict_.capitalize()}"
        yield f"{VERDICTS[verdict_]}."
        rows = []
        for finding in findings:
            cause, stage, said, gained = finding_row(finding)
            rows.append(
                [inline(cause), inline(stage), "<br>".join(map(inline, said)), inline(gained)]
            )
        yield _table(FINDINGS, rows)


def _repairs(case: CaseFile) -> Iterator[str]:
    repairs = case.diagnosis.repairs
    yield "## Repairs"
    if not repairs:
        yield "None was looked for."
        return
    yield _table(REPAIRS, [[*map(inline, repair_row(repair))] for repair in repairs])
    for repair in repairs:
        yield f"{inline(repair.title)}:"
        yield block(repair.code, "python")
