"""Two chunks of a search space explained for one question: every score of the run taken apart."""

from __future__ import annotations

from collections.abc import Sequence

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import Question
from whymiss.explain.choosing import ChunkLike, chosen_row, rival_row
from whymiss.explain.deciding import decided_at, main_stage
from whymiss.explain.explanation import Explanation
from whymiss.explain.ledger import Contrast
from whymiss.explain.run import Run
from whymiss.explain.sides import Side
from whymiss.pipeline import Pipeline
from whymiss.records import Query, digest
from whymiss.retrieval.filters import Where, parse_where


def explain(
    query: Query,
    chunk: ChunkLike,
    against: ChunkLike | None = None,
    *,
    pipeline: Pipeline,
) -> Explanation:
    """Take apart every score of a chunk, and its margin to another, as the pipeline computes them.

    Works for chunks that are not retrieved, and for those that are hidden from the asker: then the
    scores are what they would be, and `notes` says so.

    Parameters
    ----------
    chunk : its chunk_id (or an unambiguous beginning), a quote that stands in it alone, its rank
        in the final ranking (from 1), or a record: a chunk, a hit, a passage of one chunk.
    against : the chunk to compare with; by default the one that is ranked first (the second where
        that is `chunk`).
    pipeline : asked as it is; its generator is not needed.

    Raises
    ------
    InvalidRecordError : a chunk cannot be told, or both are the same.
    ModelError, ModelMismatchError : a model fails, or is not the index's.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import whymiss
    >>> from whymiss.testing import HashingEncoder
    >>> wb = whymiss.open(mkdtemp(), encoder=HashingEncoder())
    >>> texts = {"a": "Annual plans renew by themselves.", "b": "Plans end by mail."}
    >>> report = wb.ingest(
    ...     whymiss.Document(doc_id=d, text=text, allowed=["*"]) for d, text in texts.items())
    >>> query = Query(query_id="q", text="how do annual plans end")
    >>> found = explain(query, "Annual plans renew", "by mail", pipeline=wb.pipeline(answer=False))
    >>> bm25 = found.contrast("bm25")
    >>> [(row.name, row.difference > 0) for row in bm25.rows if row.difference]
    [('annual', True), ('plan', False), ('end', False)]
    >>> abs(bm25.residual) < 1e-5
    True
    """
    run = Run(query, pipeline)
    row = chosen_row(chunk, run)
    other = rival_row(row, run) if against is None else chosen_row(against, run)
    if row == other:
        raise InvalidRecordError(
            f"explain needs two different chunks; got {run.chunk(row).chunk_id!r} twice."
        )
    sides = Side(run, row, pipeline.read_documents), Side(run, other, pipeline.read_documents)
    contrasts = _contrasts(*sides)
    pairs = tuple(zip(sides[0].standings, sides[1].standings, strict=True))
    decided = decided_at(pairs)
    return Explanation(
        query=query,
        chunk=run.chunk(row),
        against=run.chunk(other),
        standings=pairs,
        contrasts=contrasts,
        decided_at=decided,
        main=main_stage(decided, contrasts, fallback=run.last),
        notes=tuple(_notes(sides)),
        removals=sides[0].removals,
    )


def asked_query(
    question: str | Query | Question,
    *,
    principal: str | Sequence[str] | None = (),
    where: Where = None,
) -> Query:
    """A question as a query; asker and filter can be named for a text alone.

    Raises
    ------
    InvalidRecordError : they are named beside a query that has its own.

    >>> asked_query("refunds?", principal="ann").principals
    ('ann',)
    """
    principals = (principal,) if isinstance(principal, str) else tuple(principal or ())
    if isinstance(question, str):
        query_id = f"ask-{digest(question)[:8]}"
        return Query(
            query_id=query_id, text=question, principals=principals, where=parse_where(where)
        )
    if principals or where:
        raise InvalidRecordError(
            "explain takes principal and where with a question as text; a Query or Question has "
            "its own."
        )
    return question.query if isinstance(question, Question) else question


def _contrasts(chunk: Side, against: Side) -> tuple[Contrast, ...]:
    theirs = {(ledger.stage, ledger.view): ledger for ledger in against.ledgers}
    return tuple(
        Contrast(chunk=ledger, against=theirs[ledger.stage, ledger.view])
        for ledger in chunk.ledgers
    )


def _notes(sides: Sequence[Side]) -> list[str]:
    found = [f"{side.place}: {note}" for side in sides for note in side.notes]
    knobs = sides[0].run.config.retrieval
    if knobs.mmr_lambda < 1:
        found.append(
            f"the last order is by variety too (retrieval.mmr_lambda {knobs.mmr_lambda}): what is "
            "picked depends on what was picked before, and is not taken apart"
        )
    return found
