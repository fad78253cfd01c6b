"""Faults of the corpus that only show in the embedding: look-alikes and hubs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from whymiss.chunking import sentence_starts
from whymiss.diagnosis.edits import ingested
from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import gold_documents, rows_in, simpler, targets, touching
from whymiss.diagnosis.faults.texts import confused, free_ids
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Chunk, Document, digest
from whymiss.text import intersection_length, normalise_whitespace

_TRIES: Final = 8
"""How often a copy is worded anew before it is given up as a repeat."""

_FILLED: Final = {1: 0.7, 2: 0.5, 3: 0.35}
_LEAST_OTHERS: Final = 36
_TITLES: Final = ("Overview", "Index", "Frequently asked questions", "All topics", "Quick links")


def near_duplicate_displacer(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """k, 2k or 3k documents that say nearly the same of something else.

    Each repeats the evidence's chunk with its decisive words or numbers changed; the graver ones
    only the sentences around the evidence.
    """
    scene, made = run.scene, list[Document]()
    said: set[str] = set()
    taken = set(scene.space.catalogue.documents)
    for doc_id, spans in targets(run.truth).items():
        document, rows = run.truth.documents[doc_id], dict(rows_in(scene, doc_id))
        held = [rows[row] for row in touching(rows.items(), spans[:1])]
        if not held:
            return None
        chunk = max(held, key=lambda c: intersection_length((c.start, c.end), spans[0].interval))
        ids = iter(free_ids(doc_id, severity * scene.config.retrieval.k, taken))
        for name in ids:
            text = _confusable(document.text, chunk, spans[0], rng, said, close=severity > 1)
            if text:
                said.add(text)
                taken.add(name)
                made.append(_beside(document, name, text, chunk))
    return ingested(scene, made) if made else None


def hub(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Pages of questions that customers ask, this one among them; they answer none.

    As many as are selected, each with the questions most like this one in another order, as many
    as fill 0.7, 0.5 or 0.35 of a chunk: so each is close to all of them, and to what is like them.
    """
    scene = run.scene
    gold = gold_documents(scene)
    first = run.truth.documents.get(gold[0]) if gold else None
    question = normalise_whitespace(scene.question.query.text)
    others = [text for text in dict.fromkeys(scene.others) if text != scene.question.query.text]
    if first is None or len(others) < _LEAST_OTHERS:
        return None
    asked = scene.encoder.encode_queries([scene.question.query.text, *others])
    near = np.argsort(-(asked[1:] @ asked[0]), kind="stable").tolist()
    room = int(_FILLED[severity] * scene.config.chunking.size)
    listed = _fitting(scene, [question, *(normalise_whitespace(others[i]) for i in near)], room)
    pages = []
    for number in range(scene.config.retrieval.k + 1):
        some = [listed[i] for i in rng.permutation(len(listed)).tolist()]
        pages.append(_page(scene, first, _TITLES[number % len(_TITLES)], some))
    return ingested(scene, pages)


def _fitting(scene: Scene, texts: Sequence[str], room: int) -> list[str]:
    """The first texts whose tokens fit."""
    spent, kept = 0, list[str]()
    for text, cost in zip(texts, scene.encoder.tokenizer.count(list(texts)), strict=True):
        spent += cost + 1
        if kept and spent > room:
            break
        kept.append(text)
    return kept


def _confusable(
    text: str,
    chunk: Chunk,
    span: EvidenceSpan,
    rng: np.random.Generator,
    said: set[str],
    *,
    close: bool,
) -> str:
    """The chunk's text, or the sentences around the evidence, with the evidence changed."""
    start, end = _around(text, chunk, span) if close else (chunk.start, chunk.end)
    first, last = max(start, span.interval[0]), min(end, span.interval[1])
    quote = normalise_whitespace(text[slice(*span.interval)])
    for _ in range(_TRIES):
        made = confused(text[start:end], rng, (first - start, last - start)).strip()
        if made not in said and quote not in normalise_whitespace(made):
            return made
    return ""


def _around(text: str, chunk: Chunk, span: EvidenceSpan) -> tuple[int, int]:
    starts = [s for s in map(int, sentence_starts(text)) if chunk.start <= s < chunk.end]
    bounds = sorted({chunk.start, *starts, chunk.end})
    start, end = span.interval
    met = [(a, b) for a, b in pairwise(bounds) if a < end and start < b]
    return met[0][0], met[-1][1]


def _beside(document: Document, name: str, text: str, chunk: Chunk) -> Document:
    """A document of this text, headed as the chunk is."""
    path = [part for part in (document.title, *chunk.headings) if part.strip()]
    return Document(
        doc_id=name,
        text=text,
        title=" > ".join(dict.fromkeys(path)),
        metadata=document.metadata,
        allowed=document.allowed,
        syntax=document.syntax,
        modified=document.modified,
    )


def _page(scene: Scene, like: Document, title: str, lines: Sequence[str]) -> Document:
    text = "\n".join(f"- {line}" for line in lines)
    folder, slash, _ = like.doc_id.rpartition("/")
    name = f"{title.split(' ')[0].lower()}_{digest(text)[:6]}"
    return Document(
        doc_id=f"{folder}{slash}{name}.md",
        text=text,
        title=title,
        metadata=like.metadata,
        allowed=like.allowed,
        modified=like.modified,
    )


FAULTS: Final = (
    Fault(
        name="near_duplicate_displacer", title="passages that say nearly the same of another case",
        cause="S3c", stage="embed", prepare=simpler, plant=near_duplicate_displacer,
    ),
    Fault(
        name="hub", title="overview pages that are close to every question",
        cause="S3d", stage="embed", prepare=simpler, plant=hub,
    ),
)  # fmt: skip
