"""What each list adds to a merged score: by its ranks, or by its scores scaled to 0..1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from whymiss.candidates import Candidates
from whymiss.explain.ledger import Ledger, Part, Standing
from whymiss.retrieval.fusion import rrf_gains, weighted_gains


@dataclass(frozen=True, slots=True, kw_only=True)
class Merger:
    """Lists of one query and how they were merged, as `retrieval.fusion` merges them.

    lists : the candidates of each list, by the stage that made it. weights : one for each.
    """

    lists: Mapping[str, Candidates]
    weights: Sequence[float]
    method: Literal["rrf", "weighted"]
    rank_constant: int

    def parts(self, row: int, elsewhere: Mapping[str, str]) -> tuple[Part, ...]:
        """What each list adds for a row; one that does not hold it adds 0.

        elsewhere : what is to be said of a list that does not hold it, by its stage.
        """
        return tuple(
            self._part(name, listed, weight, row, elsewhere.get(name, ""))
            for (name, listed), weight in zip(self.lists.items(), self.weights, strict=True)
        )

    def _part(self, name: str, listed: Candidates, weight: float, row: int, elsewhere: str) -> Part:
        held = np.flatnonzero(listed.rows == row)
        if not len(held):
            return Part(name=name, value=0.0, numbers={"weight": weight}, note=elsewhere)
        at = int(held[0])
        numbers = {"rank": at + 1, "score": float(listed.scores[at]), "weight": weight}
        if self.method == "rrf":
            gains = rrf_gains(len(listed.rows), rank_constant=self.rank_constant, weight=weight)
            numbers["rank_constant"] = self.rank_constant
        else:
            gains = weighted_gains(listed.scores, weight=weight)
            numbers |= {"low": float(listed.scores.min()), "high": float(listed.scores.max())}
        return Part(name=name, value=float(gains[at]), numbers=numbers)


def list_ledger(standing: Standing, parts: Sequence[Part], *, score: float | None = None) -> Ledger:
    """A merged score per list; a chunk that is not among the candidates has what its parts give."""
    own = sum(part.value for part in parts) if score is None else score
    return Ledger(standing=standing, score=own, view="lists", parts=tuple(parts))
