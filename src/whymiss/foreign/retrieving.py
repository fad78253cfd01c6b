"""Another system's retriever, asked labelled questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import Question
from whymiss.foreign.records import ForeignTrace, passage_from

Retriever = Callable[[str], Sequence[Any]]
"""From the text of a question to passages, best first; `records.passage_from` tells the forms."""


def ask_retriever(
    retriever: Retriever, questions: Iterable[Question], *, stage: str = "search"
) -> list[ForeignTrace]:
    """Ask a retriever every question; each becomes a trace with one stage.

    It is handed the text alone, not who asks and with which filter.

    Parameters
    ----------
    retriever : a passage it returns is a text, (doc_id, start, end), or a mapping of both.
    stage : what its stage is called.

    Raises
    ------
    InvalidRecordError : it returns something else; the question is named.

    Examples
    --------
    >>> from whymiss.records import Query
    >>> asked = Question(query=Query(query_id="q1", text="Refund?"), documents=["faq.md"])
    >>> [trace] = ask_retriever(lambda question: ["Refunds take ten days."], [asked])
    >>> trace.query_id, trace.stages["search"][0].text
    ('q1', 'Refunds take ten days.')
    """
    return [_asked(retriever, question, stage) for question in questions]


def _asked(retriever: Retriever, question: Question, stage: str) -> ForeignTrace:
    found = retriever(question.query.text)
    try:
        if isinstance(found, str):
            raise InvalidRecordError(f"a retriever returns a list of passages; got {found!r:.80}.")
        passages = tuple(map(passage_from, found))
    except (InvalidRecordError, TypeError) as error:
        raise InvalidRecordError(f"question {question.query_id!r}: {error}") from error
    return ForeignTrace(
        query_id=question.query_id, question=question.query.text, stages={stage: passages}
    )
