"""What a diagnosis says: the funnel, a finding for every cause, the repairs that were tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from whymiss.diagnosis.repairs.repair import Repair
from whymiss.evaluation.labels import EvidenceSpan, Question

Verdict = Literal["proven", "implicated", "cleared", "unknown"]
"""proven : with this one thing put right the evidence (or the answer) comes through.
implicated : something is out of order here, but putting it right alone does not help.
cleared : looked at, and in order or without effect.
unknown : an input is missing, or the question never comes so far; never "fine"."""

Ending = Literal["healthy", "wrong answer", "lost", "unjudged"]
"""healthy : evidence delivered, and the answer (if one was written) rests on it.
wrong answer : evidence delivered, and the answer does not rest on it.
lost : the evidence is not in the context.
unjudged : no evidence is known, so nothing can be said to be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """The evidence at one stage of the request.

    holds : whether the stage handed on all the evidence; None where it cannot be told. An order
        loses what it puts behind the cut only where it stood within it before.
    rank : where the evidence is complete among what was handed on, counted from 1; None if never.
    n : how many items were handed on. cut : how many of them the next stage looks at.
    score, cut_score : of the item that completes the evidence, and of the last one within the cut;
        None where the stage has no scores or there is no such item.
    displaced_by : chunk ids in front of the evidence that hold none of it, best first.
    note : what else there is to say.
    """

    stage: str
    holds: bool | None
    rank: int | None = None
    n: int = 0
    cut: int | None = None
    score: float | None = None
    cut_score: float | None = None
    displaced_by: tuple[str, ...] = ()
    note: str = ""

    @property
    def margin(self) -> float | None:
        """How far the evidence's score is above (or, negative, below) the cut."""
        if self.score is None or self.cut_score is None:
            return None
        return self.score - self.cut_score


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one cause.

    cause, name, stage : its code, what it is called, and the stage at fault.
    says : one sentence with the numbers.
    deviation : what is out of order whether or not it matters here; empty if nothing is.
    definite : the deviation is an anomaly by itself, not a matter of degree.
    patch : what was put right to see whether it matters; empty if nothing was tried.
    severity : ranks that the patch brings the evidence forward; None where it has no rank.
    together_with : other causes without whose patches this one does not help.
    """

    cause: str
    name: str
    stage: str
    verdict: Verdict
    says: str
    deviation: str = ""
    definite: bool = False
    patch: str = ""
    severity: int | None = None
    together_with: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A place of the corpus that may be the evidence, and how well it fits what was given."""

    span: EvidenceSpan
    text: str
    match: float
    how: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Diagnosis:
    """One question walked down its pipeline.

    question : with the evidence that was used; `candidates` are the places it may stand, when it
        had to be located.
    ending : how the request ended; `answer` what it answered, if it did.
    lost_at : the first stage that lost the evidence ("dense, bm25" where every branch did); empty
        when none did.
    findings : one for every cause, in the order of the walk.
    proven : codes of the proven causes: what is out of order in itself first, then the cheapest.
    repairs : what was tried to repair it, rescues first and then the cheapest; empty where no
        repairs were looked for.
    then : codes of what is wrong further on, in the answer, once the first cause is put right.
    unexplained : the evidence was lost (or the answer wrong), and no patch or pair brings it back.
    n_reruns : how many times the pipeline was run again.
    options : what was asked for: "repairs", "rebuild" and "answers".
    """

    question: Question
    config_fingerprint: str
    index_name: str
    index_version: str
    ending: Ending
    answer: str | None
    lost_at: str
    funnel: tuple[StageView, ...]
    findings: tuple[Finding, ...]
    proven: tuple[str, ...]
    unexplained: bool
    then: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
    n_reruns: int = 0
    options: Mapping[str, bool] = field(default_factory=dict)

    @property
    def cause(self) -> Finding | None:
        """The first proven cause; None when nothing is proven."""
        return self.finding(self.proven[0]) if self.proven else None

    @property
    def stage(self) -> str:
        """The stage at fault: that of the first proven cause, else where the evidence was lost."""
        return self.cause.stage if self.cause is not None else self.lost_at

    @property
    def named(self) -> tuple[str, ...]:
        """Codes of all that is named as wrong: proven, further on, and anomalies without effect."""
        anomalies = (f.cause for f in self.findings if f.verdict == "implicated" and f.definite)
        return tuple(dict.fromkeys([*self.proven, *self.then, *anomalies]))

    def __repr__(self) -> str:
        from whymiss.diagnosis.case_file.sentences import verdict

        return f"Diagnosis of {self.question.query.text!r}: {verdict(self)}"

    def _repr_html_(self) -> str:
        from whymiss.diagnosis.tables import diagnosis_html

        return diagnosis_html(self)

    def finding(self, cause: str) -> Finding:
        """The finding of a cause, by its code."""
        return next(finding for finding in self.findings if finding.cause == cause)
