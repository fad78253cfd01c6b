"""Self-contained HTML pages: elements that escape what they hold, one look, one frame."""

from __future__ import annotations
