"""One daemon thread that does the newest job; what is older stops at its next check."""

from __future__ import annotations

import threading
from collections.abc import Callable

Check = Callable[[], None]
"""Raises `Superseded` when the work that calls it is no longer wanted."""


class Superseded(Exception):
    """The work is no longer wanted. Whatever it has cached stays."""


class Worker:
    """Runs the newest job; submitting one stops the job before it. Safe for threads.

    A job is called with a check, which it calls often: after every batch, say. The thread starts
    with the first job.

    Examples
    --------
    >>> worker = Worker()
    >>> found = []
    >>> worker.submit(lambda check: found.append(1))
    >>> worker.flush(), found
    (True, [1])
    >>> worker.close()
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._generation = 0
        self._waiting: tuple[int, Callable[[Check], None]] | None = None
        self._running = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, job: Callable[[Check], None]) -> None:
        """Run a job in place of whatever runs or waits.

        Raises
        ------
        RuntimeError : the worker is closed.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("the worker is closed and takes no more jobs.")
            self._generation += 1
            self._waiting = (self._generation, job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="whymiss-live", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def cancel(self) -> None:
        """Stop whatever runs or waits, at its next check."""
        with self._changed:
            self._generation += 1
            self._waiting = None
            self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs or waits; False when that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._waiting is None and not self._running, timeout
            )

    def close(self) -> None:
        """Stop the work and end the thread; waits for it unless called from it."""
        self.cancel()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting is not None)
                if self._closed:
                    return
                assert self._waiting is not None
                generation, job = self._waiting
                self._waiting, self._running = None, True

            def check(mine: int = generation) -> None:
                if mine != self._generation:
                    raise Superseded

            try:
                job(check)
            except Superseded:
                continue
            finally:
                with self._changed:
                    self._running = False
                    self._changed.notify_all()
