"""Why one chunk stands above another for a question: the whole answer as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from whymiss.errors import InvalidRecordError
from whymiss.explain.ledger import Contrast, Part, Standing, View
from whymiss.explain.removal import Removal, culprits
from whymiss.records import Chunk, Query

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, repr=False)
class Explanation:
    """Two chunks held against each other for one question, stage by stage.

    standings : where both stand at every stage that ran, in stage order: (chunk's, other's).
    contrasts : every score taken apart for both, in stage order.
    decided_at : the stage from which on the two are ordered as in the end ("dense, bm25" where
        both branches agree); empty where neither was retrieved.
    main : the score of texts that weighs most in that decision: what culprits are looked for in.
    notes : what else there is to say, such as why a chunk is not retrieved.
    removals : the chunk's scores by stage, to be asked what they are without some words.
    """

    query: Query
    chunk: Chunk
    against: Chunk
    standings: tuple[tuple[Standing, Standing], ...]
    contrasts: tuple[Contrast, ...]
    decided_at: str
    main: str
    notes: tuple[str, ...] = ()
    removals: Mapping[str, Removal] = field(default_factory=dict)

    def contrast(self, stage: str, view: View | None = None) -> Contrast:
        """The contrast of a stage; of its first view where none is named.

        Raises
        ------
        InvalidRecordError : there is none of that stage and view.
        """
        for found in self.contrasts:
            if found.stage == stage and view in (None, found.view):
                return found
        every = ", ".join(f"{c.stage} {c.view!r}" for c in self.contrasts)
        named = f"{stage!r}" if view is None else f"{stage!r}, {view!r}"
        raise InvalidRecordError(f"this explanation has no {named}; it has {every}.")

    def culprits(self, n: int = 5, *, stage: str = "") -> tuple[Part, ...]:
        """The words of the chunk that most hold its score up, at most `n`, the worst first.

        Each is the one whose leaving out, with those before it gone, lowers the score most; an
        average word is none, however much it adds. Fewer where nothing else lowers the score.

        Parameters
        ----------
        stage : whose score; by default `main`. One that is only approximately taken apart names
            the words whose leaving out alone lowers it most.
        """
        stage = stage or self.main
        parts = self.contrast(stage, "passage tokens").chunk.parts
        if stage in self.removals:
            return tuple(parts[number] for number in culprits(self.removals[stage], n))
        lowering = [part for part in parts if part.effect is not None and part.effect > 0]
        return tuple(sorted(lowering, key=lambda part: -(part.effect or 0.0))[:n])

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Every part of every score, one row each; see `frame.FRAME` for the columns."""
        from whymiss.explain.frame import explanation_frame

        return explanation_frame(self)

    def table(self, stage: str, view: View | None = None) -> pd.DataFrame:
        """The rows of one contrast, what differs most first.

        Raises
        ------
        InvalidRecordError : there is none of that stage and view.
        """
        from whymiss.explain.frame import contrast_table

        return contrast_table(self.contrast(stage, view))

    def __repr__(self) -> str:
        from whymiss.explain.sentences import verdict

        return f"Explanation of {self.query.text!r}: {verdict(self)}"

    def _repr_html_(self) -> str:
        from whymiss.explain.html import explanation_html

        return explanation_html(self)
