"""Search that follows the sliders: preview, exact and filled results of configurations without an
index."""

from __future__ import annotations

from whymiss.live.engine import Live
from whymiss.live.movements import Movement, movements
from whymiss.live.results import LiveResult
from whymiss.live.run import Run

__all__ = ["Live", "LiveResult", "Movement", "Run", "movements"]
