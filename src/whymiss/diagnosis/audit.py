"""What can be said of a request without knowing its evidence: nothing is proven, little cleared.

Each audit looks at the index, the candidates, the context or the answer by itself. A cause that can
only be told by the evidence is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from whymiss.answering import citation_precision, sentence_support
from whymiss.answering.lexical import Rarity, terms
from whymiss.answering.support import SUPPORTED
from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.answering import not_reproducible
from whymiss.diagnosis.causes.cause import Look, fine, unknown
from whymiss.diagnosis.causes.embedding import hub, wrong_vectors
from whymiss.diagnosis.causes.filtering import leaked, takes_away
from whymiss.diagnosis.causes.rows import repeated_rows
from whymiss.records import Chunk
from whymiss.text import counted

NEAR_COPY: Final = 0.95
"""Passages of different documents at this cosine are versions of one text."""

MORE: Final = 0.15
"""A passage outside of the context with so much more of the question's words is worth a look."""

_NO_LABEL: Final = "no evidence is known, and only by it could this be told"


def audited(code: str, case: Case) -> Look:
    """What one cause looks like without evidence."""
    look = _AUDITS.get(code)
    return look(case) if look is not None else unknown(_NO_LABEL)


def support_elsewhere(case: Case) -> Look:
    """Q1: every passage that the asker may see, searched for the question's words."""
    scene = case.scene
    visible = scene.space.visible(scene.question.query)
    held = [terms(chunk.indexed_text) for chunk in case.chunks]
    rarity, asked = Rarity(held), terms(scene.question.query.text)
    shares = np.array([rarity.containment(asked, some) for some in held])
    packed = {scene.space.snapshot.row_of[chunk_id] for chunk_id in case.run.context.chunk_ids}
    inside = max((shares[row] for row in packed), default=0.0)
    outside = np.where(visible, shares, -1.0)
    outside[sorted(packed)] = -1.0
    best = int(outside.argmax()) if len(outside) else -1
    if best < 0 or outside[best] <= 0:
        return unknown("no passage outside of the context holds any of the question's words")
    place = case.chunks[best]
    said = (
        f"of all {int(visible.sum())} passages that may be seen, one outside of the context holds "
        f"{outside[best]:.0%} of the question's words, by weight ({_name(place)}); in the context "
        f"the best holds {inside:.0%}"
    )
    more = outside[best] - inside >= MORE
    numbers = {"outside": round(float(outside[best]), 4), "inside": round(float(inside), 4)}
    if not more:
        return Look(says=said, unknown=said, numbers=numbers)
    return Look(says=said, deviation=said, numbers=numbers)


def stale_index(case: Case) -> Look:
    """I1: documents that changed since their rows were made."""
    seen = {chunk.doc_id for chunk in case.run.chunks(case.run.ordered)} & case.stale
    if not case.stale:
        return fine("no document changed since its rows were made")
    said = (
        f"{counted(len(case.stale), 'document')} of the index changed since; of the candidates "
        f"{len(seen)}"
    )
    return Look(says=said, deviation=said, definite=bool(seen))


def repeats(case: Case) -> Look:
    """I2: candidates that repeat another row word for word."""
    again = set(repeated_rows(case))
    mine = [row for row in case.run.ordered.rows.tolist() if row in again]
    if not mine:
        return fine(f"no candidate repeats another row; {len(again)} rows of the index do")
    said = (
        f"of {len(case.run.ordered.rows)} candidates {len(mine)} repeat another row word for word"
    )
    return Look(says=said, deviation=said, definite=True)


def without_rows(case: Case) -> Look:
    """I3: stored documents of which the index has nothing."""
    here = case.scene.space.snapshot.states.keys()
    missing = sorted(case.scene.space.catalogue.states.keys() - here)
    if not missing:
        return fine("every stored document has rows in the index")
    said = f"{counted(len(missing), 'stored document has', 'stored documents have')} no rows"
    return Look(says=said, deviation=said, numbers={"documents": len(missing)})


def approximate(case: Case) -> Look:
    """I4: how much of exact search the approximate one finds."""
    if case.scene.config.index.ann == "none":
        return fine("search is exact")
    if "dense" not in case.run.stages:
        return fine("no dense search ran")
    exact = case.probe(case.scene.configured({"index.ann": "none"}))
    here = set(case.run.stages["dense"].rows.tolist())
    there = exact.stages["dense"].rows.tolist()
    missed = sum(row not in here for row in there)
    said = f"approximate search misses {missed} of the exact {len(there)} nearest rows"
    return Look(says=said, deviation=said if missed else "", definite=bool(missed))


def unread_tails(case: Case) -> Look:
    """S3a: selected chunks that the encoder did not read whole."""
    selected = case.run.chunks(case.run.stages["select"])
    cut = [chunk for chunk in selected if chunk.n_truncated]
    if not cut:
        return fine(f"all {len(selected)} selected chunks were read whole")
    said = f"{len(cut)} of {len(selected)} selected chunks are longer than the encoder reads"
    return Look(says=said, deviation=said, definite=True)


def versions(case: Case) -> Look:
    """S3c: near copies from different documents among the candidates."""
    rows = case.run.ordered.rows
    vectors = case.scene.space.snapshot.vectors[rows]
    names = [case.chunks[row].doc_id for row in rows.tolist()]
    near = np.argwhere(np.triu(vectors @ vectors.T >= NEAR_COPY, 1)).tolist()
    pairs = [(i, j) for i, j in near if names[i] != names[j]]
    if not pairs:
        return fine("no two candidates of different documents are near copies")
    i, j = pairs[0]
    said = (
        f"{counted(len(pairs), 'pair')} of candidates from different documents are near copies, "
        f"such as {names[i]} and {names[j]}"
    )
    return Look(says=said, deviation=said)


def starving(case: Case) -> Look:
    """F2: the filter takes candidates away after they are found."""
    query, knobs = case.scene.question.query, case.scene.config.retrieval
    if knobs.filter_mode == "pre" or not query.where:
        return fine("the filter acts before candidates are found")
    left = {stage: len(found.rows) for stage, found in case.run.branches.items()}
    said = "after the filter " + ", ".join(f"{n} {stage} candidates are left" for stage, n in
                                           left.items())  # fmt: skip
    starved = takes_away(case, left)
    return Look(says=said, deviation=said if starved else "", definite=starved)


def disagreement(case: Case) -> Look:
    """S5: whether dense search and BM25 find the same."""
    k = case.scene.config.retrieval.k
    both = case.probe(case.scene.configured({"retrieval.mode": "hybrid"})).branches
    first = [set(found.top(k).rows.tolist()) for found in both.values()]
    shared = len(first[0] & first[1])
    said = f"dense and bm25 share {shared} of their first {k}"
    return Look(says=said, deviation=said if not shared else "")


def left_out(case: Case) -> Look:
    """C1: selected chunks that did not fit into the context."""
    dropped = [chunk_id for chunk_id, why in case.run.context.dropped if why == "over budget"]
    if not dropped:
        return fine("every selected chunk fits into the context, or repeats one that does")
    said = f"{counted(len(dropped), 'selected chunk')} did not fit into the context"
    return Look(says=said, deviation=said)


def unsupported(case: Case) -> Look:
    """G2: claims of the answer that no passage supports."""
    answer = case.run.answer
    if answer is None or answer.abstained:
        return unknown("nothing was answered")
    claims = sentence_support(answer, case.run.context)
    loose = [claim for claim in claims if claim.support < SUPPORTED]
    if not loose:
        return fine(f"each of {counted(len(claims), 'claim')} stands in a passage")
    said = f"{len(loose)} of {len(claims)} claims stand in no passage: {loose[0].text!r}"
    return Look(says=said, deviation=said, definite=True)


def citations(case: Case) -> Look:
    """G3: citations whose passage does not support the claim."""
    answer = case.run.answer
    if answer is None:
        return unknown("nothing was answered")
    score = citation_precision(answer, case.run.context)
    if score.undefined_because:
        return unknown(score.undefined_because)
    said = f"{score.value:.0%} of the citations point to a passage that supports the claim"
    return Look(says=said, deviation=said if score.value < 1 else "", definite=score.value < 1)


def _name(chunk: Chunk) -> str:
    return " > ".join([chunk.doc_id, *chunk.headings[-1:]])


_AUDITS: Final[Mapping[str, Callable[[Case], Look]]] = {
    "Q1": support_elsewhere,
    "S3a": unread_tails,
    "S3b": wrong_vectors,
    "S3c": versions,
    "S3d": hub,
    "I1": stale_index,
    "I2": repeats,
    "I3": without_rows,
    "I4": approximate,
    "F2": starving,
    "F3": leaked,
    "S5": disagreement,
    "C1": left_out,
    "G2": unsupported,
    "G3": citations,
    "X1": not_reproducible,
}
