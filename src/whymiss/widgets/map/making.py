"""How the map panel comes to its map: the first picture at once, the fitted map behind it."""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from whymiss.pages.markup import tag
from whymiss.widgets.base.controls import button
from whymiss.widgets.base.panel import busy
from whymiss.widgets.base.reporting import Reporting
from whymiss.widgets.map.points import Points

if TYPE_CHECKING:
    from whymiss.live.background import Check
    from whymiss.maps.embedding_map import EmbeddingMap
    from whymiss.projection.job import FitJob
    from whymiss.widgets.map.state import MapState

_LOOK_EVERY: Final = 0.1
"""Seconds between two looks at a fit that runs."""


class Making(Reporting):
    """Makes the map of a state in the background, the newest state's alone."""

    _job: FitJob | None = None

    @property
    @abstractmethod
    def state(self) -> MapState:
        """Of what the map is."""

    @property
    @abstractmethod
    def map(self) -> EmbeddingMap | None:
        """What is drawn now."""

    @abstractmethod
    def take(self, points: Points) -> None:
        """Draw other points."""

    @abstractmethod
    def hand_on(self) -> None:
        """Tell other panels what is selected now."""

    def make(self) -> None:
        """Make the map of the state, and draw it."""
        state = self.state
        self.show({"work": busy("Making the map")})
        self.work(lambda check: self._make(state, check))

    def _make(self, state: MapState, check: Check) -> None:
        """Show what there is at once, and what comes when it is fitted."""
        with self.ended_by_errors(check):
            while True:
                points = Points(self._asked_for(state, check))
                with self._lock:
                    check()
                    self.take(points)
                self.hand_on()
                if points.map.fitting is None:
                    break
                self._wait_for(points.map.fitting, check)
        with self._lock:
            check()
            self.end_work()
        self.keep()

    def _asked_for(self, state: MapState, check: Check) -> EmbeddingMap:
        tell, here = self.telling(check), threading.current_thread()

        def progress(what: str, done: int, total: int) -> None:
            # A fit tells from its own thread, and goes on for whoever asks for the map next.
            if threading.current_thread() is here:
                tell(what, done, total)

        return self.desk.workbench.map(
            config=state.config, question=state.question or None, wait=False, progress=progress
        )

    def _wait_for(self, job: FitJob, check: Check) -> None:
        self._job = job
        tell = self.telling(check)
        while True:
            step = job.step
            tell(f"Fitting the map: {step.what}", step.done, step.total)
            try:
                job.wait(_LOOK_EVERY)
            except TimeoutError:
                continue
            self._job = None
            return

    def stop(self) -> None:
        """End what is waited for, and the fit itself."""
        self.cancel()
        job, self._job = self._job, None
        if job is not None:
            # Ending it takes as long as its next step.
            self.work(lambda _: job.cancel())
        drawn = f": {self.map.title} are shown. " if self.map is not None else ". "
        again = button("fit", "Make the map")
        self.end_work(tag("p", f"Stopped{drawn}", again, role="status"))
