"""The order of the pipeline's stages, stated once."""

from __future__ import annotations

from typing import Final

STAGES: Final = (
    "parse",
    "chunk",
    "embed",
    "index",
    "filter",
    "dense",
    "bm25",
    "fuse",
    "rerank",
    "select",
    "pack",
    "answer",
)
"""From a file to a cited answer; tables, traces and diagnoses follow this order."""
