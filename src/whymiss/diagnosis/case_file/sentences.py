"""The verdict in a few words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from whymiss.diagnosis.records import Diagnosis, Ending, Finding

ENDINGS: Final[dict[Ending, str]] = {
    "healthy": "The evidence is in the context, and the answer rests on it.",
    "wrong answer": "The evidence is in the context, but the answer does not rest on it.",
    "lost": "The evidence is not in the context.",
    "unjudged": "No evidence is known, so nothing can be said to be lost.",
}

_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def name_of(finding: Finding) -> str:
    """The cause as it is read in a sentence: "ConfusableNeighbours" is "confusable neighbours"."""
    return _CAPITAL.sub(" ", finding.name).lower()


def cited(finding: Finding) -> str:
    """A cause with its code."""
    return f"{name_of(finding)} ({finding.cause})"


def verdict(diagnosis: Diagnosis) -> str:
    """How the request ended, the stage at fault, and the proven cause with what it says."""
    parts = [_ended(diagnosis)]
    proven = [diagnosis.finding(code) for code in diagnosis.proven]
    if proven:
        parts.append(_proven(proven))
        if diagnosis.then:
            further = ", ".join(cited(diagnosis.finding(code)) for code in diagnosis.then)
            parts.append(f"With that put right, the answer is still wrong: {further}.")
    elif diagnosis.unexplained:
        parts.append("No patch and no pair of patches brings it back: unexplained.")
    elif diagnosis.ending in ("lost", "wrong answer"):
        parts.append("Nothing was put right to see whether it helps, so no cause is proven.")
    return " ".join(parts)


def _ended(diagnosis: Diagnosis) -> str:
    if diagnosis.ending == "lost" and diagnosis.lost_at:
        return f"The evidence was lost at {diagnosis.lost_at}."
    return ENDINGS[diagnosis.ending]


def _proven(proven: Sequence[Finding]) -> str:
    first, *others = proven
    says = first.says[:1].upper() + first.says[1:]
    says = says if says.endswith((".", "!", "?")) else f"{says}."
    told = f"Proven cause: {cited(first)} at the stage {first.stage}. {says}"
    if not others:
        return told
    named = ", ".join(cited(other) for other in others)
    if first.together_with:
        return f"{told} Only together with: {named}."
    return f"{told} Putting one of these right would help as well: {named}."
