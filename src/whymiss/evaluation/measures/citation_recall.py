"""Citation recall: how many claims of an answer are supported by what they cite."""

from __future__ import annotations

from whymiss.answering import citation_recall as _citation_recall
from whymiss.evaluation.measures.answered import of_answer
from whymiss.records import Answer, Context, Score


def citation_recall(answer: Answer | None, context: Context | None) -> Score:
    """Share of the answer's claims whose cited passages hold their words (`answering.support`).

    After ALCE (Gao et al. 2023), by words instead of an entailment model. Undefined for an
    abstention, for an answer without claims, and where none was written.

    >>> citation_recall(None, None).undefined_because
    'no answer was written'
    """
    return of_answer("citation_recall", _citation_recall, answer, context)
