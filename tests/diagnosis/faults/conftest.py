"""The scenes that faults are planted in, made once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from planting import BY_NAME, guide_scenes

from whymiss.diagnosis.faults import (
    PlantedCase,
    planted,
)
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """Questions over sixty guides, one scene each."""
    return guide_scenes(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


Plant = Callable[[str], PlantedCase]


@pytest.fixture(scope="session")
def plant(scenes: list[Scene], lab: Lab) -> Plant:
    """The first planting of a fault, kept."""
    kept: dict[str, PlantedCase] = {}

    def planting(name: str) -> PlantedCase:
        if name not in kept:
            made = (
                planted(scene, BY_NAME[name], np.random.default_rng(n), lab)
                for n, scene in enumerate(scenes)
            )
            found = next((case for case in made if case is not None), None)
            assert found is not None, f"{name} is planted on no question"
            kept[name] = found
        return kept[name]

    return planting
