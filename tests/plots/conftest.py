"""What the charts' tests share: hostile text, and every text a figure would show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

HOSTILE = "<a href='https://evil.example'>x</a> <b>R&D</b> $y$ %{z}"


@pytest.fixture
def hostile_text() -> str:
    """A link, a tag, an entity, a formula and a template at once."""
    return HOSTILE


def _strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from _strings(value)
    elif isinstance(part, list | tuple | np.ndarray):
        for value in part:
            yield from _strings(value)


@pytest.fixture
def harmless() -> Callable[[Any], bool]:
    """Whether no text of a figure could become a tag, a formula or a template."""

    def check(drawn: Any) -> bool:
        every = list(_strings(drawn.to_plotly_json()))
        # Lines are broken by us, also inside of a long address.
        shown = [text.replace("<br>", "") for text in every]
        assert any("evil.example" in text for text in shown), "this would prove nothing"
        assert all(trace.hovertemplate is None for trace in drawn.data)
        return not any("<" in text or "$" in text for text in shown)

    return check
