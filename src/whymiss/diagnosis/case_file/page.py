"""A case as one HTML file that needs nothing else: no script, no picture, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from whymiss.diagnosis.case_file.recipe import recipe
from whymiss.diagnosis.case_file.record import CaseFile
from whymiss.diagnosis.case_file.sentences import cited, verdict
from whymiss.diagnosis.case_file.tables import (
    CANDIDATES,
    FINDINGS,
    FUNNEL,
    REPAIRS,
    VERDICTS,
    Displacer,
    asked_rows,
    by_verdict,
    displacers,
    finding_row,
    funnel_row,
    place,
    repair_row,
)
from whymiss.diagnosis.records import Diagnosis, Finding, StageView, Verdict
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.pages.frame import page
from whymiss.pages.markup import Child, Markup, foreign, join, number, table, tag, wide

_CLASSES: Final[Mapping[str, str]] = {"✓": "met", "✗": "missed", "–": "unknown"}
_OPEN: Final[frozenset[Verdict]] = frozenset({"proven", "implicated"})


def to_html(case: CaseFile) -> str:
    """The whole page.

    Every text of a corpus, a question or an answer is escaped; a browser is told besides to run
    and fetch nothing.
    """
    diagnosis = case.diagnosis
    sections: dict[str, tuple[str, Markup]] = {
        "asked": ("Question and answer", _asked(case)),
        "evidence": ("Evidence", _evidence(diagnosis)),
        "funnel": ("From stage to stage", _funnel(case)),
        "findings": ("Findings", _findings(diagnosis)),
        "repairs": ("Repairs", _repairs(diagnosis)),
        "replay": ("Replay", _replay(case)),
    }
    if diagnosis.notes:
        items = (tag("li", foreign(note)) for note in diagnosis.notes)
        sections["notes"] = ("Notes", tag("ul", *items))
    return page(f"Case: {diagnosis.question.query.text}", _header(diagnosis), sections)


def _header(diagnosis: Diagnosis) -> Markup:
    proven = [diagnosis.finding(code) for code in diagnosis.proven]
    tiles = [
        ("ending", diagnosis.ending),
        ("lost at", diagnosis.lost_at or "nowhere"),
        ("stage at fault", diagnosis.stage or "none"),
        ("proven", cited(proven[0]) if proven else _unproven(diagnosis)),
        ("runs of the pipeline", str(diagnosis.n_reruns)),
    ]
    return tag(
        "header",
        tag("p", "Case file", class_="soft"),
        tag("h1", foreign(diagnosis.question.query.text)),
        tag("p", foreign(verdict(diagnosis)), class_="verdict"),
        tag("ul", *(tag("li", tag("span", n), tag("b", v)) for n, v in tiles), class_="tiles"),
        tag(
            "p", "This file holds the question, passages and answers in plain text.", class_="soft"
        ),
    )


def _unproven(diagnosis: Diagnosis) -> str:
    return "unexplained" if diagnosis.unexplained else "nothing"


def _asked(case: CaseFile) -> Markup:
    diagnosis = case.diagnosis
    expected = diagnosis.question.query.expected_answer
    rows = (
        piece
        for name, value in asked_rows(case)
        for piece in (tag("dt", name), tag("dd", foreign(value)))
    )
    pieces: list[Child] = [tag("h3", "Answer"), _text(diagnosis.answer, "No answer was written.")]
    if expected:
        pieces += [tag("h3", "Expected answer"), tag("pre", expected)]
    return join([*pieces, tag("h3", "Asked of"), tag("dl", *rows)])


def _text(text: str | None, otherwise: str) -> Markup:
    return tag("p", otherwise) if text is None else tag("pre", text)


def _evidence(diagnosis: Diagnosis) -> Markup:
    alternatives = diagnosis.question.evidence
    pieces: list[Child] = []
    if not alternatives:
        pieces.append(tag("p", "No evidence is known."))
    elif len(alternatives) > 1:
        pieces.append(tag("p", "Any one of these alternatives answers the question."))
    for at, spans in enumerate(alternatives, start=1):
        if len(alternatives) > 1:
            pieces.append(tag("h3", f"Alternative {at}"))
        pieces += [piece for span in spans for piece in _span(span)]
    if diagnosis.candidates:
        pieces.append(_candidates(diagnosis))
    return join(pieces)


def _span(span: EvidenceSpan) -> list[Child]:
    return [tag("p", foreign(place(span))), tag("pre", span.quote) if span.quote else None]


def _candidates(diagnosis: Diagnosis) -> Markup:
    rows: list[list[Child]] = [
        [number(c.match, 2), c.how, foreign(place(c.span)), foreign(c.text)]
        for c in diagnosis.candidates
    ]
    title = tag("summary", f"Places that were considered ({len(rows)})")
    listed = wide(table("The places that fit what was given", CANDIDATES, rows, numeric=(0,)))
    return tag("details", title, listed, open=None if diagnosis.question.evidence else "")


def _funnel(case: CaseFile) -> Markup:
    found = displacers(case)
    labels = {d.chunk_id: d.label for d in found}
    caption = (
        "Rank: where the evidence is complete, of how many items. Cut: how many the next stage "
        "looks at. Margin: the evidence's score above that of the last item within the cut. "
        "In front: chunks that hold none of it."
    )
    rows = [_stage(view, case.diagnosis, labels) for view in case.diagnosis.funnel]
    pieces = [wide(table(caption, FUNNEL, rows, numeric=(2, 3, 4, 5, 6)))]
    if found:
        headings = ("In front", "Document", "Begins", "At")
        shown = "The chunks in front of the evidence"
        pieces.append(wide(table(shown, headings, [_displacer(d) for d in found])))
    return join(pieces)


def _stage(view: StageView, diagnosis: Diagnosis, labels: Mapping[str, str]) -> list[Child]:
    stage, held, *numbers, _, note = funnel_row(view, diagnosis, labels)
    front = [tag("a", labels[i], href=f"#{labels[i]}") for i in view.displaced_by]
    return [stage, _marked(held), *numbers, join(front, " ") if front else "–", foreign(note)]


def _marked(cell: str) -> Markup:
    """A cell that begins with a mark, in the mark's colour; the words after a colon in none."""
    word, colon, rest = cell.partition(": ")
    shown = tag("span", word.replace(" ", "\u00a0"), class_=_CLASSES[cell[0]])
    return join([shown, colon, foreign(rest)]) if rest else shown


def _displacer(found: Displacer) -> list[Child]:
    at = ", ".join(found.stages)
    if found.excerpt is None:
        return [_label(found), tag("code", found.chunk_id), "not shown", at]
    headings = " > ".join(found.excerpt.headings)
    where = join([
        foreign(found.excerpt.doc_id),
        tag("div", foreign(headings), class_="soft") if headings else None,
    ])  # fmt: skip
    return [_label(found), where, foreign(found.excerpt.text), at]


def _label(found: Displacer) -> Markup:
    return tag("span", found.label, id=found.label)


def _findings(diagnosis: Diagnosis) -> Markup:
    return join(_group(verdict_, findings) for verdict_, findings in by_verdict(diagnosis).items())


def _group(verdict_: Verdict, findings: Sequence[Finding]) -> Markup:
    rows = [_finding(finding) for finding in findings]
    listed = wide(table(f"{VERDICTS[verdict_]}.", FINDINGS, rows, numeric=(3,)))
    title = tag("summary", f"{verdict_.capitalize()} ({len(rows)})")
    return tag("details", title, listed, open="" if verdict_ in _OPEN else None)


def _finding(finding: Finding) -> list[Child]:
    cause, stage, said, gained = finding_row(finding)
    code, _, name = cause.partition(" ")
    first, *others = said
    found = [foreign(first), *(tag("div", foreign(line), class_="soft") for line in others)]
    return [join([tag("code", code), " ", name]), stage, join(found), gained]


def _repairs(diagnosis: Diagnosis) -> Markup:
    if not diagnosis.repairs:
        return tag("p", "None was looked for, or none applies.")
    caption = (
        "Rescues: found out by running it. Wins and losses: labelled questions whose evidence is "
        "delivered only with it, and only without it; then the change of their share."
    )
    rows: list[list[Child]] = []
    for repair in diagnosis.repairs:
        title, rescues, wins, losses, effect, tokens = repair_row(repair)
        named = join([foreign(title), tag("pre", repair.code)])
        rows.append([named, _marked(rescues), wins, losses, foreign(effect), tokens])
    return wide(table(caption, REPAIRS, rows, numeric=(2, 3)))


def _replay(case: CaseFile) -> Markup:
    told = "Python that makes this diagnosis again, with every knob and the places of the evidence."
    return join([tag("p", told, class_="soft"), tag("pre", recipe(case))])
