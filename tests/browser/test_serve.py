"""`whymiss serve` for real: a page without code, for those who know the token, from here alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from chromium import WatchedPage
from playwright.sync_api import expect
from servers import free_port, jupyter_folders, running

from whymiss import Document
from whymiss.testing import HashingEncoder
from whymiss.workbench import open as open_workbench

TOKEN = "a token of our own"
STARTUP = """
import whymiss.models
from whymiss.testing import HashingEncoder

whymiss.models.SentenceTransformersEncoder = lambda _: HashingEncoder()
"""
QUESTION = (
    '{"query_id": "r-1", "text": "How long do refunds take?",'
    ' "evidence": [[{"doc_id": "faq", "quote": "ten days"}]]}'
)


@dataclass(frozen=True)
class Served:
    """The panels, as served: their address without a slash, and what the terminal said."""

    origin: str
    log: Path
    process: subprocess.Popen[bytes]

    def kernels(self) -> list[psutil.Process]:
        """The kernels of all visitors."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in below if "ipykernel_launcher" in process.cmdline()]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with open_workbench(folder / "store", encoder=HashingEncoder()) as workbench:
        workbench.ingest([Document(doc_id="faq", text="Refunds take ten days.", allowed=["*"])])
    (folder / "questions.jsonl").write_text(QUESTION)
    startup = folder / "ipython" / "profile_default" / "startup" / "panels.py"
    startup.parent.mkdir(parents=True)
    startup.write_text(STARTUP)
    port, log = free_port(), folder / "server.log"
    arguments = (
        sys.executable, "-m", "whymiss", "serve", "--store", str(folder / "store"), "--no-open",
        "--questions", str(folder / "questions.jsonl"), "--port", str(port),
    )  # fmt: skip
    environment = {**os.environ, **jupyter_folders(folder), "WHYMISS_TOKEN": TOKEN}
    origin = f"http://127.0.0.1:{port}"
    with running(arguments, environment, ready=f"{origin}/login", log=log) as process:
        yield Served(origin, log, process)


@pytest.fixture
def page(served: Served, watched: Callable[[str], WatchedPage]) -> WatchedPage:
    opened = watched(served.origin)
    opened.page.goto(f"{served.origin}/?token={TOKEN}", timeout=90_000)
    return opened


def test_a_visitor_sees_the_panels_of_the_store_and_no_code(
    page: WatchedPage, served: Served
) -> None:
    panel = page.page.locator(".whymiss.wm-live")
    failed = page.page.get_by_text("There was an error when executing")
    expect(panel.or_(failed)).to_be_visible(timeout=60_000)
    assert not failed.is_visible(), served.log.read_text()
    panel.get_by_label("Labelled question").select_option("r-1")
    expect(panel.get_by_text("evidence delivered")).to_be_visible(timeout=30_000)
    page.page.get_by_role("button", name="Chunks", exact=True).click()
    expect(page.page.locator(".whymiss.wm-chunks")).to_be_visible()
    assert "import" not in page.page.locator("body").inner_text()
    assert page.requests == []
    assert page.dialogs == []
    assert page.console_errors == []
    assert page.axe("body") == []


def test_without_the_token_there_is_a_door_and_nothing_behind_it(served: Served) -> None:
    answer = httpx.get(served.origin, follow_redirects=True)
    assert answer.url.path == "/login"
    assert "whymiss" not in answer.text
    assert httpx.get(f"{served.origin}/?token=guess", follow_redirects=True).url.path == "/login"


def test_pages_are_told_to_ask_no_other_server(served: Served) -> None:
    policy = httpx.get(f"{served.origin}/login").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


def test_the_terminal_says_where_the_panels_are_and_how_to_stop(served: Served) -> None:
    said = served.log.read_text()
    assert f"The panels are at {served.origin}/?token={TOKEN}\n" in said
    assert "Stop them with Ctrl-C." in said


def test_each_visitor_has_a_kernel_and_none_stays_when_the_server_is_stopped(
    served: Served, watched: Callable[[str], WatchedPage]
) -> None:
    before = len(served.kernels())
    for visitor in (watched(served.origin), watched(served.origin)):
        visitor.page.goto(f"{served.origin}/?token={TOKEN}", timeout=90_000)
        expect(visitor.page.locator(".whymiss.wm-live")).to_be_visible(timeout=60_000)
    kernels = served.kernels()
    assert len(kernels) == before + 2
    served.process.terminate()
    assert served.process.wait(20) == 0
    assert psutil.wait_procs(kernels, timeout=20)[1] == []
