"""Citation precision: how many citations of an answer support what they are attached to."""

from __future__ import annotations

from whymiss.answering import citation_precision as _citation_precision
from whymiss.evaluation.measures.answered import of_answer
from whymiss.records import Answer, Context, Score


def citation_precision(answer: Answer | None, context: Context | None) -> Score:
    """Share of the answer's citations whose passage holds the claim's words (`answering.support`).

    After ALCE (Gao et al. 2023), by words instead of an entailment model. Undefined for an
    abstention, for an answer without citations, and where none was written.

    >>> citation_precision(None, None).undefined_because
    'no answer was written'
    """
    return of_answer("citation_precision", _citation_precision, answer, context)
