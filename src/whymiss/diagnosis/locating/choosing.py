"""One candidate taken where it is plain which; else all of them, for the user to pick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whymiss.answering.lexical import exact_terms, missing_exact
from whymiss.diagnosis.records import Candidate
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.text import normalise_whitespace, words

WORTH_SHOWING: Final = 0.3
"""Match below which a passage shares too little with what was given to be offered."""

PICK: Final = "Pick one: diagnose(..., evidence=candidates[0].span)."

_NEGATIONS: Final = frozenset({"no", "not", "never", "none", "nothing", "without", "cannot"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One piece of evidence: its span where that is plain, what was considered, and why."""

    span: EvidenceSpan | None
    candidates: Sequence[Candidate] = ()
    note: str


def clear(
    found: Sequence[Candidate],
    given: str,
    verb: str,
    *,
    least: float,
    lead: float,
    doubt: str,
    limit: int,
) -> Placed:
    """The best candidate where it is good, beyond doubt and clearly ahead; else all of them.

    Parameters
    ----------
    found : best first, two or more where there are so many: the second tells how clear it is.
    least, lead : what the best must match, and how far it must be ahead.
    doubt : why the best may be wrong all the same; empty when nothing tells.
    limit : most candidates to show.
    """
    good = worth_showing(found)
    if not good:
        return Placed(span=None, note=f"No passage {verb} {short(given)}.")
    best, shown = good[0], good[:limit]
    next_best = good[1].match if len(good) > 1 else 0.0
    if best.match >= least and best.match - next_best >= lead and not doubt:
        behind = f"the next {next_best:.2f}" if len(good) > 1 else "no other comes close"
        how = f"match {best.match:.2f}; {behind}"
        note = f"What {verb} {short(given)} stands {at_place(best)} ({how})."
        return taken(best, note, others=shown[1:])
    note = f"No passage clearly {verb} {short(given)}{doubt and f'; {doubt}'}. {PICK}"
    return Placed(span=None, candidates=shown, note=note)


def lacking(given: str, found: Sequence[Candidate]) -> str:
    """Which numbers the best candidate does not hold; empty when it holds all."""
    text = found[0].text if found else ""
    missing = [
        term
        for term in missing_exact(exact_terms(given), text)
        # "08:00-18:00" may be said as "between 08:00 and 18:00".
        if not _is_range(term) or missing_exact(term.split("-"), text)
    ]
    return f"the best lacks {', '.join(missing)}" if missing else ""


def _is_range(term: str) -> bool:
    parts = term.split("-")
    return len(parts) == 2 and all(any(c.isdigit() for c in part) for part in parts)


def negated_otherwise(given: str, found: Sequence[Candidate]) -> str:
    """Whether one of the two says "not" and the other does not; empty when they agree."""
    differs = bool(found) and _negated(given) != _negated(found[0].text)
    return "the best is negated otherwise" if differs else ""


def _negated(text: str) -> bool:
    return any(word in _NEGATIONS or word.endswith("n't") for word in words(text))


def worth_showing(found: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that share enough with what was given to be offered."""
    return [candidate for candidate in found if candidate.match >= WORTH_SHOWING]


def taken(candidate: Candidate, note: str, others: Sequence[Candidate] = ()) -> Placed:
    """One candidate as the evidence, the others as what else was considered."""
    return Placed(span=candidate.span, candidates=[candidate, *others], note=note)


def at_place(candidate: Candidate) -> str:
    """Where a candidate stands, inside a sentence."""
    start, end = candidate.span.interval
    return f"in {candidate.span.doc_id!r} at {start} to {end}"


def short(text: str) -> str:
    """A text as it is quoted in a note: one line, not long."""
    line = normalise_whitespace(text)
    return repr(line if len(line) <= 60 else f"{line[:59]}…")
