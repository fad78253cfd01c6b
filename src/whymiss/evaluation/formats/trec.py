"""TREC's relevance judgements (qrels) and runs: columns between white space, one pair a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from whymiss.errors import InvalidRecordError, LabelError
from whymiss.evaluation.formats._files import lines, located, number, write_lines
from whymiss.evaluation.labels import Question
from whymiss.records import Hit, Query, Ranking

Qrels = Mapping[str, Mapping[str, float]]


def read_qrels(path: Path | str) -> dict[str, dict[str, float]]:
    """Grades by query and document from lines `query_id 0 doc_id grade`.

    A grade of 0 or below is judged and not relevant. The second column is ignored.

    Raises
    ------
    LabelError : a line is broken, or contradicts an earlier one; file and line are named.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "qrels.txt"
    >>> _ = path.write_text("q1 0 faq 1\\nq1 0 terms 0\\n")
    >>> read_qrels(path)
    {'q1': {'faq': 1.0, 'terms': 0.0}}
    """
    qrels: dict[str, dict[str, float]] = {}
    for where, line in lines(Path(path)):
        with located(where):
            query_id, _, doc_id, grade = _columns(line, "query_id 0 doc_id grade")
            add_grade(qrels, query_id, doc_id, grade)
    return qrels


def write_qrels(path: Path | str, questions: Iterable[Question]) -> None:
    """Write what documents are judged for each question, spans reduced to their documents.

    qrels know no alternatives: a document of any of them is written as relevant. Questions without
    a judged document leave no line. Grades that are not whole numbers are refused: trec_eval would
    cut them.

    Raises
    ------
    LabelError : an id holds white space, or a grade is no whole number.
    """
    written = []
    for question in questions:
        for doc_id, grade in question.document_grades().items():
            _no_space(question.query_id, doc_id)
            written.append(f"{question.query_id} 0 {doc_id} {whole(question, grade)}")
    write_lines(Path(path), written)


def read_run(path: Path | str) -> list[Ranking]:
    """Rankings of documents from lines `query_id Q0 doc_id rank score tag`.

    Hits are ordered by score, best first; equal scores by the rank that is written. (trec_eval
    ignores the rank and puts the greater doc_id first.) The tag becomes the stage of the ranking;
    chunk_id and doc_id of a hit are both the document's.

    Raises
    ------
    LabelError : a line is broken, a score is not finite, or a document comes twice for a query.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "run.txt"
    >>> _ = path.write_text("q1 Q0 faq 1 9.5 bm25\\nq1 Q0 terms 2 9.5 bm25\\n")
    >>> read_run(path)[0].chunk_ids
    ('faq', 'terms')
    """
    found: dict[str, dict[str, tuple[float, int]]] = {}
    tags: dict[str, str] = {}
    for where, line in lines(Path(path)):
        with located(where):
            query_id, _, doc_id, rank, score, tag = _columns(
                line, "query_id Q0 doc_id rank score tag"
            )
            tags.setdefault(query_id, tag)
            documents = found.setdefault(query_id, {})
            if doc_id in documents:
                raise LabelError(f"document {doc_id!r} came before for query {query_id!r}")
            documents[doc_id] = (-_finite(score), int(rank))
    return [_ranking(query_id, tags[query_id], documents) for query_id, documents in found.items()]


def write_run(
    path: Path | str,
    rankings: Sequence[Ranking],
    *,
    tag: str = "whymiss",
    unit: Literal["document", "chunk"] = "document",
    scores: Literal["rank", "own"] = "rank",
) -> None:
    """Write rankings; a ranking without hits leaves no line.

    Parameters
    ----------
    tag : name of the run, without white space.
    unit : "document" writes each document once, at its best hit; "chunk" writes chunk ids.
    scores : "rank" writes whole numbers that fall by 1 from rank to rank, so that trec_eval and
        its kin, which order ties their own way, read the same order; "own" writes the scores.

    Raises
    ------
    LabelError : an id or the tag holds white space.
    """
    _no_space(tag)
    written = []
    for ranking in rankings:
        best: dict[str, float] = {}
        for hit in ranking.hits:
            best.setdefault(hit.doc_id if unit == "document" else hit.chunk_id, hit.score)
        for rank, (name, own) in enumerate(best.items(), start=1):
            _no_space(ranking.query_id, name)
            score = repr(own) if scores == "own" else len(best) - rank + 1
            written.append(f"{ranking.query_id} Q0 {name} {rank} {score} {tag}")
    write_lines(Path(path), written)


def questions_from_qrels(queries: Iterable[Query], qrels: Qrels) -> list[Question]:
    """Queries with their judged documents; a query without any stays, unlabelled.

    Raises
    ------
    LabelError : qrels judge a query that is not there.

    >>> query = Query(query_id="q1", text="Refund?")
    >>> dict(questions_from_qrels([query], {"q1": {"faq": 1}})[0].documents)
    {'faq': 1.0}
    """
    questions = [Question(query=q, documents=qrels.get(q.query_id, {})) for q in queries]
    unknown = sorted(set(qrels) - {question.query_id for question in questions})
    if unknown:
        raise LabelError(
            f"{len(unknown)} judged queries have no text, {unknown[0]!r} first; "
            "read the queries these qrels were made for"
        )
    return questions


def add_grade(qrels: dict[str, dict[str, float]], query_id: str, doc_id: str, grade: str) -> None:
    """Add one judgement.

    Raises
    ------
    LabelError : the pair is judged already, differently.
    ValueError : the grade is no number.
    """
    value = _finite(grade)
    if qrels.setdefault(query_id, {}).setdefault(doc_id, value) != value:
        raise LabelError(
            f"query {query_id!r} and document {doc_id!r} were graded "
            f"{number(qrels[query_id][doc_id])} before and {number(value)} here"
        )


def whole(question: Question, grade: float) -> int:
    """A grade as the whole number that qrels hold.

    Raises
    ------
    LabelError : it is none.
    """
    if not float(grade).is_integer():
        raise LabelError(
            f"question {question.query_id!r} has the grade {grade}; qrels hold whole numbers only"
        )
    return int(grade)


def _ranking(query_id: str, tag: str, documents: Mapping[str, tuple[float, int]]) -> Ranking:
    ordered = sorted(documents.items(), key=lambda item: (item[1], item[0]))
    hits = tuple(
        Hit(chunk_id=doc_id, doc_id=doc_id, start=0, score=-score, rank=rank)
        for rank, (doc_id, (score, _)) in enumerate(ordered, start=1)
    )
    return Ranking(query_id=query_id, stage=tag, hits=hits)


def _columns(line: str, wanted: str) -> list[str]:
    found = line.split()
    if len(found) != len(wanted.split()):
        raise LabelError(f"needs the columns {wanted}; got {line!r:.80}")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidRecordError(f"needs a finite number; got {text!r}")
    return value


def _no_space(*names: str) -> None:
    for name in names:
        if not name or len(name.split()) != 1 or name != name.strip():
            raise LabelError(f"TREC files cannot hold the name {name!r}: it is empty or has spaces")
