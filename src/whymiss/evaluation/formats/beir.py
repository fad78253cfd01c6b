"""The folder layout of BEIR (Thakur et al. 2021): corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from whymiss.documents import documents_from_jsonl
from whymiss.errors import DocumentError, LabelError
from whymiss.evaluation.formats._files import (
    Unique,
    expect,
    json_objects,
    lines,
    located,
    write_json_lines,
    write_lines,
)
from whymiss.evaluation.formats.trec import add_grade, questions_from_qrels, whole
from whymiss.evaluation.labels import Question
from whymiss.records import EVERYONE, Document, Query

_HEADER: Final = "query-id\tcorpus-id\tscore"


def read_beir(
    folder: Path | str, *, split: str = "test", allowed: Sequence[str] = (EVERYONE,)
) -> tuple[list[Document], list[Question]]:
    """Documents, and the questions of one split with their judged documents.

    A query that only other splits judge is left to them; one that no split judges stays, without
    labels. Metadata of queries is not read.

    Parameters
    ----------
    split : name of the file in qrels/, without ".tsv".
    allowed : who may read every document.

    Raises
    ------
    LabelError : a file is missing or a line is broken; file and line are named.
    """
    root = Path(folder)
    try:
        documents = list(documents_from_jsonl(_corpus(root), allowed=allowed))
    except DocumentError as error:
        # It names file and line itself.
        raise LabelError(str(error)) from error
    qrels = _read_qrels(root / "qrels" / f"{split}.tsv")
    elsewhere = {
        query_id
        for path in sorted((root / "qrels").glob("*.tsv"))
        if path.stem != split
        for query_id in _read_qrels(path)
    }
    queries = _read_queries(root / "queries.jsonl")
    mine = [q for q in queries if q.query_id in qrels or q.query_id not in elsewhere]
    with located(str(root / "qrels" / f"{split}.tsv")):
        return documents, questions_from_qrels(mine, qrels)


def write_beir(
    folder: Path | str,
    documents: Iterable[Document],
    questions: Sequence[Question],
    *,
    split: str = "test",
) -> None:
    """Write a folder that BEIR, MTEB and `read_beir` read.

    It holds ids, texts, titles and metadata of documents, and texts and judged documents of
    questions: no spans (reduced to their documents, of all alternatives), answers, tags, filters
    or permissions.

    Raises
    ------
    LabelError : an id holds a tab or line break, or a grade is no whole number.
    """
    root = Path(folder)
    write_json_lines(root / "corpus.jsonl", (_corpus_entry(document) for document in documents))
    queries = ({"_id": q.query_id, "text": q.query.text, "metadata": {}} for q in questions)
    write_json_lines(root / "queries.jsonl", queries)
    judged = (
        "\t".join((_cell(q.query_id), _cell(doc_id), str(whole(q, grade))))
        for q in questions
        for doc_id, grade in q.document_grades().items()
    )
    write_lines(root / "qrels" / f"{split}.tsv", [_HEADER, *judged])


def _corpus(root: Path) -> Path:
    packed = root / "corpus.jsonl.gz"
    return packed if packed.exists() else root / "corpus.jsonl"


def _corpus_entry(document: Document) -> dict[str, Any]:
    metadata = {key: _plain(value) for key, value in document.metadata.items()}
    return {
        "_id": document.doc_id,
        "title": document.title,
        "text": document.text,
        "metadata": metadata,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _cell(name: str) -> str:
    if any(character in name for character in "\t\r\n"):
        raise LabelError(f"a tab-separated file cannot hold the name {name!r}")
    return name


def _read_queries(path: Path) -> list[Query]:
    queries = []
    ids = Unique("query")
    for where, entry in json_objects(path):
        with located(where):
            query_id = expect(entry["_id"], str, "_id")
            ids.add(query_id, where)
            queries.append(Query(query_id=query_id, text=expect(entry["text"], str, "text")))
    return queries


def _read_qrels(path: Path) -> dict[str, dict[str, float]]:
    qrels: dict[str, dict[str, float]] = {}
    for index, (where, line) in enumerate(lines(path)):
        cells = line.split("\t")
        if index == 0 and cells[-1].strip() == "score":
            continue
        with located(where):
            if len(cells) != 3:
                raise LabelError(f"needs query-id, corpus-id and score between tabs; got {line!r}")
            add_grade(qrels, *cells)
    return qrels
