"""The folder of Chroma's chunking evaluation: corpora/NAME.md and questions_df.csv.

Smith and Troynikov (2024), "Evaluating Chunking Strategies for Retrieval", and the repository
brandonstarxel/chunking_evaluation.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from whymiss.errors import LabelError
from whymiss.evaluation.formats._files import expect, located, readers, write_text
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import EVERYONE, Document, Query

_COLUMNS: Final = ("question", "references", "corpus_id")
_QUESTIONS: Final = "questions_df.csv"


def read_chroma(
    folder: Path | str, *, allowed: Sequence[str] = (EVERYONE,)
) -> tuple[list[Document], list[Question]]:
    """Corpora as documents, questions with all of their references needed together.

    A document is called as its file, without ".md"; a question "finance-017" after its corpus and
    its place, from 1, among all questions. References become spans with their content as the
    quote; `pin` tells whether each still fits.

    Raises
    ------
    LabelError : a file is missing or a line is broken; file and line are named.
    """
    root, principals = Path(folder), readers(allowed)
    documents = [_document(path, principals) for path in sorted((root / "corpora").glob("*.md"))]
    if not documents:
        raise LabelError(f"{root / 'corpora'}: there is no corpus (*.md)")
    corpora = {document.doc_id for document in documents}
    return documents, _read_questions(root / _QUESTIONS, corpora)


def write_chroma(
    folder: Path | str, documents: Iterable[Document], questions: Iterable[Question]
) -> None:
    """Write a folder that Chroma's evaluation and `read_chroma` read.

    Ids of questions, answers, tags, filters and permissions are not written.

    Raises
    ------
    LabelError : the format cannot say it: a question has alternatives, no spans, or spans in
        several documents; a span is not pinned; a doc_id is no file name.
    """
    root = Path(folder)
    texts = {document.doc_id: document.text for document in documents}
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for question in questions:
        with located(f"question {question.query_id!r}"):
            writer.writerow(_row(question, texts))
    for doc_id, text in texts.items():
        if Path(doc_id).name != doc_id or "\\" in doc_id:
            raise LabelError(f"document {doc_id!r} cannot be a file of a Chroma set")
        write_text(root / "corpora" / f"{doc_id}.md", text)
    write_text(root / _QUESTIONS, table.getvalue())


def _document(path: Path, allowed: tuple[str, ...]) -> Document:
    with located(str(path)):
        # As bytes: translated line ends would shift every offset behind them.
        text = path.read_bytes().decode("utf-8")
        return Document(doc_id=path.stem, text=text, source=str(path), allowed=allowed)


def _read_questions(path: Path, corpora: set[str]) -> list[Question]:
    questions: list[Question] = []
    with located(str(path)), open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        missing = set(_COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise LabelError(f"line 1 lacks the columns {', '.join(sorted(missing))}")
        while True:
            # A quoted cell may hold line breaks, so that a row begins after the one before it.
            where = f"{path}, line {reader.line_num + 1}"
            with located(where):
                row = next(reader, None)
                if row is None:
                    return questions
                questions.append(_question(row, len(questions) + 1, corpora))


def _question(row: dict[str, str], place: int, corpora: set[str]) -> Question:
    corpus = row["corpus_id"]
    if corpus not in corpora:
        raise LabelError(f"there is no corpus {corpus!r}; there are {', '.join(sorted(corpora))}")
    references = expect(json.loads(row["references"]), list, "references")
    return Question(
        query=Query(query_id=f"{corpus}-{place:03d}", text=row["question"]),
        evidence=(tuple(_span(expect(r, dict, "a reference"), corpus) for r in references),),
    )


def _span(reference: dict[str, Any], corpus: str) -> EvidenceSpan:
    return EvidenceSpan(
        doc_id=corpus,
        start=expect(reference["start_index"], int, "start_index"),
        end=expect(reference["end_index"], int, "end_index"),
        quote=expect(reference["content"], str, "content"),
    )


def _row(question: Question, texts: dict[str, str]) -> tuple[str, str, str]:
    corpora = {span.doc_id for spans in question.evidence for span in spans}
    if len(question.evidence) != 1 or len(corpora) != 1:
        raise LabelError(
            f"a Chroma set needs one alternative of spans in one document; this has "
            f"{len(question.evidence)} in {len(corpora)}. Write JSONL (write_questions)"
        )
    (corpus,) = corpora
    if corpus not in texts:
        raise LabelError(f"its document {corpus!r} is not there")
    references = [
        {"content": texts[corpus][start:end], "start_index": start, "end_index": end}
        for start, end in (span.interval for span in question.evidence[0])
    ]
    return question.query.text, json.dumps(references), corpus
