"""Causes in finding and ordering candidates: S4 depth, S5 branch, S6 fusion, S7 reranker, S8 k."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine
from whymiss.diagnosis.rerankers import (
    InParts,
    Turned,
    parts_of,
    with_reranker,
    without_reranker,
)
from whymiss.diagnosis.scene import Scene
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Query
from whymiss.reranking import EncodedTokens, LateInteractionReranker

if TYPE_CHECKING:
    from numpy.typing import NDArray

USUAL_DEPTH: Final = 50
LARGEST_DEPTH: Final = 500
FRONT: Final = 5
"""Evidence within the first so many was found well; that the context lacks it is the cutoff's."""

_SHALLOW: Final = 4
_LEAST_ORDERED: Final = 10
_AGAINST: Final = -0.2
"""A reranker need not agree with the search, but one that turns its order round is broken."""

_TAIL: Final = 20
"""Characters that are taken away to see whether they were read."""

_LAST: Final = ("rerank", "select")
_OTHER: Final = {"dense": "bm25", "bm25": "dense"}


def shallow(case: Case) -> Look:
    """S4: the evidence is beyond the candidates that are handed on."""
    knobs = case.scene.config.retrieval
    depth = knobs.candidate_depth
    small = depth < max(_SHALLOW * knobs.k, USUAL_DEPTH // 2)
    if case.rank is not None and not small:
        return fine(f"the evidence is among the candidates, at {case.rank} of depth {depth}")
    said = (
        f"the evidence is not among the first {depth} candidates of any branch"
        if case.rank is None
        else f"the evidence is at {case.rank} of {depth} candidates"
    )
    deeper = [d for d in (USUAL_DEPTH, LARGEST_DEPTH) if d > depth]
    return Look(
        says=said,
        deviation=f"{said}; depth {depth} for k {knobs.k} leaves little to order" if small else "",
        definite=small,
        patches=tuple(
            Patch(says=f"depth {d}", apply=partial(_deeper, case.scene, d)) for d in deeper
        ),
        numbers={"candidate_depth": depth},
    )


def _deeper(scene: Scene, depth: int) -> Scene:
    read = max(scene.config.rerank.depth, depth)
    return scene.configured({"retrieval.candidate_depth": depth, "rerank.depth": read})


def blind(case: Case) -> Look:
    """S5: the branch that would have found the evidence does not run, or finds nothing."""
    if not case.lost:
        return fine("the evidence was found")
    here = {stage: case.run.rank(found) for stage, found in case.run.branches.items()}
    k = case.scene.config.retrieval.k
    if len(here) == 2:
        return _blind_of_two(case, here, k)
    ran = next(iter(here))
    other = _OTHER[ran]
    there = case.probe(case.scene.configured({"retrieval.mode": other}))
    rank = there.rank(there.branches[other])
    said = f"{ran} has the evidence at {_place(here[ran])}, {other} would have it at {_place(rank)}"
    found = rank is not None and rank <= k
    worse = here[ran] is None or here[ran] > max(FRONT, k)  # type: ignore[operator]
    return Look(
        says=said,
        deviation=said if found else "",
        definite=found and worse,
        patches=(
            Patch(says="both branches",
                  apply=lambda: case.scene.configured({"retrieval.mode": "hybrid"})),
            Patch(says=f"{other} alone",
                  apply=lambda: case.scene.configured({"retrieval.mode": other})),
        ),
        numbers={"rank": here[ran], "rank_of_other": rank},
    )  # fmt: skip


def _blind_of_two(case: Case, here: Mapping[str, int | None], k: int) -> Look:
    """In hybrid mode: one branch drags the other down, or finds nothing at all."""
    said = " and ".join(f"{stage} has the evidence at {_place(r)}" for stage, r in here.items())
    empty = [stage for stage, found in case.run.branches.items() if not len(found.rows)]
    seeing = [s for s, r in here.items() if r is not None and r <= k]
    blind_one = [s for s, r in here.items() if r is None]
    patches = [
        Patch(says=f"{stage} alone",
              apply=partial(case.scene.configured, {"retrieval.mode": stage}))
        for stage in here if stage not in blind_one
    ]  # fmt: skip
    repaired = _usual_terms(case)
    if repaired:
        patches.insert(0, Patch(says="BM25 with the usual stemmer and stop words",
                                apply=lambda: case.scene.configured(repaired)))  # fmt: skip
    deviation = ""
    if repaired:
        bm25 = case.probe(case.scene.configured(repaired))
        before, after = here.get("bm25"), bm25.rank(bm25.branches["bm25"])
        if after is not None and (before is None or after < before):
            deviation = (
                f"with stemmer {case.scene.config.retrieval.stemmer!r} bm25 has the evidence at "
                f"{_place(before)}, with the usual one at {after}"
            )
    return Look(
        says=said,
        deviation=deviation or (said if empty else ""),
        definite=bool(deviation or empty),
        patches=tuple(patches) if seeing or deviation or empty else (),
        numbers={f"rank_{stage}": rank for stage, rank in here.items()},
    )


def _usual_terms(case: Case) -> dict[str, object]:
    """The knobs of BM25's terms that are not the usual ones."""
    usual = {"retrieval.stemmer": "english", "retrieval.stop_words": True,
             "retrieval.bm25_k1": 1.5, "retrieval.bm25_b": 0.75}  # fmt: skip
    here = case.scene.config.flat()
    return {knob: value for knob, value in usual.items() if here[knob] != value}


def _place(rank: int | None) -> str:
    return "no rank" if rank is None else f"rank {rank}"


def fusion_demotes(case: Case) -> Look:
    """S6: a branch had the evidence in front, and merging put it back."""
    if "fuse" not in case.run.stages:
        return fine("one branch runs alone: nothing is merged")
    knobs = case.scene.config.retrieval
    fused = case.run.rank(case.run.stages["fuse"])
    branches = {stage: case.run.rank(found) for stage, found in case.run.branches.items()}
    best = min((rank for rank in branches.values() if rank is not None), default=None)
    said = f"{', '.join(f'{s} {_place(r)}' for s, r in branches.items())}; merged {_place(fused)}"
    demoted = best is not None and best <= knobs.k and (fused is None or fused > knobs.k)
    uneven = abs(knobs.dense_weight - 0.5) > 0.25
    patches = [
        Patch(says="both branches at equal weight",
              apply=lambda: case.scene.configured({"retrieval.dense_weight": 0.5})),
    ] if uneven else []  # fmt: skip
    patches.append(Patch(
        says=f"fusion by {'scores' if knobs.fusion == 'rrf' else 'ranks'}, at equal weight",
        apply=lambda: case.scene.configured({
            "retrieval.fusion": "weighted" if knobs.fusion == "rrf" else "rrf",
            "retrieval.dense_weight": 0.5,
        }),
    ))  # fmt: skip
    return Look(
        says=said,
        deviation=f"{said} (dense_weight {knobs.dense_weight})" if demoted or uneven else "",
        definite=uneven and _better(best, fused),
        patches=tuple(patches) if _better(best, fused) else (),
        numbers={"best_branch_rank": best, "fused_rank": fused},
    )


def _better(one: int | None, other: int | None) -> bool:
    return one is not None and (other is None or one < other)


def reranker_demotes(case: Case) -> Look:
    """S7: the reranker puts the evidence back, or does not read what it should."""
    if "rerank" not in case.run.stages or case.scene.reranker is None:
        return fine("no reranker runs")
    k = case.scene.config.retrieval.k
    before, after = case.before, case.rank
    said = f"before reranking {_place(before)}, after it {_place(after)}"
    worse = _better(before, after)
    lost = before is not None and (after is None or after > k)
    broken = broken_because(case) if lost else ""
    demoted = lost and before is not None and before <= k
    far = before is not None and (after is None or after > before + 2 * k)
    said = f"{said}; {broken}" if broken else said
    return Look(
        says=said,
        deviation=said if worse or broken else "",
        definite=demoted or far or bool(broken),
        broken=bool(broken),
        patches=_other_rerankers(case, broken=bool(broken)) if worse or broken else (),
        numbers={"rank_before": before, "rank_after": after},
    )


def _other_rerankers(case: Case, *, broken: bool) -> tuple[Patch, ...]:
    """The reranker left out, turned round, shown short parts; one that is broken replaced."""
    patches = [
        Patch(says="without the reranker", apply=lambda: without_reranker(case.scene)),
        Patch(
            says="the reranker's scores turned round",
            apply=lambda: with_reranker(case.scene, Turned),
        ),
        Patch(
            says="passages read in parts, the best part counted",
            apply=lambda: with_reranker(case.scene, InParts),
        ),
    ]
    encoder = case.scene.encoder.token_encoder
    if broken and encoder is not None and not encoder.no_token_vectors_because:
        sound = LateInteractionReranker(encoder, EncodedTokens(encoder))
        patches.append(
            Patch(
                says="late interaction over whole passages in its place",
                apply=lambda: with_reranker(case.scene, lambda _: sound),
            )
        )
    return tuple(patches)


def broken_because(case: Case) -> str:
    """What is wrong with the reranker whatever the question; empty if nothing is."""
    reranker, query = case.scene.reranker, case.scene.question.query
    if reranker is None or not case.probes:
        return ""
    stages = [found for stage, found in case.run.stages.items() if stage not in _LAST]
    head = case.run.chunks(stages[-1].top(case.scene.config.rerank.depth))
    scores = np.array(reranker.scores(query, head))
    if len(head) >= _LEAST_ORDERED:
        turned = _rank_correlation(scores, -np.arange(len(head), dtype=np.float64))
        if turned < _AGAINST:
            return f"it orders against the search before it (rank correlation {turned:.2f})"
    gold = {case.chunks[row].chunk_id for row in case.gold}
    for chunk, score in zip(head, scores.tolist(), strict=True):
        if chunk.chunk_id in gold and _reads_only_the_beginning(reranker, query, chunk, score):
            return f"it scores a passage of {len(chunk.text)} characters by its beginning alone"
    return ""


def _reads_only_the_beginning(reranker: Reranker, query: Query, chunk: Chunk, score: float) -> bool:
    """Whether a part of a chunk says more than the whole, and what is behind counts for nothing."""
    parts = parts_of(chunk)
    found = reranker.scores(query, parts)
    best = int(np.argmax(found))
    if len(parts) < 2 or found[best] <= score:
        return False
    end = min(parts[best].end, chunk.end - _TAIL)
    head = replace(
        chunk,
        chunk_id=f"{chunk.chunk_id}:head",
        end=end,
        text=chunk.text[: end - chunk.start],
    )
    return reranker.scores(query, [head]) == [score]


def _rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Spearman's rank correlation; 0 where one side does not vary."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    if np.ptp(one) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def cut_off(case: Case) -> Look:
    """S8: the evidence stands behind the first k."""
    k, rank = case.scene.config.retrieval.k, case.rank
    if rank is None:
        return fine("the evidence is not among the candidates at all")
    if rank <= k or not case.lost:
        return fine(f"the evidence is at {rank}, within k {k}")
    roomy = rank <= case.room
    said = f"the evidence is at {rank}, k is {k}, and the budget has room for about {case.room}"
    depth = max(case.scene.config.retrieval.candidate_depth, rank)
    return Look(
        says=said,
        deviation=said if roomy else "",
        definite=rank <= FRONT,
        patches=(
            Patch(says=f"k {rank}", apply=lambda: case.scene.configured(
                {"retrieval.k": rank, "retrieval.candidate_depth": depth})),
        ),
        numbers={"rank": rank, "k": k, "room": case.room},
    )  # fmt: skip


SHALLOW = Cause(code="S4", name="CandidatesTooShallow", stage="candidates", look=shallow)
BLIND = Cause(code="S5", name="BlindBranch", stage="candidates", look=blind)
FUSION_DEMOTES = Cause(code="S6", name="FusionDemotes", stage="fuse", look=fusion_demotes)
RERANKER_DEMOTES = Cause(code="S7", name="RerankerDemotes", stage="rerank", look=reranker_demotes)
CUT_OFF = Cause(code="S8", name="CutOffByK", stage="select", look=cut_off)
