"""Faults on purpose: one known thing broken in a healthy scene, to score a diagnosis by.

The key (`PlantedCase.keys`) stays with the one who planted; ids, names, metadata and texts of a
planted scene are such as a real store has.
"""

from __future__ import annotations

from typing import Final

from whymiss.diagnosis.faults import (
    ann_faults,
    answer_faults,
    chunk_faults,
    context_faults,
    crowd_faults,
    document_faults,
    embed_faults,
    filter_faults,
    index_faults,
    rerank_faults,
    retrieval_faults,
)
from whymiss.diagnosis.faults.controls import Control, controls
from whymiss.diagnosis.faults.fault import SEVERITIES, Fault
from whymiss.diagnosis.faults.planting import PlantedCase, compatible, planted, planted_pair

FAULTS: Final[tuple[Fault, ...]] = (
    *document_faults.FAULTS,
    *chunk_faults.FAULTS,
    *embed_faults.FAULTS,
    *crowd_faults.FAULTS,
    *index_faults.FAULTS,
    *ann_faults.FAULTS,
    *filter_faults.FAULTS,
    *retrieval_faults.FAULTS,
    *rerank_faults.FAULTS,
    retrieval_faults.SMALL_K,
    *context_faults.FAULTS,
    *answer_faults.FAULTS,
)
"""Every fault, in the order of the stages."""

__all__ = [
    "FAULTS",
    "SEVERITIES",
    "Control",
    "Fault",
    "PlantedCase",
    "compatible",
    "controls",
    "planted",
    "planted_pair",
]
