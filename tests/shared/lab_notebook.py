"""A notebook opened in a real JupyterLab, driven as a person would and asked as a test must."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any, Literal

import nbformat
from chromium import WatchedPage
from playwright.sync_api import Browser, Locator
from servers import LabServer

Theme = Literal["light", "dark"]

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
LOADED = "() => Boolean(window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.isReady)"
# The tool bar says idle before there is a kernel, and a cell run then is dropped without a word.
IDLE = """() => {
  const kernel = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
# Playwright waits for a promise without end; here the wait has one.
BEGIN = """([body, argument]) => {
  window.whymissTest = null;
  const panel = window.jupyterapp.shell.currentWidget;
  const AsyncFunction = (async () => {}).constructor;
  new AsyncFunction('panel', 'app', 'argument', body)(panel, window.jupyterapp, argument).then(
    value => { window.whymissTest = {value: value ?? null}; },
    error => { window.whymissTest = {error: String(error?.message ?? error)}; });
}"""
EXECUTE = """
const future = panel.context.sessionContext.session.kernel.requestExecute(
  {code: argument, store_history: false, stop_on_error: false});
const said = [];
let failed = '';
future.onIOPub = ({header, content}) => {
  if (header.msg_type === 'stream') said.push(content.text);
  if (header.msg_type === 'execute_result') said.push(content.data['text/plain']);
  if (header.msg_type === 'error') failed = content.traceback.join('\\n');
};
await future.done;
if (failed) throw new Error(failed);
return said.join('');
"""
RUN_CELL = """
panel.content.activeCellIndex = argument;
panel.content.deselectAll();
await app.commands.execute('notebook:run-cell');
"""
SET_THEME = """
if (document.body.dataset.jpThemeName !== argument)
  await app.commands.execute('apputils:change-theme', {theme: argument});
"""


class LabNotebook(WatchedPage):
    """One notebook in one page with one kernel.

    Attributes (beside those of a watched page)
    ----------
    name : of the file in the server's root folder.
    """

    def __init__(
        self, browser: Browser, server: LabServer, cells: Sequence[str], *, theme: Theme
    ) -> None:
        super().__init__(browser, server.origin)
        self.name = f"{secrets.token_hex(4)}.ipynb"
        self._server = server
        self._file = server.root / self.name
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {
            "name": "python3", "display_name": "Python 3", "language": "python",
        }  # fmt: skip
        nbformat.write(made, self._file)
        # A workspace of its own: what other notebooks left open is not opened again.
        self.page.goto(
            f"{server.origin}/lab/workspaces/{self._file.stem}/tree/{self.name}"
            f"?token={server.token}",
            wait_until="commit",
        )
        self._wait_until_loaded()
        self.set_theme(theme)

    def run_all(self, *, seconds: float = 120) -> None:
        """Run every cell, from top to bottom, and wait for the last."""
        self._awaited("await app.commands.execute('notebook:run-all-cells')", seconds=seconds)

    def run_cell(self, i: int, *, seconds: float = 120) -> None:
        """Run one cell, counted from 0, and wait for it."""
        self._awaited(RUN_CELL, i, seconds=seconds)

    def execute(self, code: str, *, seconds: float = 120) -> str:
        """Run code in the notebook's kernel without a cell; what it printed, then its value.

        Raises
        ------
        AssertionError : the code raised; with the kernel's traceback.
        """
        return str(self._awaited(EXECUTE, code, seconds=seconds)).strip()

    def wait_idle(self, *, seconds: float = 120) -> None:
        """Wait until the kernel has answered everything that it was sent.

        A widget's own threads go on unseen by the kernel: wait for what they put in the page.
        """
        self.execute("", seconds=seconds)
        self.page.wait_for_function(IDLE, timeout=1000 * seconds)

    def output(self, i: int) -> Locator:
        """The outputs of a cell, counted from 0: one element for each, none before it has run."""
        return self.page.locator(
            f'.jp-Notebook-cell[data-windowed-list-index="{i}"] .jp-Cell-outputArea'
            " > .jp-OutputArea-child > .jp-OutputArea-output"
        )

    def restart_kernel(self, *, seconds: float = 60) -> None:
        """A new kernel under the same page; outputs stay as they are."""
        self._awaited(
            "await panel.context.sessionContext.session.kernel.restart()", seconds=seconds
        )
        self.wait_idle(seconds=seconds)

    def reload(self) -> None:
        """Load the page again, with the notebook as it was saved and the kernel that runs."""
        self.page.reload(wait_until="commit")
        self._wait_until_loaded()

    def save(self) -> dict[str, Any]:
        """Save the notebook; the file as JSON."""
        self._awaited("await panel.context.save()")
        saved: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        return saved

    def set_theme(self, theme: Theme) -> None:
        """Switch JupyterLab to its light or dark theme."""
        self._awaited(SET_THEME, THEMES[theme])
        self.page.wait_for_function(
            "name => document.body.dataset.jpThemeName === name", arg=THEMES[theme]
        )

    def close(self) -> None:
        """Close the page and end the kernel."""
        super().close()
        self._server.shut_kernel(self.name)

    def _wait_until_loaded(self) -> None:
        self.page.wait_for_function(LOADED, timeout=90_000)
        self.page.wait_for_function(IDLE, timeout=90_000)

    def _awaited(self, body: str, argument: Any = None, *, seconds: float = 60) -> Any:
        self.page.evaluate(BEGIN, [body, argument])
        done = self.page.wait_for_function("() => window.whymissTest", timeout=1000 * seconds)
        result: dict[str, Any] = done.json_value()
        if "error" in result:
            raise AssertionError(result["error"])
        return result["value"]
