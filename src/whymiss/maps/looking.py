"""What one question's run says of every chunk: rank, role, and the stage that left it behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from whymiss.diagnosis.case import Case
    from whymiss.diagnosis.lab import Run


def looked_at(points: pd.DataFrame, case: Case) -> pd.DataFrame:
    """The points of an index with what the run of one question says of them.

    `rank` and `score` are those of the order from which the first k are taken. `role` is
    "evidence" for chunks that hold some of it, "displacing" for selected ones in front of it that
    hold none, "retrieved" for the other selected ones. `left_at` is the stage after which a chunk
    was no longer there, "" for what reached the context.

    Parameters
    ----------
    points : one row per chunk in the order of the index, as `chunk_points` gives them.
    """
    run = case.run
    score, rank = np.full(len(points), np.nan), np.zeros(len(points), np.int64)
    ordered = run.ordered
    score[ordered.rows] = ordered.scores
    rank[ordered.rows] = np.arange(1, len(ordered.rows) + 1)
    return points.assign(
        score=score,
        rank=pd.Series(rank, index=points.index, dtype="Int64").mask(rank == 0),
        role=_roles(case, len(points)),
        left_at=_left_at(run, len(points)),
    )


def _roles(case: Case, n: int) -> list[str]:
    run = case.run
    roles = [""] * n
    selected = run.stages["select"].rows.tolist()
    ahead = set(case.ahead) if case.gold else set()
    for row in selected:
        roles[row] = "displacing" if row in ahead else "retrieved"
    for row in case.gold:
        roles[row] = "evidence"
    return roles


def _left_at(run: Run, n: int) -> list[Any]:
    scene = run.scene
    snapshot = scene.space.snapshot
    left = np.full(n, ", ".join(run.branches), dtype=object)
    left[~scene.space.visible(scene.question.query)] = "filter"
    left[run.ordered.rows] = "select"
    left[run.stages["select"].rows] = "pack"
    left[[snapshot.row_of[chunk_id] for chunk_id in run.context.chunk_ids]] = ""
    return left.tolist()
