"""Faithfulness: how much of an answer its context bears out."""

from __future__ import annotations

from whymiss.answering import lexical_faithfulness as _lexical_faithfulness
from whymiss.evaluation.measures.answered import of_answer
from whymiss.records import Answer, Context, Score


def lexical_faithfulness(answer: Answer | None, context: Context | None) -> Score:
    """Share of the answer's claims whose words some passage holds (`answering.support`).

    An alarm, not a verdict: words are counted, not meaning; hence the name. Undefined for an
    abstention, for an answer without claims, and where none was written.

    >>> lexical_faithfulness(None, None).undefined_because
    'no answer was written'
    """
    return of_answer("lexical_faithfulness", _lexical_faithfulness, answer, context)
