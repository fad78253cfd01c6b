"""From chosen chunks to the text that a generator reads: parents, merging, budget and order."""

from __future__ import annotations

from whymiss.context.packer import Packer, pack

__all__ = ["Packer", "pack"]
