"""A panel with a part that says how far its long work is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from whymiss.live.background import Check, Superseded
from whymiss.pages.markup import Markup
from whymiss.widgets.base.panel import Panel, busy

Progress = Callable[[str, int, int], None]

_TOLD_EVERY: Final = 0.1
"""Seconds between two reports of progress: a browser needs no more."""


def paced(show: Progress, check: Check) -> Progress:
    """Shows the first, the last and some reports between; ends work that is no longer wanted."""
    last = 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last
        check()
        if done == total or time.monotonic() - last >= _TOLD_EVERY:
            last = time.monotonic()
            show(what, done, total)

    return tell


class Reporting(Panel):
    """Shows in its part "work" what is being done; work that was replaced shows nothing more."""

    def end_work(self, said: Markup | None = None) -> None:
        """Nothing is done any more; `said` is why, where that has to be told."""
        self.show({"work": said or Markup()})

    def telling(self, check: Check) -> Progress:
        """Shows how far work is, and ends it when it is no longer wanted."""

        def show(what: str, done: int, total: int) -> None:
            with self._lock:
                check()
                self.show({"work": busy(what, done, total)})

        return paced(show, check)

    @contextmanager
    def ended_by_errors(self, check: Check) -> Iterator[None]:
        """An error is the end of the work, unless other work has taken its place."""
        try:
            yield
        except Superseded:
            raise
        except BaseException:
            with self._lock:
                check()
                self.end_work()
            raise
