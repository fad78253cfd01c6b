"""A panel whose long work shows how far it is in the part that it will fill."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Final

from whymiss.live.background import Check, Superseded
from whymiss.pages.markup import Markup, join, tag
from whymiss.widgets.base.panel import Panel, busy
from whymiss.widgets.base.reporting import Progress, paced

_STOPPED: Final = tag(
    "p", "Stopped. What was found before stays.", role="status", class_="wm-waiting"
)


class Working(Panel):
    """Work that is stopped, or replaced, draws nothing any more: it is asked under the lock."""

    @abstractmethod
    def parts(self) -> dict[str, Markup]:
        """Every part as it is now, in order."""

    def draw(self) -> None:
        self.show({"problem": Markup(), **self.parts()})

    def stop(self) -> None:
        """Stop what is under way, and say so."""
        self.cancel()
        self.show({**self.parts(), "problem": _STOPPED})

    def work_in(self, part: str, what: str, job: Callable[[Check], None]) -> None:
        """Do a job in the background; `part` says what is under way until it is drawn anew."""
        self.draw()
        self._tell(part, what)

        def whole(check: Check) -> None:
            try:
                job(check)
            except Superseded:
                raise
            except Exception:
                self.settle(check, lambda: None)
                raise

        self.work(whole)

    def settle(self, check: Check, change: Callable[[], None]) -> None:
        """Take on what a job found, unless it is no longer wanted, and draw it."""
        with self._lock:
            check()
            change()
            self.draw()
        self.keep()

    def teller(self, part: str, check: Check) -> Progress:
        """Shows in a part how far a job is, and ends the job when it is no longer wanted."""

        def show(what: str, done: int, total: int) -> None:
            with self._lock:
                check()
                self._tell(part, what, done, total)

        return paced(show, check)

    def _tell(self, part: str, what: str, done: int = 0, total: int = 0) -> None:
        self.show({part: join([self.parts()[part], busy(what, done, total)])})
