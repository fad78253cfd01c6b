"""Labelled questions and documents as DataFrames, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

import pandas as pd

from whymiss.errors import LabelError
from whymiss.evaluation.formats._files import located, readers
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.frames import DOCUMENTS, documents_frame
from whymiss.records import EVERYONE, Document, Query, Syntax
from whymiss.retrieval.filters import parse_where

QUESTIONS: Final = (
    "query_id", "text", "expected_answer", "principals", "where", "tags", "split", "documents",
)  # fmt: skip
EVIDENCE: Final = ("query_id", "alternative", "doc_id", "start", "end", "grade", "quote")

_NOT_METADATA: Final = {*DOCUMENTS, "text"}


def questions_frame(questions: Iterable[Question]) -> pd.DataFrame:
    """One row per question; `where` holds clauses, `documents` grades by id.

    >>> query = Query(query_id="q1", text="Refund?", tags=("table",))
    >>> questions_frame([Question(query=query, split="tune")])["tags"].tolist()
    [('table',)]
    """
    rows = [
        {
            "query_id": q.query_id,
            "text": q.query.text,
            "expected_answer": q.query.expected_answer,
            "principals": q.query.principals,
            "where": q.query.where,
            "tags": q.query.tags,
            "split": q.split,
            "documents": dict(q.documents),
        }
        for q in questions
    ]
    return pd.DataFrame(rows, columns=list(QUESTIONS))


def evidence_frame(questions: Iterable[Question]) -> pd.DataFrame:
    """One row per required span; alternatives of a question count from 0.

    A quote that is not pinned has no start and end.

    >>> span = EvidenceSpan(doc_id="faq", start=0, end=9)
    >>> question = Question(query=Query(query_id="q1", text="Refund?"), evidence=((span,),))
    >>> evidence_frame([question])[["query_id", "alternative", "end"]].values.tolist()
    [['q1', 0, 9]]
    """
    rows = [
        [q.query_id, n, s.doc_id, s.start, s.end, s.grade, s.quote]
        for q in questions
        for n, spans in enumerate(q.evidence)
        for s in spans
    ]
    frame = pd.DataFrame(rows, columns=list(EVIDENCE))
    return frame.astype({"alternative": "Int64", "start": "Int64", "end": "Int64", "grade": float})


def questions_from_frames(
    questions: pd.DataFrame, evidence: pd.DataFrame | None = None
) -> list[Question]:
    """Questions from the frames above; only query_id and text, query_id and doc_id are needed.

    Rows of evidence without `alternative` are spans needed together. `where` may be anything that
    `parse_where` takes. Columns that the frames above do not have are not read.

    Raises
    ------
    LabelError : a column is missing, a row is broken, an id comes twice, or evidence belongs to no
        question; the row is named.

    Examples
    --------
    >>> asked = pd.DataFrame({"query_id": ["q1"], "text": ["Refund?"]})
    >>> spans = pd.DataFrame({"query_id": ["q1"], "doc_id": ["faq"], "start": [0], "end": [9]})
    >>> questions_from_frames(asked, spans)[0].evidence[0][0].interval
    (0, 9)
    """
    _need(questions, ("query_id", "text"), "questions")
    spans = _alternatives(evidence) if evidence is not None else {}
    built: dict[str, Question] = {}
    for label, row in _rows(questions):
        with located(f"questions, row {label}"):
            question = _question(row, spans.pop(str(row["query_id"]), {}))
            if question.query_id in built:
                raise LabelError(f"query_id {question.query_id!r} came before")
            built[question.query_id] = question
    if spans:
        raise LabelError(f"evidence: query_id {next(iter(spans))!r} is no question")
    return list(built.values())


def texts_frame(documents: Sequence[Document]) -> pd.DataFrame:
    """`whymiss.frames.documents_frame` with the text of each document."""
    frame = documents_frame(documents)
    frame.insert(1, "text", [document.text for document in documents])
    return frame


def documents_from_frame(
    frame: pd.DataFrame, *, allowed: Sequence[str] = (EVERYONE,)
) -> list[Document]:
    """Documents from columns doc_id and text, with title, source, syntax, modified, allowed.

    All other columns are metadata, "metadata.title" for a key that is also a column name; a cell
    without a value is left out. `allowed` is for frames without a column of that name.

    Raises
    ------
    LabelError : a column is missing or a row is broken; the row is named.

    Examples
    --------
    >>> frame = pd.DataFrame({"doc_id": ["faq"], "text": ["Ten days."], "plan": ["annual"]})
    >>> dict(documents_from_frame(frame)[0].metadata)
    {'plan': 'annual'}
    """
    _need(frame, ("doc_id", "text"), "documents")
    principals = readers(allowed)
    documents: dict[str, Document] = {}
    for label, row in _rows(frame):
        with located(f"documents, row {label}"):
            document = _document(row, principals)
            if document.doc_id in documents:
                raise LabelError(f"doc_id {document.doc_id!r} came before")
            documents[document.doc_id] = document
    return list(documents.values())


def _document(row: Mapping[str, Any], allowed: tuple[str, ...]) -> Document:
    syntax = row.get("syntax", "plain")
    if syntax not in get_args(Syntax):
        raise LabelError(f"no syntax is called {syntax!r}; use {', '.join(get_args(Syntax))}")
    metadata = {
        key.removeprefix("metadata."): value
        for key, value in row.items()
        if key not in _NOT_METADATA
    }
    return Document(
        doc_id=str(row["doc_id"]),
        text=row["text"],
        source=row.get("source", ""),
        title=row.get("title", ""),
        metadata=metadata,
        allowed=row.get("allowed", allowed),
        syntax=syntax,
        modified=row.get("modified", ""),
    )


def _question(row: Mapping[str, Any], spans: Mapping[int, list[EvidenceSpan]]) -> Question:
    query = Query(
        query_id=str(row["query_id"]),
        text=row["text"],
        principals=row.get("principals", ()),
        where=parse_where(row.get("where")),
        expected_answer=row.get("expected_answer"),
        tags=tuple(row.get("tags", ())),
    )
    return Question(
        query=query,
        evidence=tuple(tuple(spans[n]) for n in sorted(spans)),
        documents=row.get("documents", {}),
        split=row.get("split", ""),
    )


def _alternatives(evidence: pd.DataFrame) -> dict[str, dict[int, list[EvidenceSpan]]]:
    _need(evidence, ("query_id", "doc_id"), "evidence")
    found: dict[str, dict[int, list[EvidenceSpan]]] = {}
    for label, row in _rows(evidence):
        with located(f"evidence, row {label}"):
            span = EvidenceSpan(
                doc_id=str(row["doc_id"]),
                start=_whole(row.get("start")),
                end=_whole(row.get("end")),
                grade=row.get("grade", 1.0),
                quote=row.get("quote"),
            )
            alternatives = found.setdefault(str(row["query_id"]), {})
            alternatives.setdefault(int(row.get("alternative", 0)), []).append(span)
    return found


def _whole(value: Any) -> Any:
    # A column of offsets with gaps in it comes as floats.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _rows(frame: pd.DataFrame) -> Iterable[tuple[Any, dict[str, Any]]]:
    """Rows without the cells that hold no value, each with its index label."""
    columns = [str(column) for column in frame.columns]
    for label, cells in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        pairs = zip(columns, cells, strict=True)
        yield label, {name: value for name, value in pairs if not _is_missing(value)}


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (value != value) is True


def _need(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise LabelError(f"the frame of {what} lacks the columns {', '.join(missing)}")
