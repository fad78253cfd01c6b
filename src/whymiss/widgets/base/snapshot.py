"""A panel as it was last seen, kept in the notebook for readers without a kernel."""

from __future__ import annotations

import uuid

from IPython import get_ipython
from IPython.display import display

from whymiss.pages.markup import Markup, tag

_NOTE = "Of an interactive panel, as it was last seen. Run the notebook to use it."


class Snapshot:
    """A second output below a panel: hidden while the panel lives, read where there is none.

    GitHub, exports and a notebook that was opened again show no widgets.
    """

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._written: Markup | None = None

    def write(self, content: Markup) -> None:
        """Show it for the first time, below what was shown last."""
        self._written = content
        display(self._bundle(content), raw=True, display_id=self._id)

    def update(self, content: Markup) -> None:
        """Write it anew wherever it stands; nothing where it never stood."""
        if self._written is None or self._written == content or get_ipython() is None:
            return
        self._written = content
        display(self._bundle(content), raw=True, display_id=self._id, update=True)

    def _bundle(self, content: Markup) -> dict[str, str]:
        note = tag("p", tag("em", _NOTE))
        # MathJax leaves this class alone, so that a price in dollars is no formula.
        shown = tag("div", note, content, class_="whymiss-snapshot mathjax_ignore")
        return {"text/html": str(shown), "text/plain": _NOTE}
