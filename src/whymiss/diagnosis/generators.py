"""Generators around a generator, to see or to spoil what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from whymiss.diagnosis.scene import Replaced, Scene
from whymiss.protocols import Generator
from whymiss.records import Answer, Context, Query

Edit = Callable[[Answer, Context], Answer]


@dataclass(frozen=True)
class Edited:
    """A generator whose answers are changed before they are handed on, abstentions too."""

    generator: Generator
    edit: Edit

    @property
    def name(self) -> str:
        """That of the generator itself."""
        return self.generator.name

    def generate(self, query: Query, context: Context) -> Answer:
        """The changed answer."""
        return self.edit(self.generator.generate(query, context), context)


def answered_by(scene: Scene, make: Callable[[Generator], Generator]) -> Scene:
    """The scene with its generator put into another."""
    return replace(scene, models=Replaced(source=scene.models, replace_generator=make))


def edited(scene: Scene, edit: Edit) -> Scene:
    """The scene with every answer changed before it is handed on."""
    return answered_by(scene, lambda found: Edited(found, edit))
