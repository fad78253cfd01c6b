"""SQuAD's JSON (Rajpurkar et al. 2016, 2018), and XQuAD's: answers as spans of paragraphs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from whymiss.errors import LabelError
from whymiss.evaluation.formats._files import (
    Unique,
    expect,
    located,
    readers,
    single_spans,
    write_text,
)
from whymiss.evaluation.labels import UNANSWERABLE, EvidenceSpan, Question
from whymiss.records import EVERYONE, Document, Query

_VERSION: Final = "v2.0"


def read_squad(
    path: Path | str, *, allowed: Sequence[str] = (EVERYONE,)
) -> tuple[list[Document], list[Question]]:
    """Paragraphs as documents, questions with each different answer span as an alternative.

    A document is called "003-012" for the 13th paragraph of the 4th article, or by the "doc_id"
    that `write_squad` leaves beside a paragraph; its title is the article's. The first answer is
    the expected one. An impossible question (SQuAD 2.0) is tagged "unanswerable", and its paragraph
    judged with grade 0; its plausible answers are not read.

    Answers are not checked against their paragraphs here: `pin` names those that do not fit.

    Raises
    ------
    LabelError : the file cannot be read or an entry is broken; the place in it is named.
    """
    path, principals = Path(path), readers(allowed)
    documents: list[Document] = []
    questions: list[Question] = []
    ids = Unique("question")
    with located(str(path)):
        articles = expect(json.loads(path.read_bytes()), dict, "the file")["data"]
        for a, article in enumerate(expect(articles, list, "data")):
            for p, paragraph in enumerate(_list(article, "paragraphs", f"{path}, data[{a}]")):
                where = f"{path}, data[{a}].paragraphs[{p}]"
                with located(where):
                    document = _document(article, paragraph, f"{a:03d}-{p:03d}", principals)
                documents.append(document)
                for q, entry in enumerate(_list(paragraph, "qas", where)):
                    with located(f"{where}.qas[{q}]"):
                        question = _question(entry, document)
                        ids.add(question.query_id, f"{where}.qas[{q}]")
                    questions.append(question)
    return documents, questions


def write_squad(
    path: Path | str, documents: Iterable[Document], questions: Iterable[Question]
) -> None:
    """Write documents as paragraphs and their questions as SQuAD 2.0 JSON.

    Neighbouring documents of one title become one article. Filters, principals, grades, split and
    tags other than "unanswerable" are not written, nor is an expected answer that differs from the
    first span's text.

    Raises
    ------
    LabelError : SQuAD cannot say it: a question needs several spans together, has spans in several
        documents or in none, is not pinned, or its document is not there.
    """
    documents = list(documents)
    texts = {document.doc_id: document.text for document in documents}
    asked: dict[str, list[dict[str, Any]]] = {doc_id: [] for doc_id in texts}
    for question in questions:
        with located(f"question {question.query_id!r}"):
            doc_id = _paragraph_of(question)
            if doc_id not in texts:
                raise LabelError(f"its document {doc_id!r} is not there")
            asked[doc_id].append(_qas_entry(question, texts[doc_id]))
    articles = [
        {
            "title": title,
            "paragraphs": [
                {"context": d.text, "doc_id": d.doc_id, "qas": asked[d.doc_id]} for d in group
            ],
        }
        for title, group in groupby(documents, key=lambda document: document.title)
    ]
    body = {"version": _VERSION, "data": articles}
    write_text(Path(path), json.dumps(body, ensure_ascii=False, indent=1) + "\n")


def _list(entry: Any, key: str, where: str) -> list[Any]:
    with located(where):
        found: list[Any] = expect(expect(entry, dict, "an entry")[key], list, key)
        return found


def _document(article: Any, paragraph: Any, name: str, allowed: tuple[str, ...]) -> Document:
    entry = expect(paragraph, dict, "a paragraph")
    return Document(
        doc_id=expect(entry.get("doc_id", name), str, "doc_id"),
        text=expect(entry["context"], str, "context"),
        title=expect(article.get("title") or "", str, "title"),
        allowed=allowed,
        syntax="plain",
    )


def _question(entry: Any, document: Document) -> Question:
    qa = expect(entry, dict, "a question")
    impossible = bool(qa.get("is_impossible"))
    answers = [] if impossible else expect(qa["answers"], list, "answers")
    spans = [_span(expect(answer, dict, "an answer"), document) for answer in answers]
    query = Query(
        query_id=expect(qa["id"], str, "id"),
        text=expect(qa["question"], str, "question"),
        expected_answer=answers[0]["text"] if answers else None,
        tags=(UNANSWERABLE,) if impossible else (),
    )
    # Several people often marked the same words.
    alternatives = tuple((span,) for span in dict.fromkeys(spans))
    judged = {document.doc_id: 0.0} if impossible else {}
    return Question(query=query, evidence=alternatives, documents=judged)


def _span(answer: dict[str, Any], document: Document) -> EvidenceSpan:
    text = expect(answer["text"], str, "the text of an answer")
    start = expect(answer["answer_start"], int, "answer_start")
    return EvidenceSpan(doc_id=document.doc_id, start=start, end=start + len(text), quote=text)


def _paragraph_of(question: Question) -> str:
    single_spans(question, "SQuAD")
    found = list(dict.fromkeys(span.doc_id for spans in question.evidence for span in spans))
    if question.unanswerable:
        found = list(question.documents)
    if len(found) != 1:
        raise LabelError(
            f"SQuAD puts a question under one paragraph; this one belongs to {len(found)}. "
            "Write JSONL (write_questions)"
        )
    return found[0]


def _qas_entry(question: Question, text: str) -> dict[str, Any]:
    answers = []
    for (span,) in question.evidence:
        start, end = span.interval
        answers.append({"answer_start": start, "text": text[start:end]})
    return {
        "id": question.query_id,
        "question": question.query.text,
        "answers": answers,
        "is_impossible": question.unanswerable,
    }
