"""whymiss's own format of labelled questions: one JSON object a line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from whymiss.errors import LabelError
from whymiss.evaluation.formats._files import (
    Unique,
    expect,
    json_objects,
    located,
    number,
    write_json_lines,
)
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Clause, Query
from whymiss.retrieval.filters import parse_where

KEYS: Final = (
    "query_id", "text", "evidence", "documents", "expected_answer", "principal", "where", "tags",
    "split",
)  # fmt: skip
_SPAN_KEYS: Final = ("doc_id", "start", "end", "quote", "grade")


def read_questions(path: Path | str) -> list[Question]:
    """Labelled questions from a JSONL file.

    A line has `query_id` and `text`, and may have the other keys:

    - `evidence`: a list of alternatives, each a list of `{"doc_id", "start", "end"}` or
      `{"doc_id", "quote"}`, with `grade` where it is not 1;
    - `documents`: ids of relevant documents, or their grades by id;
    - `expected_answer`, `split`: text; `principal`, `tags`: lists of text;
    - `where`: a filter as `parse_where` takes it, or a list of such.

    Quotes are located by `pin`, not here.

    Raises
    ------
    LabelError : the file cannot be read, a line is broken, a key is unknown or an id comes twice;
        file and line are named.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "questions.jsonl"
    >>> evidence = '[[{"doc_id": "faq.md", "quote": "ten days"}]]'
    >>> _ = path.write_text('{"query_id": "q1", "text": "Refund?", "evidence": %s}' % evidence)
    >>> read_questions(path)[0].evidence[0][0].quote
    'ten days'
    """
    questions = []
    ids = Unique("query_id")
    for where, entry in json_objects(Path(path)):
        with located(where):
            question = question_from(entry)
            ids.add(question.query_id, where)
            questions.append(question)
    return questions


def write_questions(path: Path | str, questions: Iterable[Question]) -> None:
    """Write questions so that `read_questions` gives the same back.

    Raises
    ------
    LabelError : the file cannot be written.
    """
    write_json_lines(Path(path), (question_entry(question) for question in questions))


def add_question(path: Path | str, question: Question) -> None:
    """Add one question to a file of labelled questions, made if it is not there.

    Raises
    ------
    LabelError : the file cannot be read or written, a question of this id is in it, or the
        question has no label.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "questions.jsonl"
    >>> add_question(path, Question(query=Query(query_id="q1", text="Refund?"), documents=["faq"]))
    >>> [question.query_id for question in read_questions(path)]
    ['q1']
    """
    known = read_questions(path) if Path(path).exists() else []
    if any(other.query_id == question.query_id for other in known):
        raise LabelError(f"a question {question.query_id!r} is there already", where=str(path))
    if not (question.evidence or question.documents or question.unanswerable):
        raise LabelError(f"question {question.query_id!r} has no label to add", where=str(path))
    write_questions(path, [*known, question])


def question_from(entry: dict[str, Any]) -> Question:
    """A question from the JSON object of one line.

    Raises
    ------
    LabelError, InvalidRecordError, FilterError, KeyError : it is none.
    """
    _known(entry, KEYS)
    expected = entry.get("expected_answer")
    query = Query(
        query_id=expect(entry["query_id"], str, "query_id"),
        text=expect(entry["text"], str, "text"),
        principals=tuple(_texts(entry, "principal")),
        where=_clauses(entry.get("where")),
        expected_answer=None if expected is None else expect(expected, str, "expected_answer"),
        tags=tuple(_texts(entry, "tags")),
    )
    alternatives = expect(entry.get("evidence") or [], list, "evidence")
    return Question(
        query=query,
        evidence=tuple(_alternative(spans) for spans in alternatives),
        documents=_documents(entry.get("documents") or {}),
        split=expect(entry.get("split") or "", str, "split"),
    )


def question_entry(question: Question) -> dict[str, Any]:
    """A question as the JSON object of one line; `documents` only where there are some."""
    query = question.query
    entry: dict[str, Any] = {
        "query_id": query.query_id,
        "text": query.text,
        "evidence": [[_span_entry(span) for span in spans] for spans in question.evidence],
        "documents": {doc_id: number(grade) for doc_id, grade in question.documents.items()},
        "expected_answer": query.expected_answer,
        "principal": list(query.principals),
        "where": where_entry(query.where),
        "tags": list(query.tags),
        "split": question.split,
    }
    if not question.documents:
        del entry["documents"]
    return entry


def where_entry(clauses: tuple[Clause, ...]) -> Any:
    """Clauses as JSON: a mapping, or a list of mappings where a field occurs twice.

    >>> where_entry(parse_where({"plan": "annual", "year": {"ge": 2024}}))
    {'plan': 'annual', 'year': {'ge': 2024}}
    """
    entries = [{clause.field: _clause_entry(clause)} for clause in clauses]
    if len({clause.field for clause in clauses}) < len(clauses):
        return entries
    return {field: value for entry in entries for field, value in entry.items()}


def _clause_entry(clause: Clause) -> Any:
    if clause.op == "in":
        return list(clause.value)
    return clause.value if clause.op == "eq" else {clause.op: clause.value}


def _clauses(where: Any) -> tuple[Clause, ...]:
    several = where if isinstance(where, list) else [where]
    return tuple(clause for one in several for clause in parse_where(one))


def _alternative(spans: Any) -> tuple[EvidenceSpan, ...]:
    if not isinstance(spans, list):
        raise LabelError(
            "evidence is a list of alternatives, each of them a list of spans; write [[...]] "
            f"for a single alternative; got {spans!r:.80}"
        )
    return tuple(_span(expect(span, dict, "a span")) for span in spans)


def _span(entry: dict[str, Any]) -> EvidenceSpan:
    _known(entry, _SPAN_KEYS)
    return EvidenceSpan(
        doc_id=expect(entry["doc_id"], str, "doc_id"),
        start=entry.get("start"),
        end=entry.get("end"),
        grade=entry.get("grade", 1.0),
        quote=entry.get("quote"),
    )


def _span_entry(span: EvidenceSpan) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "doc_id": span.doc_id, "start": span.start, "end": span.end, "quote": span.quote,
    }  # fmt: skip
    if span.grade != 1:
        entry["grade"] = number(span.grade)
    return {key: value for key, value in entry.items() if value is not None}


def _documents(labels: Any) -> dict[str, float]:
    if isinstance(labels, list):
        return {expect(name, str, "a document"): 1.0 for name in labels}
    return dict(expect(labels, dict, "documents"))


def _texts(entry: dict[str, Any], key: str) -> list[str]:
    return [expect(text, str, f"one of {key}") for text in expect(entry.get(key) or [], list, key)]


def _known(entry: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}."
            raise LabelError(f"unknown key {key!r}; {hint}")
