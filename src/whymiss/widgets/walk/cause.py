"""The fourth step as HTML: the cause and its proof, what else is out of order, what is cleared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whymiss.diagnosis.case_file.sentences import cited, verdict
from whymiss.diagnosis.case_file.tables import FINDINGS, VERDICTS, by_verdict, finding_row
from whymiss.diagnosis.records import Diagnosis, Finding, Verdict
from whymiss.pages.markup import PLAIN, Child, Inline, Markup, foreign, join, table, tag
from whymiss.text import counted
from whymiss.widgets.base.controls import scrolled

_RIGHT_BY_EVIDENCE: Final = (
    "By this evidence the answer is right: it stands in the context, and the answer repeats it. "
    "If the answer is wrong all the same, other evidence is needed: take it above, and look again."
)
_UNEXPLAINED: Final = (
    "Whatever was put right, alone or together, the question did not come through. What was out of "
    "order is listed below; none of it is proven."
)


def cause_html(diagnosis: Diagnosis) -> Markup:
    """The verdict in a sentence, the proof, and what was found of every other cause."""
    groups = by_verdict(diagnosis)
    then = [diagnosis.finding(code) for code in diagnosis.then]
    return join(
        [
            tag("h3", "4. The cause"),
            tag("p", foreign(verdict(diagnosis)), class_="wm-verdict", role="status"),
            tag("p", _RIGHT_BY_EVIDENCE) if diagnosis.ending == "healthy" else None,
            tag("p", _UNEXPLAINED, class_="wm-unsure") if diagnosis.unexplained else None,
            proofs_html(diagnosis),
            *(tag("p", f"Then, further on: {cited(finding)}: ", foreign(finding.says))
              for finding in then),
            _found("implicated", groups.get("implicated", ()), opened=True),
            _found("unknown", groups.get("unknown", ())),
            _found("cleared", groups.get("cleared", ())),
            notes_html(diagnosis),
            tag("p", f"The pipeline was run {counted(diagnosis.n_reruns, 'more time')} for this.",
                class_="wm-soft"),
        ]
    )  # fmt: skip


def proofs_html(diagnosis: Diagnosis) -> Markup | None:
    """Every proven cause: what was put right, and what happened then."""
    if not diagnosis.proven:
        return None
    proven = (diagnosis.finding(code) for code in diagnosis.proven)
    return tag("ol", *(_proof(finding, diagnosis) for finding in proven), class_="wm-proofs")


def _proof(finding: Finding, diagnosis: Diagnosis) -> Markup:
    """What was found, what was put right, and what came of it with all else kept."""
    # Of the first the verdict above has said it.
    says = None if finding.cause == diagnosis.proven[0] else foreign(f": {finding.says}")
    return tag(
        "li",
        tag("strong", cited(finding)),
        f" at {finding.stage}",
        says,
        tag("div", "Put right: ", foreign(finding.patch), ". ", came_of_it(finding, diagnosis)),
    )


def came_of_it(finding: Finding, diagnosis: Diagnosis) -> str:
    """What putting one thing right led to, in a sentence."""
    lost = diagnosis.ending == "lost"
    came = "the evidence came into the context" if lost else "the answer came right"
    if finding.together_with:
        return f"Only with {', '.join(finding.together_with)} put right too, {came}."
    orders = [v.rank for v in diagnosis.funnel if v.cut is not None and v.stage != "select"]
    before = orders[-1] if orders else None
    if before is None or not finding.severity:
        return f"All else kept, {came}."
    after = before - finding.severity
    return f"All else kept, {came}: from rank {before} to rank {after} of the candidates."


def _found(
    verdict_: Verdict, findings: Sequence[Finding], *, opened: bool = False
) -> Markup | None:
    if not findings:
        return None
    return tag(
        "details",
        tag("summary", f"{verdict_.capitalize()} ({len(findings)})"),
        scrolled(f"Causes that are {verdict_}", findings_table(verdict_, findings)),
        open="" if opened else None,
        data_key=verdict_,
    )


def findings_table(
    verdict_: Verdict, findings: Sequence[Finding], *, style: Inline = PLAIN
) -> Markup:
    """What was found of causes that have one verdict."""
    rows: list[Sequence[Child]] = []
    for finding in findings:
        cause, stage, said, gained = finding_row(finding)
        rows.append([cause, stage, join(tag("div", foreign(line)) for line in said), gained])
    return table(f"{VERDICTS[verdict_]}.", FINDINGS, rows, numeric=(3,), style=style)


def notes_html(diagnosis: Diagnosis) -> Markup | None:
    """What else is to be said of how the evidence was found and the repairs priced."""
    if not diagnosis.notes:
        return None
    return tag("ul", *(tag("li", foreign(note)) for note in diagnosis.notes), class_="wm-soft")
