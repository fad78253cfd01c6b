"""What a fault is: a base that it needs, and a way to plant it there and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene

SEVERITIES: Final = (1, 2, 3)
"""Mild, serious, grave."""

BRANCH: Final = "branch"
"""A stage that depends on the scene: the retrieval branch that runs, or both of them."""

Prepare = Callable[[Scene], tuple[Scene, ...]]
Plant = Callable[[Run, int, np.random.Generator], Scene | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that can go wrong, as a change of a healthy scene.

    name, title : what the key calls it, and one line for a reader.
    cause, stage : what a diagnosis should say; `stage_in` gives the stage of a scene.
    prepare : bases that the fault can be planted in, the most like the given scene first; none
        where it cannot be. They are meant to be healthy, which only a run can tell.
    plant : the faulty scene, from the run of a healthy base, a severity (1 mild to 3 grave) and a
        seeded generator; None where it cannot be, or where the severity would repeat a milder one.
        Equal seeds give equal scenes.
    """

    name: str
    title: str
    cause: str
    stage: str
    prepare: Prepare
    plant: Plant

    def stage_in(self, scene: Scene) -> str:
        """The stage at fault in a scene that it was planted in."""
        if self.stage != BRANCH:
            return self.stage
        mode = scene.config.retrieval.mode
        return "dense, bm25" if mode == "hybrid" else mode
