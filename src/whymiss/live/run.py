"""One live search while it goes on, as its caller sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

from whymiss.live.results import Kind, LiveResult


class Run:
    """One search while it goes on: iterate to get its results as they come.

    Iteration ends when the search is done or a newer one took its place, and raises what went wrong
    in the background.
    """

    def __init__(self) -> None:
        self._results: list[LiveResult] = []
        self._changed = threading.Condition()
        self.over = False
        self.superseded = False
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[LiveResult]:
        for number in count():
            result = self._result(number)
            if result is None:
                break
            yield result
        if self.error is not None:
            raise self.error

    @property
    def latest(self) -> LiveResult | None:
        """The newest result; None while there is none."""
        with self._changed:
            return self._results[-1] if self._results else None

    def wait(self, kind: Kind = "exact", timeout: float | None = None) -> LiveResult | None:
        """The first result of a kind; None when the search ends, or time is up, without one."""

        def found() -> LiveResult | None:
            return next((result for result in self._results if result.kind == kind), None)

        with self._changed:
            self._changed.wait_for(lambda: self.over or found() is not None, timeout)
            if self.error is not None:
                raise self.error
            return found()

    def _result(self, number: int) -> LiveResult | None:
        with self._changed:
            self._changed.wait_for(lambda: self.over or len(self._results) > number)
            return self._results[number] if len(self._results) > number else None

    def add(self, result: LiveResult) -> None:
        """Show one more result."""
        with self._changed:
            self._results.append(result)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None, *, superseded: bool = False) -> None:
        """There will be no more results; what was said first about why stands."""
        with self._changed:
            if not self.over:
                self.over, self.superseded, self.error = True, superseded, error
            self._changed.notify_all()
