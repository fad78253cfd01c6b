"""One JupyterLab and one Chromium for all browser tests, and notebooks opened in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from chromium import WatchedPage, find_chromium, running_chromium
from lab_notebook import LabNotebook, Theme
from playwright.sync_api import Browser
from servers import LabServer, running_lab

OpenNotebook = Callable[..., LabNotebook]
DOCS = Path(__file__).parents[2] / "data" / "helpdesk" / "docs"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests run last: Playwright keeps an event loop running in the main thread, and with
    it other tests could run none of their own."""
    items.sort(key=lambda item: Path(__file__).parent in item.path.parents)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of the whole session; without one the test is skipped, on CI it fails."""
    with running_chromium(find_chromium()) as browser:
        yield browser


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """The JupyterLab of the whole session."""
    with running_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def notebook(chromium: Browser, lab_server: LabServer) -> Iterator[OpenNotebook]:
    """`notebook(cells, theme="light")`: a new notebook in a page and kernel of its own.

    Both are closed when the test ends.
    """
    yield from _opening(chromium, lab_server)


@pytest.fixture(scope="module")
def module_notebook(chromium: Browser, lab_server: LabServer) -> Iterator[OpenNotebook]:
    """The same for a fixture of a module: its tests share one page and one kernel."""
    yield from _opening(chromium, lab_server)


def _opening(chromium: Browser, server: LabServer) -> Iterator[OpenNotebook]:
    with ExitStack() as opened:

        def open_notebook(cells: Sequence[str], theme: Theme = "light") -> LabNotebook:
            made = LabNotebook(chromium, server, cells, theme=theme)
            return opened.enter_context(closing(made))

        yield open_notebook


@pytest.fixture
def watched(chromium: Browser) -> Iterator[Callable[[str], WatchedPage]]:
    """`watched(origin)`: an empty page that reaches nothing but that server."""
    with ExitStack() as opened:
        yield lambda origin: opened.enter_context(closing(WatchedPage(chromium, origin)))
