"""One Chromium for all tests, and pages that tell what they asked for, logged and popped up."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Route, sync_playwright

# --no-sandbox: root in a container has none. The others keep the browser itself off the network;
# the last one stops what is no request of a page, such as its sockets.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "the browser tests need Chromium; none of " + ", ".join(NAMES) + " is on the PATH. Install it "
    "(Debian and Ubuntu: apt-get install chromium), or name one in WHYMISS_CHROMIUM."
)


def find_chromium() -> str:
    """The program named by WHYMISS_CHROMIUM, or the first one that is installed.

    Without any, the test that asks is skipped. On CI, where nobody reads why, it fails.
    """
    named = os.environ.get("WHYMISS_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        on_ci = os.environ.get("CI") or os.environ.get("WHYMISS_CI")
        (pytest.fail if on_ci else pytest.skip)(MISSING)
    return found


@contextmanager
def running_chromium(executable: str) -> Iterator[Browser]:
    """The browser, until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@cache
def axe_source() -> str:
    """The axe-core library as JavaScript."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


class WatchedPage:
    """A page in a browser context of its own, which reaches one server and nothing else.

    Attributes
    ----------
    page : Playwright's page.
    requests : addresses outside the server that anything in the page asked for; all were aborted.
    console_errors : what was logged as an error, and errors that nobody caught.
    dialogs : alert, confirm and prompt boxes, as "alert: text"; each was dismissed.
    """

    def __init__(self, browser: Browser, origin: str) -> None:
        self.requests: list[str] = []
        self.console_errors: list[str] = []
        self.dialogs: list[str] = []
        self._context = browser.new_context(
            viewport={"width": 1400, "height": 1000}, service_workers="block"
        )
        elsewhere = re.compile(rf"^(?!{re.escape(origin)}/|data:|blob:)")
        self._context.route(elsewhere, self._abort)
        self.page = self._context.new_page()
        self.page.on("console", self._log)
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.on("dialog", self._answer)
        sockets = re.compile(rf"^(?!{re.escape(origin.replace('http', 'ws', 1))}/)")
        self.page.on(
            "websocket", lambda ws: self.requests.append(ws.url) if sockets.match(ws.url) else None
        )

    def axe(self, selector: str) -> list[str]:
        """What axe-core finds wrong inside the first element of a selector, in readable lines.

        Raises
        ------
        playwright.sync_api.Error : nothing in the page matches the selector.
        """
        self.page.evaluate(axe_source())
        found: list[dict[str, Any]] = self.page.evaluate(
            "async inside => (await axe.run({include: [[inside]]}, {resultTypes: ['violations']}))"
            ".violations",
            selector,
        )
        return [
            f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['target']}: {node['html']}"
            for rule in found
            for node in rule["nodes"]
        ]

    def close(self) -> None:
        """Close the page with its context."""
        self._context.close()

    def _abort(self, route: Route) -> None:
        self.requests.append(route.request.url)
        route.abort()

    def _log(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(message.text)

    def _answer(self, dialog: Dialog) -> None:
        # Leaving a page with unsaved changes is asked about too; that is no pop-up of a document.
        if dialog.type == "beforeunload":
            dialog.accept()
            return
        self.dialogs.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()
