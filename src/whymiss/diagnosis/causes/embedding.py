"""Causes in the vectors: S3a truncation, S3b wrong vectors, S3c confusable neighbours, S3d hubs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine, unknown
from whymiss.diagnosis.edits import cut, embed, with_rows
from whymiss.diagnosis.scene import Scene
from whymiss.neighbourhood.ground import FEWEST_QUESTIONS, NEAR_DUPLICATE
from whymiss.neighbourhood.occurrence import HUB_SHARE, NEAREST, shares
from whymiss.records import Chunk, Clause, Document, Span
from whymiss.retrieval.editing import revectored_space
from whymiss.text import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

SAME_VECTOR: Final = 0.98
"""A vector this close to the one that the model gives now is the same, but for precision."""

HUB_TIMES: Final = 3.0
"""A hub is among the first ten of at least 2 % of other questions, and so many times as often as
the candidates of this question are as a rule: where all of a small subject is asked about often,
none of it is a hub."""

HUB_CROWD: Final = 0.5
"""Hubs displace the evidence when they are at least this share of what stands in its place."""

_LEAST_SENTINELS: Final = FEWEST_QUESTIONS


def truncated(case: Case) -> Look:
    """S3a: the evidence lies beyond what the encoder reads of its chunk."""
    unread = {row: at for row in case.gold if (at := _unread_from(case, row)) is not None}
    lost = {row: at for row, at in unread.items() if _evidence_after(case, row, at)}
    if not lost:
        return fine(
            f"{len(unread)} of {len(case.gold)} chunks with evidence are truncated, none of them "
            "before the evidence ends"
        )
    tokens = max(case.chunks[row].n_truncated for row in lost)
    said = f"the encoder does not read the last {tokens} tokens of the chunk, where evidence stands"
    return Look(
        says=said,
        deviation=said,
        definite=True,
        patches=(
            Patch(
                says="what it did not read, as chunks of their own",
                apply=lambda: with_rows(case.scene, add=_tails(case, lost)),
            ),
            Patch(says="the chunk read whole", apply=lambda: _read_whole(case, sorted(lost))),
        ),
        numbers={"truncated_tokens": tokens},
    )


def _evidence_after(case: Case, row: int, at: int) -> bool:
    """Whether evidence of a chunk ends after a character."""
    chunk = case.chunks[row]
    return any(
        span.doc_id == chunk.doc_id and span.interval[1] > at and span.interval[0] < chunk.end
        for span in case.evidence
    )


def _unread_from(case: Case, row: int) -> int | None:
    """The character of the document from which a chunk was not read; None if all was."""
    chunk = case.chunks[row]
    if not chunk.n_truncated:
        return None
    tokenizer = case.scene.encoder.tokenizer
    offsets = tokenizer.offsets([chunk.indexed_text])[0]
    read = max(0, len(offsets) - chunk.n_truncated)
    end = int(offsets.starts[read]) if read < len(offsets) else len(chunk.indexed_text)
    return chunk.start + max(0, end - len(chunk.prefix))


def _tails(case: Case, unread: dict[int, int]) -> list[Chunk]:
    """Chunks of what was not read, each short enough to be read whole."""
    known = {chunk.chunk_id for chunk in case.chunks}
    made: dict[str, Chunk] = {}
    for row, at in unread.items():
        chunk = case.chunks[row]
        document = case.documents[chunk.doc_id]
        waiting = [(at, chunk.end)]
        # A span of evidence that the limit cuts in two is read whole in a chunk of its own.
        waiting += [s.interval for s in case.evidence if s.doc_id == chunk.doc_id]
        while waiting:
            start, end = waiting.pop()
            if not document.text[start:end].strip():
                continue
            (piece,) = cut(case.scene, document, [Span(start=start, end=end)])
            if piece.n_truncated and end - start > 1:
                middle = _break(document, start, end)
                waiting += [(start, middle), (middle, end)]
            elif piece.chunk_id not in known:
                made[piece.chunk_id] = piece
    return list(made.values())


def _read_whole(case: Case, rows: list[int]) -> Scene:
    """The rows with vectors of all their text.

    By the model's own limit where the configuration has lowered it, for what stands in front and
    for the question too; else the mean of the vectors of the parts.
    """
    scene = case.scene
    if scene.config.embedding.max_tokens:
        return _unlimited(case, [*rows, *case.ahead])
    vectors: Vectors = scene.space.snapshot.vectors.copy()
    for row in rows:
        at = _unread_from(case, row)
        parts = _tails(case, {row: case.chunks[row].end if at is None else at})
        mean = np.concatenate([vectors[[row]], embed(scene, parts)]).mean(axis=0)
        vectors[row] = mean / np.linalg.norm(mean)
    return replace(scene, space=revectored_space(scene.space, vectors))


def _unlimited(case: Case, rows: list[int]) -> Scene:
    scene = case.scene.configured({"embedding.max_tokens": 0})
    vectors: Vectors = scene.space.snapshot.vectors.copy()
    texts = [case.chunks[row].indexed_text for row in rows]
    vectors[rows] = scene.encoder.encode_documents(texts)
    space = revectored_space(scene.space, vectors)
    manifest = replace(space.snapshot.manifest, model_version=scene.encoder.model_version)
    return replace(scene, space=replace(space, snapshot=replace(space.snapshot, manifest=manifest)))


def _break(document: Document, start: int, end: int) -> int:
    """A place near the middle of a range, after white space where there is some."""
    middle = (start + end) // 2
    space = document.text.rfind(" ", start + 1, middle)
    return space + 1 if space > start else middle


def wrong_vectors(case: Case) -> Look:
    """S3b: vectors that are not what the model gives for the text, or not of length 1."""
    if "dense" not in case.run.stages:
        return fine("no dense search ran")
    stored = case.scene.space.snapshot.vectors
    lengths = np.linalg.norm(stored, axis=1)
    odd = np.flatnonzero(abs(lengths - 1.0) > 1 - SAME_VECTOR)
    if len(odd):
        said = (
            f"{len(odd)} of {len(stored)} vectors are not of length 1 (from {lengths.min():.2f} to "
            f"{lengths.max():.2f}), so that their product is no cosine"
        )
        return Look(
            says=said, deviation=said, definite=True,
            patches=(Patch(says="all vectors at length 1", apply=lambda: _at_length_one(case)),),
            numbers={"odd_lengths": len(odd)},
        )  # fmt: skip
    rows = _sound_rows(case, [*case.gold, *case.ahead[: case.scene.config.retrieval.k]])
    if not rows:
        return unknown("no row whose text could be encoded again")
    fresh = embed(case.scene, [case.chunks[row] for row in rows])
    cosines = (stored[rows] * fresh).sum(axis=1)
    wrong = [row for row, cosine in zip(rows, cosines, strict=True) if cosine < SAME_VECTOR]
    said = (f"{len(wrong)} of {len(rows)} vectors encoded again are another now (lowest cosine "
            f"{cosines.min():.3f})")  # fmt: skip
    if not wrong:
        return fine(said, encoded_again=len(rows))
    return Look(
        says=said, deviation=said, definite=True,
        patches=(Patch(says="the evidence's documents and what stands in front encoded again",
                       apply=lambda: _embedded_again(case)),),
        numbers={"wrong_vectors": len(wrong), "lowest_cosine": round(float(cosines.min()), 4)},
    )  # fmt: skip


def _sound_rows(case: Case, rows: list[int]) -> list[int]:
    """Rows whose document is stored as it was when they were made."""
    known = case.scene.space.catalogue.documents
    return [
        row for row in dict.fromkeys(rows)
        if case.chunks[row].doc_id in known and case.chunks[row].doc_id not in case.stale
    ]  # fmt: skip


def _at_length_one(case: Case) -> Scene:
    stored = case.scene.space.snapshot.vectors
    made = stored / np.linalg.norm(stored, axis=1, keepdims=True)
    return replace(case.scene, space=revectored_space(case.scene.space, made.astype(np.float32)))


def _embedded_again(case: Case) -> Scene:
    rows = _sound_rows(case, [*case.rows_of_documents, *case.ahead])
    vectors: Vectors = case.scene.space.snapshot.vectors.copy()
    vectors[rows] = embed(case.scene, [case.chunks[row] for row in rows])
    return replace(case.scene, space=revectored_space(case.scene.space, vectors))


def confusable(case: Case) -> Look:
    """S3c: other chunks say nearly the same, or differ in what the question names."""
    if not case.lost or not case.gold:
        return fine("nothing stands in front of the evidence that matters")
    near, other = _near_duplicates(case), contrary(case)
    if not near and not other:
        closest = max((float(c) for c in _similarity(case, case.ahead)), default=float("nan"))
        return fine(
            f"none of {len(case.ahead)} candidates in front is a near copy of the evidence "
            f"(closest {closest:.2f})"
        )
    rows = list(dict.fromkeys([*near, *other]))
    copies = counted(len(near), "near copy", "near copies")
    said = [f"{copies} of the evidence's chunk (cosine at least {NEAR_DUPLICATE})"] if near else []
    said += [
        f"in front {counted(len(found), 'candidate has', 'candidates have')} {field} {value!r} "
        f"where the question says {wanted!r} (to the encoder the question with {value!r} in it is "
        f"{_heard(case, wanted, value):.2f} the same)"
        for (field, value, wanted), found in _by_field(other).items()
    ]
    patches = [
        Patch(
            says=f"{counted(len(rows), 'confusable chunk')} taken out",
            apply=lambda: with_rows(case.scene, drop=rows),
        )
    ]
    named = {field: wanted for field, _, wanted in other.values()}
    if named:
        patches.append(
            Patch(
                says="only chunks marked " + ", ".join(f"{f} {w!r}" for f, w in named.items()),
                apply=lambda: with_clauses(case.scene, named),
            )
        )
    return Look(
        says="; ".join(said),
        deviation="; ".join(said),
        definite=True,
        patches=tuple(patches),
        numbers={"near_copies": len(near), "contrary": len(other)},
    )


def with_clauses(scene: Scene, values: Mapping[str, Any]) -> Scene:
    """The scene with its question limited to these values of metadata."""
    query = scene.question.query
    clauses = tuple(Clause(field=f, op="eq", value=v) for f, v in values.items())
    asked = replace(query, where=(*query.where, *clauses))
    return replace(scene, question=replace(scene.question, query=asked))


def _heard(case: Case, wanted: str, other: str) -> float:
    """Cosine of the question with itself, one value of metadata put in place of another."""
    text = case.scene.question.query.text
    swapped = re.sub(rf"\b{re.escape(wanted)}", other, text, flags=re.IGNORECASE)
    asked, instead = case.lab.vectors(case.scene, [text, swapped])
    return float(asked @ instead)


def _similarity(case: Case, rows: list[int]) -> NDArray[np.float32]:
    """Of each row, the cosine with what it is closest to: a chunk with evidence, or the evidence
    by itself under its headings.
    """
    vectors = case.scene.space.snapshot.vectors
    if not rows or not case.gold:
        return np.empty(0, np.float32)
    gold = np.concatenate([vectors[case.gold], embed(case.scene, case.alone)])
    cosines: NDArray[np.float32] = (vectors[rows] @ gold.T).max(axis=1)
    return cosines


def _near_duplicates(case: Case) -> list[int]:
    """Candidates in front, and the rows behind them, that are near copies of the evidence's."""
    near = _similarity(case, case.ahead) >= NEAR_DUPLICATE
    if not near.any():
        return []
    gold = set(case.gold)
    everywhere = _similarity(case, list(range(len(case.chunks)))) >= NEAR_DUPLICATE
    return [row for row in np.flatnonzero(everywhere).tolist() if row not in gold]


def contrary(case: Case) -> dict[int, tuple[str, str, str]]:
    """Candidates in front whose metadata differ from the evidence's in a value that is asked for.

    By row: the field, the value there, and the value of the evidence, which the question names.
    """
    wanted = {
        field: value
        for row in case.gold
        for field, value in case.marks(row).items()
        if case.named(value)
    }
    found = {}
    for row in case.ahead:
        own = case.marks(row)
        for field, value in wanted.items():
            other = own.get(field, value)
            if other != value and not case.named(other):
                found[row] = (field, other, value)
    return found


def _by_field(contrary: dict[int, tuple[str, str, str]]) -> dict[tuple[str, str, str], list[int]]:
    found: dict[tuple[str, str, str], list[int]] = {}
    for row, key in contrary.items():
        found.setdefault(key, []).append(row)
    return found


def hub(case: Case) -> Look:
    """S3d: chunks that are close to many questions, whatever they ask."""
    if not case.ahead:
        return fine("nothing stands in front of the evidence")
    if case.sentinels is None or len(case.sentinels) < _LEAST_SENTINELS:
        n = 0 if case.sentinels is None else len(case.sentinels)
        return unknown(f"{n} other questions are too few to tell what is close to many; "
                       f"{_LEAST_SENTINELS} are needed")  # fmt: skip
    share = shares(case.sentinels, case.scene.space.snapshot.vectors)
    usual = float(np.median(share[case.run.ordered.rows]))
    hubs = set(np.flatnonzero(share >= max(HUB_SHARE, HUB_TIMES * usual)).tolist())
    in_front = [row for row in case.ahead if row in hubs]
    if not in_front:
        top = max(float(share[row]) for row in case.ahead)
        return fine(
            f"no candidate in front is among the first {NEAREST} of more than {top:.0%} of "
            f"{len(case.sentinels)} other questions"
        )
    most = max(float(share[row]) for row in in_front)
    nearest = case.ahead[: case.scene.config.retrieval.k]
    crowd = sum(row in hubs for row in nearest) / len(nearest)
    said = (
        f"in front {counted(len(in_front), 'candidate is', 'candidates are')} close to many "
        f"questions: up to {most:.0%} of {len(case.sentinels)} others have one among their first "
        f"{NEAREST}; they are {crowd:.0%} of the first {len(nearest)}"
    )
    return Look(
        says=said,
        deviation=said,
        definite=crowd >= HUB_CROWD,
        patches=(
            Patch(
                says=f"{counted(len(in_front), 'hub chunk')} taken out",
                apply=lambda: with_rows(case.scene, drop=in_front),
            ),
        ),
        numbers={"hubs_in_front": len(in_front), "k_occurrence": round(most, 4)},
    )


TRUNCATED = Cause(code="S3a", name="TruncatedByEncoder", stage="embed", look=truncated)
WRONG_VECTORS = Cause(code="S3b", name="WrongVectors", stage="embed", look=wrong_vectors)
CONFUSABLE = Cause(code="S3c", name="ConfusableNeighbours", stage="embed", look=confusable)
HUB = Cause(code="S3d", name="HubChunk", stage="embed", look=hub)
