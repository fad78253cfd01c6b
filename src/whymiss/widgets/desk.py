"""The panels of one workbench, and what they hand to each other."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from whymiss.widgets.base.panel import Panel
from whymiss.widgets.labelled import Labelled

if TYPE_CHECKING:
    from whymiss.evaluating import Questions
    from whymiss.workbench import Workbench

P = TypeVar("P", bound=Panel)

_DESKS: Final[weakref.WeakValueDictionary[str, Desk]] = weakref.WeakValueDictionary()


class Desk:
    """Holds one panel of each kind, made when it is first asked for.

    A cell that is run again shows the same panel again. A store that is opened again, in the same
    kernel, closes the panels of the workbench before: nothing of it is left running.

    Attributes
    ----------
    labelled : the questions that panels offer, measure and price with.
    """

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench
        self.labelled = Labelled(workbench)
        self._panels: dict[type[Panel], Panel] = {}
        self._to_front: Callable[[Panel], None] | None = None

    def use(self, questions: Questions | None) -> None:
        """Offer other labelled questions; None leaves those there are.

        Raises
        ------
        LabelError : they cannot be read.
        """
        if questions is not None:
            self.labelled = Labelled(self.workbench, questions)
            for panel in self.panels:
                panel.questions_changed()

    def panel(self, kind: type[P]) -> P:
        """The panel of a kind."""
        uri = self.workbench.store.uri
        before = _DESKS.get(uri)
        if before is not None and before is not self:
            before.close()
        _DESKS[uri] = self
        found = self._panels.get(kind)
        if found is None or found.closed:
            found = self._panels[kind] = kind(self)
        assert isinstance(found, kind)
        return found

    def opened(self, kind: type[P]) -> P | None:
        """The panel of a kind, if there is one."""
        found = self._panels.get(kind)
        return found if isinstance(found, kind) and not found.closed else None

    @property
    def panels(self) -> Sequence[Panel]:
        """The open panels."""
        return [panel for panel in self._panels.values() if not panel.closed]

    def bring_to_front(self, panel: Panel, asked_by: Panel) -> None:
        """Show a panel where panels share a place; elsewhere who asked says where it is."""
        if self._to_front is not None:
            self._to_front(panel)
        else:
            asked_by.tell_of(panel)

    def arranged_by(self, to_front: Callable[[Panel], None]) -> None:
        """Let a dashboard say what it is to show a panel."""
        self._to_front = to_front

    def close(self) -> None:
        """Close every panel."""
        for panel in self.panels:
            panel.close()
        self._panels.clear()
        self._to_front = None
