"""Faults of packing: a budget too small, an order that hides the evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import simpler
from whymiss.diagnosis.generators import answered_by
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene
from whymiss.protocols import Generator
from whymiss.records import Answer, Context, Query

_READ: Final = (2, 1)
"""Passages that the hasty reader reads; two at best."""

_ORDERS: Final = {1: "document", 2: "edges", 3: "reverse"}


@dataclass(frozen=True)
class HastyReader:
    """A generator that is shown the first passages of a context only."""

    generator: Generator
    n_passages: int

    @property
    def name(self) -> str:
        """That of the generator itself."""
        return self.generator.name

    def generate(self, query: Query, context: Context) -> Answer:
        """An answer from the first passages."""
        read = replace(context, passages=context.passages[: self.n_passages])
        return self.generator.generate(query, read)


def small_budget(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Three quarters, a half or a quarter of the tokens that the context has."""
    share = {1: 0.75, 2: 0.5, 3: 0.25}[severity]
    budget = int(share * run.context.n_tokens)
    return run.scene.configured({"context.token_budget": budget}) if budget else None


def bad_order(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Passages as they stand in their documents, best at both ends, or best last."""
    return run.scene.configured({"context.order": _ORDERS[severity]})


def read_in_haste(scene: Scene) -> tuple[Scene, ...]:
    """A generator that reads the first passages, which are the best ones."""
    ranked = replace(scene.configured({"context.order": "rank"}), answers=True)
    return tuple(
        answered_by(ranked, partial(HastyReader, n_passages=n_passages)) for n_passages in _READ
    )


FAULTS: Final = (
    Fault(
        name="small_budget", title="the evidence does not fit into the context",
        cause="C1", stage="pack", prepare=simpler, plant=small_budget,
    ),
    Fault(
        name="bad_order", title="the evidence stands where the generator does not read",
        cause="C2", stage="pack", prepare=read_in_haste, plant=bad_order,
    ),
)  # fmt: skip
