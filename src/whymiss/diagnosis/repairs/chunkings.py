"""Repairs that cut the documents otherwise: the whole index has to be made anew for each."""

from __future__ import annotations

from collections.abc import Iterator, Set

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.repairs.change import Change, knobs
from whymiss.diagnosis.scene import Scene

_LEAST_SIZE = 32


def chunkings(case: Case, causes: Set[str], rebuilds: Rebuilds) -> Iterator[Change]:
    """Other chunk settings that answer a cause in the chunking or the embedding."""
    for title, changes in _wanted(case, causes):
        change = knobs(title, "chunking", changes, rebuilds=True)

        def alter(scene: Scene, changes: dict[str, object] = changes) -> Scene:
            return rebuilds.rebuilt(scene.configured(changes))

        yield Change(
            title=change.title, kind=change.kind, code=change.code, changes=changes, alter=alter,
            rebuilds=True,
        )  # fmt: skip


def _wanted(case: Case, causes: Set[str]) -> Iterator[tuple[str, dict[str, object]]]:
    knob, limit = case.scene.config.chunking, case.scene.encoder.max_tokens
    half = max(_LEAST_SIZE, knob.size // 2)
    smaller: dict[str, object] = {
        "chunking.size": half,
        "chunking.overlap": min(knob.overlap, half // 4),
    }
    if "S2a" in causes and not knob.overlap:
        yield f"overlap {knob.size // 4}", {"chunking.overlap": knob.size // 4}
    if causes & {"S2c"} and not knob.heading_prefix:
        yield "headings before each chunk", {"chunking.heading_prefix": True}
    if causes & {"S2a", "S2c"} and knob.strategy != "heading":
        yield "chunks by heading", {"chunking.strategy": "heading"}
    if causes & {"S2b", "S3a", "C1"} and half < knob.size:
        yield f"chunks of {half} tokens", smaller
    if "S3a" in causes and case.scene.config.embedding.max_tokens:
        yield "as many tokens as the model reads", {"embedding.max_tokens": 0}
    if "S3a" in causes and knob.size + 8 > limit:
        fits = max(_LEAST_SIZE, limit * 3 // 4)
        yield f"chunks of {fits} tokens, which the encoder reads whole", {
            "chunking.size": fits, "chunking.overlap": 0,
        }  # fmt: skip
    if causes & {"S2b", "S2c", "S2a"} and knob.strategy != "parent_child":
        yield (
            "small chunks to find, their parents to read",
            {
                "chunking.strategy": "parent_child",
                "chunking.size": half,
                "chunking.overlap": 0,
                "chunking.parent_size": max(knob.size, half),
            },
        )
    if "S2c" in causes and 2 * knob.size <= limit:
        yield f"chunks of {2 * knob.size} tokens", {"chunking.size": 2 * knob.size}
