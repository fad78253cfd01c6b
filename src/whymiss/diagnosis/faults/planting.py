"""Planting: severities are raised until a healthy scene turns unhealthy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from whymiss.diagnosis.faults.fault import SEVERITIES, Fault
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene

_OF_THE_ANSWER: Final = frozenset({"C2", "C3", "G1", "G2", "G3", "G4", "G5"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedCase:
    """A scene with known faults. Only `scene` may be shown to a diagnosis.

    base : the healthy scene; of a pair, the one that both were planted in.
    faults, severities : what was planted, one or two.
    """

    base: Scene
    scene: Scene
    faults: tuple[Fault, ...]
    severities: tuple[int, ...]

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """The (cause, stage) of every fault."""
        return tuple((fault.cause, fault.stage_in(self.scene)) for fault in self.faults)


def planted(scene: Scene, fault: Fault, rng: np.random.Generator, lab: Lab) -> PlantedCase | None:
    """The mildest planting of a fault that makes a healthy base of the scene unhealthy.

    None where there is no healthy base, or where no severity does it.
    """
    seed = _seed(rng)
    for number, base in enumerate(fault.prepare(scene)):
        if lab.run(base).ending != "healthy":
            continue
        for severity in SEVERITIES:
            made = _planted(base, fault, severity, [seed, number], lab)
            if made is not None and _fails(made, fault, lab):
                return PlantedCase(base=base, scene=made, faults=(fault,), severities=(severity,))
    return None


def planted_pair(
    scene: Scene, first: Fault, second: Fault, rng: np.random.Generator, lab: Lab
) -> PlantedCase | None:
    """Two faults in one healthy base, each of which makes it unhealthy by itself.

    So repairing one of them leaves the other, and the question stays lost. None where that cannot
    be; `compatible` says for which faults it is worth trying.
    """
    seed = _seed(rng)
    for number, prepared in enumerate(first.prepare(scene)):
        for more, base in enumerate(second.prepare(prepared)):
            if lab.run(base).ending != "healthy":
                continue
            one = _mildest(base, first, [seed, number, more, 1], lab)
            other = _mildest(base, second, [seed, number, more, 2], lab) if one else None
            if one is None or other is None:
                continue
            made = _planted(one[0], second, other[1], [seed, number, more, 2], lab)
            if made is not None and lab.run(made).ending in ("lost", "wrong answer"):
                return PlantedCase(
                    base=base, scene=made, faults=(first, second), severities=(one[1], other[1])
                )
    return None


def compatible(first: Fault, second: Fault) -> bool:
    """Whether two faults can be planted one after the other: other causes, other stages.

    Two that both spoil the answer cannot: what a reader does not read it cannot get wrong.
    """
    spoiling = [f.cause in _OF_THE_ANSWER for f in (first, second)]
    return first.cause != second.cause and first.stage != second.stage and not all(spoiling)


def _mildest(base: Scene, fault: Fault, seed: list[int], lab: Lab) -> tuple[Scene, int] | None:
    for severity in SEVERITIES:
        made = _planted(base, fault, severity, seed, lab)
        if made is not None and _fails(made, fault, lab):
            return made, severity
    return None


def _planted(base: Scene, fault: Fault, severity: int, seed: list[int], lab: Lab) -> Scene | None:
    return fault.plant(lab.run(base), severity, np.random.default_rng([*seed, severity]))


def _fails(scene: Scene, fault: Fault, lab: Lab) -> bool:
    """Whether the fault does its harm: the evidence is lost, or the answer is wrong."""
    ending = lab.run(scene).ending
    return ending == ("wrong answer" if fault.cause in _OF_THE_ANSWER else "lost")


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
