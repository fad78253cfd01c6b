"""The scenes that faults are planted in, made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from planting import BY_NAME, guide_scenes

from whymiss.diagnosis.faults import (
    PlantedCase,
    planted,
)
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene
from whymiss.retrieval.editing import revectored_space


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """Questions over sixty guides, one scene each."""
    return guide_scenes(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


Plant = Callable[[str], PlantedCase]

_TRAININGS = 3
"""LanceDB trains an approximate index by chance; of forty, one misses none of the questions."""


def again(scenes: Sequence[Scene]) -> list[Scene]:
    """The same scenes over a space for which nothing was computed yet."""
    space = revectored_space(scenes[0].space, scenes[0].space.snapshot.vectors)
    return [replace(scene, space=space) for scene in scenes]


@pytest.fixture(scope="session")
def plant(scenes: list[Scene], lab: Lab) -> Plant:
    """The first planting of a fault, kept."""
    kept: dict[str, PlantedCase] = {}

    def planting(name: str) -> PlantedCase:
        if name not in kept:
            made = (
                planted(scene, BY_NAME[name], np.random.default_rng(n), lab)
                for some in (scenes, *(again(scenes) for _ in range(_TRAININGS)))
                for n, scene in enumerate(some)
            )
            found = next((case for case in made if case is not None), None)
            assert found is not None, f"{name} is planted on no question"
            kept[name] = found
        return kept[name]

    return planting
