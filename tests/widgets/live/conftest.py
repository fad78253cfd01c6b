"""A live panel, and how its parts are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup

from whymiss.widgets.desk import Desk
from whymiss.widgets.live.panel import LivePanel

ASKED = "How long do refunds of order 7annual take?"


@pytest.fixture
def panel(desk: Desk) -> LivePanel:
    """Before its first question."""
    return desk.panel(LivePanel)


@pytest.fixture
def asked(panel: LivePanel) -> LivePanel:
    """With the results of a free question."""
    panel.ask(ASKED)
    assert panel.flush(20)
    assert panel.result is not None
    return panel


@pytest.fixture
def said() -> Callable[[LivePanel, str], str]:
    """`said(panel, "part")`: the words of a part."""

    def read(panel: LivePanel, part: str) -> str:
        text = BeautifulSoup(panel._surface.parts[part], "html.parser").get_text(" ")
        return " ".join(text.split())

    return read


@pytest.fixture
def seen() -> Callable[[LivePanel, str], BeautifulSoup]:
    """`seen(panel, "part")`: the elements of a part."""
    return lambda panel, part: BeautifulSoup(panel._surface.parts[part], "html.parser")
