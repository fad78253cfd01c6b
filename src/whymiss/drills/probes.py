"""Probes: what an engineer could look up in the running pipeline. None of them names a cause."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.answering import sentence_support
from whymiss.config import PipelineConfig
from whymiss.diagnosis.edits import embed, rechunk, rows_of
from whymiss.diagnosis.funnel import funnel
from whymiss.diagnosis.lab import Run
from whymiss.frames import clause_text
from whymiss.records import Chunk
from whymiss.retrieval.filters import document_fields, satisfies
from whymiss.text import intersection_length, locate_quote

STAGES_SHOWN: Final = ("dense", "bm25", "fuse", "rerank", "select", "pack")
_NOT_SHOWN: Final = "trace."
_WORDS: Final = {True: "yes", False: "no", None: "unknown"}


def settings(config: PipelineConfig) -> pd.DataFrame:
    """Every knob with its value and the usual one."""
    usual = PipelineConfig().flat()
    rows = [
        (knob, value, usual[knob], value != usual[knob])
        for knob, value in config.flat().items()
        if not knob.startswith(_NOT_SHOWN)
    ]
    return _frame(rows, ("knob", "value", "usual", "differs"))


def stages(run: Run) -> pd.DataFrame:
    """What each stage of the search handed on, and where the evidence stands in it.

    n : items. evidence_at : the rank at which the evidence is complete. handed_on : how many the
    next stage looks at. holds : whether these hold all the evidence.
    """
    rows = [
        (view.stage, view.n, view.rank, view.cut, _WORDS[view.holds])
        for view in funnel(run)
        if view.stage in STAGES_SHOWN
    ]
    return _frame(rows, ("stage", "n", "evidence_at", "handed_on", "holds"))


def candidates(run: Run, stage: str = "") -> pd.DataFrame:
    """The candidates behind a stage, best first; of the last one that orders by default."""
    found = run.stages[stage] if stage else run.ordered
    rows = [
        (rank, round(score, 4), chunk.chunk_id, chunk.doc_id, _touches(run, chunk), chunk.text)
        for rank, (chunk, score) in enumerate(
            zip(run.chunks(found), found.scores.tolist(), strict=True), 1
        )
    ]
    return _frame(rows, ("rank", "score", "chunk_id", "doc_id", "evidence", "text"))


def rows(run: Run, doc_id: str) -> pd.DataFrame:
    """The index rows of a document, beside what is stored.

    as_stored : the stored document says the same where the row stands. evidence : characters of
    the evidence that the row holds. prefix : what is put before the text for matching.
    """
    return _rows(run, _chunks(run, doc_id))


def cut(run: Run, doc_id: str) -> pd.DataFrame:
    """The rows that the pipeline's chunker would make of the stored document now; the same columns.

    None are written.
    """
    document = run.scene.document(doc_id)
    return _rows(run, rechunk(run.scene, document) if document is not None else [])


def document(run: Run, doc_id: str) -> pd.DataFrame:
    """A document as it is stored: one row; without text where it is not stored.

    evidence : how many of the quotes that should answer stand in it.
    """
    found = run.scene.document(doc_id)
    quotes = [
        span.quote
        for spans in run.truth.question.evidence
        for span in spans
        if span.doc_id == doc_id and span.quote
    ]
    text = found.text if found is not None else ""
    stand = sum(bool(locate_quote(text, quote)) for quote in dict.fromkeys(quotes))
    row = (
        doc_id, found is not None, found.title if found is not None else "",
        len(_chunks(run, doc_id)),
        f"{stand} of {len(set(quotes))}", text,
    )  # fmt: skip
    return _frame([row], ("doc_id", "stored", "title", "n_rows", "evidence", "text"))


def permissions(run: Run, doc_id: str) -> pd.DataFrame:
    """What the asker needs to see a document, and what the document has: a row for each rule."""
    query = run.scene.question.query
    found = run.scene.space.catalogue.documents.get(doc_id)
    if found is None:
        return _frame([], _RULE)
    asker = ", ".join(query.principals) or "everybody"
    has = document_fields(found)
    made = [("read", asker, ", ".join(found.allowed) or "nobody",
             found.readable_by(query.principals))]  # fmt: skip
    made += [
        (clause_text(c), c.value, has.get(c.field, "nothing"), satisfies(has, c))
        for c in query.where
    ]
    return _frame(made, _RULE)


_RULE: Final = ("rule", "asked", "document_has", "passes")


def vector_check(run: Run, doc_id: str) -> pd.DataFrame:
    """The stored vectors of a document's rows against what the encoder gives for their text now.

    length : of the stored vector. cosine : between both. n_unread : tokens beyond what the encoder
    reads.
    """
    scene = run.scene
    numbers = rows_of(scene, [doc_id])
    chunks = [scene.space.snapshot.chunks[row] for row in numbers]
    stored = scene.space.snapshot.vectors[numbers].astype(np.float64)
    fresh = embed(scene, chunks).astype(np.float64)
    lengths = np.linalg.norm(stored, axis=1)
    cosines = (stored * fresh).sum(axis=1) / np.maximum(lengths, np.finfo(float).tiny)
    made = [
        (c.chunk_id, c.n_tokens, c.n_truncated, round(length, 3), round(cosine, 3), _held(run, c))
        for c, length, cosine in zip(chunks, lengths.tolist(), cosines.tolist(), strict=True)
    ]
    return _frame(made, ("chunk_id", "n_tokens", "n_unread", "length", "cosine", "evidence"))


def context(run: Run) -> pd.DataFrame:
    """What was packed, in the order it is read, then what was left out and why."""
    made, chunks = run.context, {c.chunk_id: c for c in run.scene.space.snapshot.chunks}
    table: list[tuple[Any, ...]] = [
        (p.number, "read", p.doc_id, p.n_tokens, made.budget,
         any(_touches(run, chunks[name]) for name in p.chunk_ids), p.text)
        for p in made.passages
    ]  # fmt: skip
    table += [
        (None, reason, chunks[name].doc_id, chunks[name].n_tokens, made.budget,
         _touches(run, chunks[name]), chunks[name].text)
        for name, reason in made.dropped
    ]  # fmt: skip
    return _frame(table, ("passage", "fate", "doc_id", "n_tokens", "budget", "evidence", "text"))


def answer(run: Run) -> pd.DataFrame:
    """The claims of the answer: what each cites, and the passage that supports it most.

    support : the share of the claim's weighted words in that passage. An abstention is one claim.
    """
    said = run.answer
    assert said is not None
    if said.abstained:
        return _frame([(f"{said.text} ({said.reason})", "", None, None)], _CLAIM)
    made = []
    for claim in sentence_support(said, run.context):
        own = [c.passage for c in said.citations if c.start < claim.end and claim.start < c.end]
        cited = ", ".join(map(str, dict.fromkeys(own)))
        text = said.text[claim.start : claim.end]
        made.append((text, cited, claim.passage, round(claim.support, 2)))
    return _frame(made, _CLAIM)


_CLAIM: Final = ("claim", "cites", "best_passage", "support")


def _rows(run: Run, chunks: list[Chunk]) -> pd.DataFrame:
    table = [
        (c.chunk_id, c.start, c.end, c.n_tokens, c.n_truncated, _as_stored(run, c), _held(run, c),
         c.prefix, c.text)
        for c in chunks
    ]  # fmt: skip
    columns = ("chunk_id", "start", "end", "n_tokens", "n_unread", "as_stored", "evidence",
               "prefix", "text")  # fmt: skip
    return _frame(table, columns)


def _chunks(run: Run, doc_id: str) -> list[Chunk]:
    scene = run.scene
    return [scene.space.snapshot.chunks[row] for row in rows_of(scene, [doc_id])]


def _as_stored(run: Run, chunk: Chunk) -> bool:
    found = run.scene.document(chunk.doc_id)
    return found is not None and found.text[chunk.start : chunk.end] == chunk.text


def _held(run: Run, chunk: Chunk) -> int:
    """Characters of the evidence in a row, by what is read of it."""
    doc_id, start, end = run.truth.place(chunk)
    return sum(
        intersection_length((start, end), span.interval)
        for span in run.truth.spans
        if span.doc_id == doc_id
    )


def _touches(run: Run, chunk: Chunk) -> bool:
    # Of evidence that is stored nowhere nothing can be touched.
    return bool(run.truth.spans) and run.truth.touches(run.truth.place(chunk))


def _frame(rows: list[Any], columns: tuple[str, ...]) -> pd.DataFrame:
    # Objects, so that a rank that there is not stays nothing and no rank becomes 3.0.
    return pd.DataFrame(rows, columns=list(columns), dtype=object)
