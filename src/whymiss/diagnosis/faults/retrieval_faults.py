"""Faults of the knobs between the index and the context: depth, branches, fusion, k."""

from __future__ import annotations

from typing import Final

import numpy as np

from whymiss.diagnosis.faults.fault import BRANCH, Fault
from whymiss.diagnosis.faults.looking import simpler
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene


def shallow_depth(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Twice k candidates, one and a half k, or no more than k."""
    k = run.scene.config.retrieval.k
    depth = {1: 2 * k, 2: k + (k + 1) // 2, 3: k}[severity]
    if depth >= run.scene.config.retrieval.candidate_depth:
        return None
    return run.scene.configured({"retrieval.candidate_depth": depth})


def blind_branch(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """One branch alone: the one that ranks the evidence lower."""
    if severity > 1 or len(run.branches) < 2:
        return None
    return run.scene.configured({"retrieval.mode": _blinder(run)})


def bad_fusion_weight(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Nearly all the weight on the branch that ranks the evidence lower."""
    if len(run.branches) < 2:
        return None
    most = {1: 0.9, 2: 0.95, 3: 0.99}[severity]
    weight = most if _blinder(run) == "dense" else round(1 - most, 2)
    return run.scene.configured({"retrieval.dense_weight": weight})


def small_k(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """One chunk fewer than the evidence needs; half as many; a single one."""
    needed = run.rank(run.ordered)
    if needed is None or needed < 2:
        return None
    k = {1: needed - 1, 2: needed // 2, 3: 1}[severity]
    return run.scene.configured({"retrieval.k": k})


def both_branches(scene: Scene) -> tuple[Scene, ...]:
    """Both branches, with the reranker and without."""
    hybrid = scene.configured({"retrieval.mode": "hybrid"})
    without = (hybrid.configured({"rerank.model": ""}),) if hybrid.config.rerank.model else ()
    return (hybrid, *without)


def one_branch_reranked(scene: Scene) -> tuple[Scene, ...]:
    """One branch and a reranker, which alone decides or is blended."""
    return tuple(
        made
        for blend in dict.fromkeys((scene.config.rerank.blend, "replace"))
        for mode in ("dense", "bm25")
        if (made := scene.configured({"retrieval.mode": mode, "rerank.blend": blend})).reranker
        is not None
    )


def _blinder(run: Run) -> str:
    """The branch that ranks the evidence lower, or does not find it; of equals BM25."""
    ranks = {branch: run.rank(found) for branch, found in run.branches.items()}
    depth = run.scene.config.retrieval.candidate_depth
    return max(ranks, key=lambda branch: (ranks[branch] or depth + 1, branch == "bm25"))


FAULTS: Final = (
    Fault(
        name="shallow_depth", title="too few candidates for the reranker to choose from",
        cause="S4", stage=BRANCH, prepare=one_branch_reranked, plant=shallow_depth,
    ),
    Fault(
        name="blind_branch", title="the only branch that runs does not see the evidence",
        cause="S5", stage=BRANCH, prepare=both_branches, plant=blind_branch,
    ),
    Fault(
        name="bad_fusion_weight", title="fusion listens to the wrong branch",
        cause="S6", stage="fuse", prepare=both_branches, plant=bad_fusion_weight,
    ),
)  # fmt: skip

SMALL_K: Final = Fault(
    name="small_k", title="the evidence stands right behind the last chunk that is selected",
    cause="S8", stage="select", prepare=simpler, plant=small_k,
)  # fmt: skip
