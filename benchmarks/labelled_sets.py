"""The labelled sets of real data that the benchmarks read, as documents and questions.

Each reader takes the folder of its set and gives (documents, questions); the README in that folder
says where the set comes from and how its labels were made.

`python benchmarks/labelled_sets.py --data FOLDER` reads all of them and prints what each holds and
every label that does not fit.

(Not called "datasets": scripts here have this folder on their path, and LanceDB looks for a package
of that name.)
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from whymiss.evaluation import EvidenceSpan, Question, pin
from whymiss.evaluation.formats import read_chroma, read_squad
from whymiss.records import EVERYONE, Document, Query, Syntax

Labelled = tuple[list[Document], list[Question]]


def chroma(folder: Path) -> Labelled:
    """5 corpora, 472 questions with 790 spans, all of a question's spans needed."""
    return read_chroma(folder)


def xquad(folder: Path) -> Labelled:
    """240 paragraphs, 1,190 questions with one answer span each."""
    return read_squad(folder / "xquad.en.json")


def claude_docs(folder: Path) -> Labelled:
    """232 sections, 100 questions with 1 to 4 relevant sections and an expected answer.

    Only sections are labelled, so that only measures of documents are defined.
    """
    documents = [
        _document(entry["chunk_link"], entry["text"], "markdown", title=entry["chunk_heading"])
        for entry in json.loads((folder / "anthropic_docs.json").read_bytes())
    ]
    questions = [
        Question(
            query=Query(
                query_id=entry["id"],
                text=entry["question"],
                expected_answer=entry["correct_answer"],
            ),
            documents=dict.fromkeys(entry["correct_chunks"], 1.0),
        )
        for entry in json.loads((folder / "docs_evaluation_dataset.json").read_bytes())
    ]
    return documents, questions


def git_docs(folder: Path) -> Labelled:
    """196 manual pages, 266 tasks with their page; 139 with the spans of every option used."""
    documents = [
        _document(entry["_id"], entry["text"], "asciidoc", title=entry["title"])
        for entry in _json_lines(folder / "docs.jsonl.gz")
    ]
    questions = [
        Question(
            query=Query(query_id=entry["_id"], text=entry["text"]),
            evidence=_all_of(entry["doc"], entry["option_spans"]),
            documents={entry["doc"]: 1.0},
        )
        for entry in _json_lines(folder / "questions_split_a.jsonl")
    ]
    return documents, questions


def python_faq(folder: Path) -> Labelled:
    """398 pages of Python's documentation, 177 questions of its FAQ with the answer's span.

    The line that asks the question on its FAQ page is blanked: it would be found by itself. Spans
    stay where they are.
    """
    entries = list(_json_lines(folder / "faq_questions.jsonl"))
    headings: dict[str, list[tuple[int, int]]] = {}
    for entry in entries:
        span = entry["span"][0], entry["answer_body_span"][0]
        headings.setdefault(entry["doc"], []).append(span)
    documents = [
        replace(document, text=_blank(document.text, headings.get(document.doc_id, [])))
        for document in _python_pages(folder)
    ]
    questions = [
        Question(
            query=Query(query_id=entry["id"], text=entry["question"]),
            evidence=_all_of(entry["doc"], [entry["answer_body_span"]]),
            documents={entry["doc"]: 1.0},
        )
        for entry in entries
    ]
    return documents, questions


def python_faq_linked(folder: Path) -> Labelled:
    """The same pages without the FAQ; relevant are the pages that an FAQ answer links to.

    Links to pages that are not in the set (the C API) are left out, and so are questions without
    any other. A hard task, and no full judgement: authors do not link to all that answers.
    """
    documents = [page for page in _python_pages(folder) if not page.doc_id.startswith("faq/")]
    pages = {document.doc_id for document in documents}
    questions = []
    for entry in _json_lines(folder / "faq_questions.jsonl"):
        linked = (target.partition("#")[0] for target in entry["linked_targets"])
        relevant = {
            page: 1.0 for page in (t.removesuffix(".html") for t in linked) if page in pages
        }
        if relevant:
            query = Query(query_id=entry["id"], text=entry["question"])
            questions.append(Question(query=query, documents=relevant))
    return documents, questions


READERS: Final[dict[str, tuple[str, Callable[[Path], Labelled]]]] = {
    "chroma": ("chroma_chunking", chroma),
    "xquad": ("xquad_en", xquad),
    "claude_docs": ("claude_docs_rag", claude_docs),
    "git_docs": ("git_docs_tldr", git_docs),
    "python_faq": ("python_faq", python_faq),
    "python_faq_linked": ("python_faq", python_faq_linked),
}
"""Name of a set: its folder beneath the data, and its reader."""


def read(name: str, data: Path) -> Labelled:
    """The set of a name, its labels pinned to their documents.

    Raises
    ------
    KeyError : there is no such set.
    ValueError : a label does not fit its document.
    """
    folder, reader = READERS[name]
    documents, questions = reader(data / folder)
    report = pin(questions, documents)
    if report.problems:
        raise ValueError(f"{name}: {len(report.problems)} labels do not fit: {report.problems[:3]}")
    return documents, list(report.questions)


def _document(doc_id: str, text: str, syntax: Syntax, *, title: str = "") -> Document:
    return Document(doc_id=doc_id, text=text, title=title, syntax=syntax, allowed=(EVERYONE,))


def _python_pages(folder: Path) -> list[Document]:
    return [
        _document(entry["_id"], entry["text"], "rst")
        for entry in _json_lines(folder / "docs.jsonl.gz")
    ]


def _all_of(doc_id: str, spans: list[list[int]]) -> tuple[tuple[EvidenceSpan, ...], ...]:
    evidence = tuple(EvidenceSpan(doc_id=doc_id, start=start, end=end) for start, end in spans)
    return (evidence,) if evidence else ()


def _blank(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with spaces for every visible character of some spans; line breaks stay."""
    for start, end in spans:
        blank = "".join("\n" if character == "\n" else " " for character in text[start:end])
        text = text[:start] + blank + text[end:]
    return text


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as lines:
        for line in lines:
            yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    for name, (folder, reader) in READERS.items():
        documents, questions = reader(data / folder)
        report = pin(questions, documents)
        spans = [span for q in questions for spans in q.evidence for span in spans]
        print(
            f"{name}: {len(documents)} documents, {len(questions)} questions, "
            f"{sum(bool(q.evidence) for q in questions)} of them with {len(spans)} spans, "
            f"{len(report.problems)} labels that do not fit"
        )
        for problem in report.problems:
            print(f"  {problem}")


if __name__ == "__main__":
    main()
