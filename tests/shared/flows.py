"""Tables of candidates by hand, as `evaluation.flow.flow_frame` makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from whymiss.evaluation.flow import FLOW

Ranks = Mapping[str, Sequence[int | None]]
"""Ranks of each chunk at dense, fuse and select; None where it is not in the list."""

LOST: Ranks = {"gold": [3, 4, None], "a": [1, 2, 1], "b": [2, 1, 2], "c": [None, 3, None]}
ROLES = {"gold": "evidence", "a": "in front", "b": "in front"}


def flow(ranks: Ranks, *, roles: Mapping[str, str] | None = None, **fields: Any) -> pd.DataFrame:
    """The table; a score is 1 / rank, and the first two of each list go on."""
    rows = []
    for at, stage in enumerate(("dense", "fuse", "select")):
        n = sum(places[at] is not None for places in ranks.values())
        for chunk_id, places in ranks.items():
            rank = places[at]
            row = {
                "stage": stage, "rank": rank, "score": float("nan") if rank is None else 1 / rank,
                "n": n, "cut": min(n, 2), "chunk_id": chunk_id, "doc_id": f"{chunk_id}.md",
                "start": 0, "end": 9, "section": "Plans > Annual", "excerpt": f"text of {chunk_id}",
                "role": (roles or {}).get(chunk_id, "other"), "share": 0.5, "fate": "", **fields,
            }  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows, columns=list(FLOW)).astype({"rank": "Int64"})
