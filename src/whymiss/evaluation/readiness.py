"""Is this pipeline ready for production? A checklist computed from a run and facts of the store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from whymiss.errors import ConfigError
from whymiss.evaluation.facts import Rerun, StoreFacts
from whymiss.evaluation.measures.latency import latency_percentile
from whymiss.stages import STAGES

if TYPE_CHECKING:
    from whymiss.evaluation.run import EvaluationRun
    from whymiss.evaluation.statistics import Interval

Verdict = Literal["met", "missed", "unknown"]

RECALL: Final = "recall@5"
HOLDOUT: Final = "holdout"
LEAST_TIMED: Final = 20
"""Of fewer questions not one whole question lies above the 95th percentile."""

_FINDS_OUT: Final = "whymiss.report.gather(workbench, run, questions) finds it out"

FAILURES: Final = ("empty retrieval", "low score", "truncated context")
"""The flags that a log of production requests must show."""

RETRIEVAL_STAGES: Final = STAGES[STAGES.index("embed") : STAGES.index("select") + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What counts as ready.

    recall : least recall@5, on at least `n_questions` labelled questions.
    faithfulness, citation_precision, citation_recall : least means over held-out questions.
    p95_ms : most milliseconds from embedding the question to the selected chunks, for 95 % of them.

    >>> Thresholds(recall=0.8).n_questions
    100
    """

    recall: float = 0.9
    n_questions: int = 100
    faithfulness: float = 0.9
    citation_precision: float = 0.9
    citation_recall: float = 0.9
    p95_ms: float = 200.0

    def __post_init__(self) -> None:
        for name in ("recall", "faithfulness", "citation_precision", "citation_recall"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ConfigError(f"Thresholds.{name} is a share from 0 to 1; got {value}.")
        if self.n_questions < 1:
            raise ConfigError(f"Thresholds.n_questions is at least 1; got {self.n_questions}.")
        if not 0 < self.p95_ms < math.inf:
            raise ConfigError(f"Thresholds.p95_ms is above 0 and finite; got {self.p95_ms}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the checklist; `number` is empty only where there is none to give.

    An unknown line says in `detail` what is missing and what would find it out.
    """

    name: str
    verdict: Verdict
    number: str
    threshold: str
    detail: str


def readiness(
    *,
    run: EvaluationRun,
    facts: StoreFacts,
    holdout: EvaluationRun | None = None,
    thresholds: Thresholds | None = None,
) -> tuple[Check, ...]:
    """The checklist, line by line; nothing is looked up or run here.

    Parameters
    ----------
    run : the labelled questions that recall is judged on.
    facts : what `whymiss.report.gather` found out about the store.
    holdout : a run, with answers, of questions that nothing was tuned on (split "holdout").

    Returns
    -------
    tuple of Check
        Always the same lines in the same order, each met, missed or unknown.
    """
    limits = thresholds or Thresholds()
    return (
        _idempotent(facts.reruns),
        _models(facts.models),
        _recall(run, limits),
        *(
            _held_out(run, holdout, measure, least=least)
            for measure, least in (
                ("lexical_faithfulness", limits.faithfulness),
                ("citation_precision", limits.citation_precision),
                ("citation_recall", limits.citation_recall),
            )
        ),
        _latency(facts.timed, limits.p95_ms),
        *(_failure_logged(flag, facts) for flag in FAILURES),
    )


def _idempotent(reruns: tuple[Rerun, ...]) -> Check:
    done = [r for r in reruns if not r.not_tried_because]
    left = [f"{r.what} was not run again: {r.not_tried_because}" for r in reruns if r not in done]
    told = [_of_rerun(r) for r in done]
    verdict: Verdict = "met"
    if not all(r.idle for r in done):
        verdict = "missed"
    elif not any(r.kind == "ingest" for r in done):
        verdict = "unknown"
        if not left:
            left = [f"nothing was run again; {_FINDS_OUT}"]
    embedded, written = sum(r.n_embedded for r in done), sum(r.n_written for r in done)
    return Check(
        name="ingest idempotent",
        verdict=verdict,
        number=f"{embedded} embedded, {written} written when run again" if done else "",
        threshold="0 embedded, 0 written, no new version",
        detail="; ".join([*told, *left]),
    )


def _of_rerun(rerun: Rerun) -> str:
    moved = [f"{t} from version {rerun.before.get(t)} to {rerun.after.get(t)}" for t in rerun.moved]
    kept = f"moved {', '.join(moved)}" if moved else "kept every version"
    return f"{rerun.what}: {rerun.n_embedded} embedded, {rerun.n_written} written, {kept}"


def _models(models: Mapping[str, Mapping[str, int]] | None) -> Check:
    found = models or {}
    n_rows = sum(sum(rows.values()) for rows in found.values())
    n_named = n_rows - sum(rows.get("", 0) for rows in found.values())
    mixed = [name for name, rows in found.items() if len(rows.keys() - {""}) > 1]
    problems = [f"index {name!r} mixes {', '.join(sorted(found[name]))}" for name in mixed]
    problems += [
        f"{rows['']} vectors of index {name!r} name no model" for name, rows in found.items()
        if rows.get("")
    ]  # fmt: skip
    verdict: Verdict = "missed" if problems else "met"
    detail = "; ".join(problems or [f"index {n!r}: {', '.join(rows)}" for n, rows in found.items()])
    if not n_rows:
        verdict = "unknown"
        detail = (
            f"the vectors were not looked at; {_FINDS_OUT}"
            if models is None
            else "the store holds no vector; ingest documents first"
        )
    return Check(
        name="model name and version on every vector",
        verdict=verdict,
        number=f"{n_named} of {n_rows} vectors" if n_rows else "",
        threshold="every vector, one model per index",
        detail=detail,
    )


def _recall(run: EvaluationRun, limits: Thresholds) -> Check:
    name, least = RECALL, limits.n_questions
    threshold = f"at least {limits.recall:g} on at least {least} questions"
    if name not in run.measures:
        return _unknown(
            name,
            threshold,
            f"{name} was not measured; workbench.evaluate(questions, measures=[{name!r}]) does",
        )
    score = run.score(name)
    if score.n < least:
        known = f"only {score.n} questions have a {name}"
        detail = f"{known}; label {least - score.n} more and evaluate again"
        return _unknown(name, threshold, detail, number=_number(score))
    return _against(name, score, limits.recall, threshold=threshold)


def _held_out(
    run: EvaluationRun, holdout: EvaluationRun | None, measure: str, *, least: float
) -> Check:
    name = f"{measure.replace('_', ' ')} on held-out questions"
    threshold = f"at least {least:g}"
    if holdout is None:
        detail = "there is no run over held-out questions"
    else:
        detail = _why_not_held_out(run, holdout, measure)
    if detail or holdout is None:
        call = f"workbench.evaluate(questions, split={HOLDOUT!r}, answers=True)"
        advice = f"{call} makes one, to be passed as holdout"
        return _unknown(name, threshold, f"{detail}; {advice}")
    score = holdout.score(measure)
    if not score.n:
        detail = f"no answer has a {measure.replace('_', ' ')} ({_reasons(holdout, measure)})"
        return _unknown(name, threshold, f"{detail}; read those answers in holdout.table")
    check = _against(name, score, least, threshold=threshold)
    if measure.startswith("lexical"):
        check = replace(check, detail=f"{check.detail}; words are compared, not meaning")
    return check


def _why_not_held_out(run: EvaluationRun, holdout: EvaluationRun, measure: str) -> str:
    splits = set(holdout.table["split"])
    if splits != {HOLDOUT}:
        shown = ", ".join(sorted(repr(split) for split in splits)) or "no question"
        return f"the held-out run holds {shown}"
    other = [knob for knob in holdout.config.diff(run.config) if not knob.startswith("trace.")]
    if other:
        return f"the held-out run has another configuration ({', '.join(other)})"
    if not holdout.table["abstained"].notna().any():
        return "the held-out run wrote no answers"
    if measure not in holdout.measures:
        return f"the held-out run did not measure {measure}"
    return ""


def _reasons(run: EvaluationRun, measure: str) -> str:
    rows = run.undefined[run.undefined["measure"] == measure]
    counts = rows["reason"].value_counts()
    return "; ".join(f"{reason}: {n}" for reason, n in sorted(counts.items())) or "no question"


def _against(name: str, score: Interval, least: float, *, threshold: str) -> Check:
    share = f"{100 * score.confidence:g} %"
    met = score.estimate >= least
    if score.undefined_because:
        detail = f"no interval: {score.undefined_because}"
    elif met and score.low < least:
        detail = f"met, but the {share} interval reaches down to {score.low:.3f}"
    elif not met and score.high >= least:
        detail = f"missed, but the {share} interval reaches up to {score.high:.3f}"
    else:
        side = "at or above" if met else "below"
        detail = f"the whole {share} interval lies {side} the threshold"
    if score.n_undefined:
        detail += f"; {score.n_undefined} more questions have no score, with reasons in the run"
    return Check(
        name=name,
        verdict="met" if met else "missed",
        number=_number(score),
        threshold=threshold,
        detail=detail,
    )


def _number(score: Interval) -> str:
    if not score.n:
        return "0 questions"
    shown = f"{score.estimate:.3f}"
    if not score.undefined_because:
        shown = f"{shown} [{score.low:.3f}, {score.high:.3f}]"
    return f"{shown} on {score.n} questions"


def _latency(timed: tuple[Mapping[str, float], ...], budget: float) -> Check:
    name, threshold = "p95 retrieval latency", f"at most {budget:g} ms"
    retrieval = [{s: t[s] for s in RETRIEVAL_STAGES if s in t} for t in timed]
    n = sum(bool(seconds) for seconds in retrieval)
    p95 = latency_percentile(retrieval, 95)
    number = "" if p95.undefined_because else f"{p95.value:.1f} ms on {n} questions"
    if n < LEAST_TIMED:
        detail = (
            f"{n} questions were timed one at a time and {LEAST_TIMED} are needed; {_FINDS_OUT}, "
            "given as many questions"
        )
        return _unknown(name, threshold, detail, number=number)
    median = latency_percentile(retrieval, 50)
    ran = [stage for stage in RETRIEVAL_STAGES if any(stage in t for t in retrieval)]
    return Check(
        name=name,
        verdict="met" if p95.value <= budget else "missed",
        number=number,
        threshold=threshold,
        detail=f"median {median.value:.1f} ms; stages {', '.join(ran)}; one question at a time",
    )


def _failure_logged(flag: str, facts: StoreFacts) -> Check:
    name, threshold = f"failure logged: {flag}", "a question made to fail is logged with its flag"
    probe = next((p for p in facts.probes if p.flag == flag), None)
    number = f"{facts.logged.get(flag, 0)} of {facts.n_logged} logged requests"
    if probe is None or facts.keeps_traces is None:
        detail = f"no question was made to fail; {_FINDS_OUT}"
        return _unknown(name, threshold, detail)
    if probe.not_tried_because:
        return _unknown(name, threshold, probe.not_tried_because, number=number)
    raised = flag in probe.logged
    detail = f"the log of a question made to fail says {', '.join(probe.logged) or 'nothing'}"
    if not facts.keeps_traces:
        detail += "; but trace.keep is off, so no request is logged: turn it on"
    elif not raised and probe.note:
        detail += f"; {probe.note}"
    verdict: Verdict = "met" if raised and facts.keeps_traces else "missed"
    return Check(name=name, verdict=verdict, number=number, threshold=threshold, detail=detail)


def _unknown(name: str, threshold: str, detail: str, *, number: str = "") -> Check:
    return Check(name=name, verdict="unknown", number=number, threshold=threshold, detail=detail)
