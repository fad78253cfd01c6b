"""What all panels share: events in, parts out, work in the background, errors shown."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from IPython.display import display

from whymiss.errors import WhymissError
from whymiss.live.background import Check, Superseded, Worker
from whymiss.pages.markup import Markup, tag
from whymiss.widgets.base.controls import problem
from whymiss.widgets.base.snapshot import Snapshot
from whymiss.widgets.base.surface import Event, Surface

if TYPE_CHECKING:
    import ipywidgets

    from whymiss.widgets.desk import Desk


class Panel(ABC):
    """A view with a state: what a person does changes the state, and the state is drawn.

    A subclass tells what it does on an event and how its state looks; what takes longer than a
    moment goes to `work`, where the newest job replaces the others. All of it is as usable from
    Python as from the page, and without a page.

    Attributes
    ----------
    kind, label : for the style sheet, and for a screen reader.
    verb : of the workbench, which shows the panel in a cell.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    verb: ClassVar[str]

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.closed = False
        self._surface = Surface(label=self.label, kind=self.kind, listener=self._heard)
        self._snapshot = Snapshot()
        self._worker = Worker()
        self._lock = threading.RLock()
        self._actions: Mapping[str, Callable[[Event], None]] = self.actions()

    @abstractmethod
    def actions(self) -> Mapping[str, Callable[[Event], None]]:
        """What each button and form does, by the name of its action."""

    @abstractmethod
    def turn(self, knob: str, value: Any) -> None:
        """A control was moved."""

    @abstractmethod
    def draw(self) -> None:
        """Draw all parts from the state."""

    @abstractmethod
    def snapshot(self) -> Markup:
        """What is seen now, without controls, readable without a style sheet."""

    @abstractmethod
    def to_code(self) -> str:
        """A few lines of Python that make the same again."""

    def questions_changed(self) -> None:
        """Other labelled questions are offered."""
        self.draw()

    @property
    def widget(self) -> ipywidgets.DOMWidget:
        """What is shown in a notebook, to be put beside other widgets."""
        return self._surface

    def press(self, action: str, value: Any = "", **fields: Any) -> None:
        """Do what a button or form of the panel does."""
        self._heard(Event(action, value, fields))

    def show(self, parts: Mapping[str, Markup]) -> None:
        """Draw some parts anew."""
        if not self.closed:
            self._surface.show(parts)

    def keep(self) -> None:
        """Write what is seen now into the notebook, for readers without a kernel."""
        if not self.closed:
            self._snapshot.update(self.snapshot())

    def fail(self, error: BaseException) -> None:
        """Show what went wrong."""
        self.show({"problem": problem(message_of(error))})

    def clear_problem(self) -> None:
        """Take back what was said to have gone wrong."""
        self.show({"problem": Markup()})

    def tell_of(self, other: Panel) -> None:
        """Say where another panel is that was handed something."""
        said = f"{other.label} has it now: where a cell shows that panel, or by "
        cell = tag("code", f"workbench.{other.verb}()")
        self.show({"problem": tag("p", said, cell, " in a new cell.", role="status")})

    def work(self, job: Callable[[Check], None]) -> None:
        """Do something in the background, in place of what is being done there.

        The job is called with a check that it calls often; an error of it is shown.
        """

        def guarded(check: Check) -> None:
            try:
                job(check)
            except Superseded:
                raise
            # On this thread nobody would hear of it.
            except Exception as error:  # noqa: BLE001
                self.fail(error)

        self._worker.submit(guarded)

    def cancel(self) -> None:
        """Stop what is being done in the background."""
        self._worker.cancel()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing is going on; False when that took longer than `timeout` seconds."""
        return self._worker.flush(timeout)

    def close(self) -> None:
        """Take the panel off the page and end its work."""
        if not self.closed:
            self.closed = True
            self._worker.close()
            self.widget.close()

    def _heard(self, event: Event) -> None:
        """Act on an event, from whatever thread it comes."""
        with self._lock:
            try:
                self.clear_problem()
                if event.is_knob:
                    self.turn(event.name, event.value)
                elif event.name in self._actions:
                    self._actions[event.name](event)
                else:
                    known = ", ".join(sorted(self._actions))
                    raise WhymissError(
                        f"{self.label} has no action {event.name!r}; it has {known}."
                    )
            # Raised in a handler, it would vanish: no cell is running.
            except Exception as error:  # noqa: BLE001
                self.fail(error)

    def _repr_html_(self) -> str:
        return str(self.snapshot())

    def _ipython_display_(self) -> None:
        display(self.widget)
        self._snapshot.write(self.snapshot())


def message_of(error: BaseException) -> str:
    """An error in a sentence; one that nobody raised on purpose tells its type too.

    >>> message_of(WhymissError("no such chunk.")), message_of(KeyError("k"))
    ('no such chunk.', "KeyError: 'k'")
    """
    return str(error) if isinstance(error, WhymissError) else f"{type(error).__name__}: {error}"


def busy(what: str, done: int = 0, total: int = 0) -> Markup:
    """How far long work has come, with a button to stop it."""
    share = f"{done:,} of {total:,}" if total else ""
    return tag(
        "p",
        tag("progress", max=str(total), value=str(done), aria_label=what)
        if total
        else tag("progress", aria_label=what),
        f" {what} {share} ",
        tag("button", "Cancel", type="button", data_do="cancel"),
        role="status",
        class_="wm-row",
    )
