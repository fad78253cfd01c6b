"""The tables of a case file, cell by cell as plain text: every format shows the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from whymiss.config import PipelineConfig
from whymiss.diagnosis.case_file.record import CaseFile, Excerpt
from whymiss.diagnosis.case_file.sentences import name_of
from whymiss.diagnosis.records import Diagnosis, Finding, StageView, Verdict
from whymiss.diagnosis.repairs.repair import Repair
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.evaluation.statistics import Interval
from whymiss.frames import clause_text
from whymiss.pages.markup import number

NOTHING: Final = "–"

VERDICTS: Final[Mapping[Verdict, str]] = {
    "proven": "Put right, the question comes through",
    "implicated": "Out of order, but putting it right alone does not help",
    "unknown": "An input is missing, or the question never came so far",
    "cleared": "In order, or without effect",
}

FUNNEL: Final = (
    "Stage", "Evidence", "Rank", "Of", "Cut", "Score", "Margin", "In front", "Note",
)  # fmt: skip
FINDINGS: Final = ("Cause", "Stage", "What was found", "Ranks gained")
REPAIRS: Final = ("Repair", "Rescues", "Wins", "Losses", "Delivered evidence", "Tokens")
CANDIDATES: Final = ("Match", "How", "Place", "Text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacer:
    """A chunk in front of the evidence: its short label, and the stages at which it was."""

    label: str
    chunk_id: str
    excerpt: Excerpt | None
    stages: tuple[str, ...]


def displacers(case: CaseFile) -> tuple[Displacer, ...]:
    """Every chunk in front of the evidence anywhere, labelled in the order of the funnel."""
    stages: dict[str, list[str]] = {}
    for view in case.diagnosis.funnel:
        for chunk_id in view.displaced_by:
            stages.setdefault(chunk_id, []).append(view.stage)
    return tuple(
        Displacer(
            label=f"D{place}",
            chunk_id=chunk_id,
            excerpt=case.excerpts.get(chunk_id),
            stages=tuple(found),
        )
        for place, (chunk_id, found) in enumerate(stages.items(), start=1)
    )


def funnel_row(view: StageView, diagnosis: Diagnosis, labels: Mapping[str, str]) -> list[str]:
    """One stage; whether it held the evidence is a mark and a word."""
    return [
        view.stage,
        holds(view, diagnosis),
        _or_nothing(view.rank),
        _or_nothing(view.n or None),
        _or_nothing(view.cut),
        NOTHING if view.score is None else number(view.score, 4),
        NOTHING if view.margin is None else f"{view.margin:+.4f}",
        " ".join(labels[chunk_id] for chunk_id in view.displaced_by) or NOTHING,
        view.note,
    ]


def holds(view: StageView, diagnosis: Diagnosis) -> str:
    """Whether the evidence is there, in a mark and words."""
    if view.holds is None:
        return "– not told"
    if view.holds:
        return "✓ there"
    return "✗ lost here" if view.stage in diagnosis.lost_at.split(", ") else "✗ not there"


def by_verdict(diagnosis: Diagnosis) -> dict[Verdict, list[Finding]]:
    """The findings of each verdict, proven ones in the order in which they are proven."""
    groups: dict[Verdict, list[Finding]] = {verdict: [] for verdict in VERDICTS}
    for finding in diagnosis.findings:
        groups[finding.verdict].append(finding)
    order = {code: place for place, code in enumerate(diagnosis.proven)}
    groups["proven"].sort(key=lambda finding: order.get(finding.cause, len(order)))
    return {verdict: found for verdict, found in groups.items() if found}


def finding_row(finding: Finding) -> tuple[str, str, list[str], str]:
    """Cause, stage, what was found line by line, ranks gained."""
    found = [
        finding.says,
        # Often the deviation is all there is to say.
        *([f"Out of order: {finding.deviation}"]
          if finding.deviation not in ("", finding.says) else []),
        *([f"Put right: {finding.patch}"] if finding.patch else []),
        *([f"Only together with: {', '.join(finding.together_with)}"]
          if finding.together_with else []),
    ]  # fmt: skip
    gained = NOTHING if finding.severity is None else f"{finding.severity:+d}"
    return f"{finding.cause} {name_of(finding)}", finding.stage, found, gained


def repair_row(repair: Repair) -> list[str]:
    """One repair and its price, without the code that makes it."""
    price = repair.price
    if price is None:
        effect, wins, losses = repair.unpriced_because or "not priced", NOTHING, NOTHING
    else:
        effect = f"{_interval(price.interval)}, n\u00a0=\u00a0{price.n_questions}"
        wins, losses = str(len(price.wins)), str(len(price.losses))
    why = f": {repair.because}" if repair.because else ""
    rescues = {True: "✓ yes", False: "✗ no", None: "– not run"}[repair.rescues] + why
    if repair.rescues and repair.answered is False:
        rescues += ", but the answer does not rest on it"
    return [f"{repair.title} ({repair.kind})", rescues, wins, losses, effect, _tokens(repair)]


def _interval(interval: Interval) -> str:
    if interval.undefined_because:
        shown = number(interval.estimate)
        return f"{shown} (no interval: {interval.undefined_because})"
    low, high = interval.low, interval.high
    return f"{interval.estimate:+.3f} [{low:+.3f}, {high:+.3f}]"


def _tokens(repair: Repair) -> str:
    own = NOTHING if repair.added_tokens is None else f"{repair.added_tokens:+d}"
    if repair.price is None or repair.price.added_tokens != repair.price.added_tokens:
        return own
    return f"{own} here, {repair.price.added_tokens:+.1f} on average"


def place(span: EvidenceSpan) -> str:
    """Where a span stands, in a few words."""
    if not span.pinned:
        return f"{span.doc_id} (the quote has no place in it)"
    start, end = span.interval
    return f"{span.doc_id}:{start}-{end}"


def asked_rows(case: CaseFile) -> list[tuple[str, str]]:
    """What was asked, and of what; without the texts of question, answer and evidence."""
    query = case.diagnosis.question.query
    return [
        ("asked by", ", ".join(query.principals) or "anybody"),
        ("where", "; ".join(clause_text(clause) for clause in query.where) or "no condition"),
        *([("tags", ", ".join(query.tags))] if query.tags else []),
        ("store", case.store),
        ("index", f"{case.diagnosis.index_name}, version {case.diagnosis.index_version}"),
        ("configuration", case.diagnosis.config_fingerprint),
        ("knobs off their defaults", _knobs(case.config)),
    ]


def _knobs(config: PipelineConfig) -> str:
    differing = config.diff(PipelineConfig())
    return "; ".join(f"{knob} = {here!r}" for knob, (here, _) in differing.items()) or "none"


def _or_nothing(value: int | None) -> str:
    return NOTHING if value is None else number(value)
