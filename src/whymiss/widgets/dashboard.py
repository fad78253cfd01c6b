"""All panels of a workbench in one place, one in front at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

import ipywidgets

from whymiss.errors import ConfigError
from whymiss.pages.markup import IN_NOTEBOOK, Markup, table, tag
from whymiss.widgets.base.panel import Panel
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.compare.panel import ComparePanel
from whymiss.widgets.live.panel import LivePanel
from whymiss.widgets.map.panel import MapPanel
from whymiss.widgets.walk.panel import WalkPanel

if TYPE_CHECKING:
    from whymiss.widgets.base.surface import Event
    from whymiss.widgets.desk import Desk

_PANELS: Final[Mapping[str, tuple[str, type[Panel]]]] = {
    "live": ("Live retrieval", LivePanel),
    "walk": ("Wrong-answer walk", WalkPanel),
    "map": ("Map", MapPanel),
    "compare": ("Compare", ComparePanel),
    "chunks": ("Chunks", ChunkBrowser),
}


class Dashboard(Panel):
    """The panels behind a row of buttons; a panel is made when it is first looked at.

    Attributes
    ----------
    state : the name of the panel in front.
    """

    kind: ClassVar[str] = "dashboard"
    label: ClassVar[str] = "Workbench"
    verb: ClassVar[str] = "show"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._state = "live"
        self._box = ipywidgets.VBox([self._surface])
        desk.arranged_by(self._brought)
        self.draw()
        self.front(self._state)

    @property
    def widget(self) -> ipywidgets.DOMWidget:
        """The row of buttons, and the panel in front below it."""
        return self._box

    @property
    def state(self) -> str:
        """The panel in front: "live", "walk", "map", "compare" or "chunks"."""
        return self._state

    @state.setter
    def state(self, name: str) -> None:
        self.front(name)

    def front(self, name: str) -> None:
        """Show a panel.

        Raises
        ------
        ConfigError : there is none of this name.
        """
        if name not in _PANELS:
            raise ConfigError(f"the dashboard has no panel {name!r}; it has {', '.join(_PANELS)}.")
        panel = self.desk.panel(_PANELS[name][1])
        self._state = name
        # One that goes is not closed: it comes back as it was.
        self._box.children = (self._surface, panel.widget)
        self.draw()

    def actions(self) -> Mapping[str, Callable[[Event], None]]:
        return {"front": lambda event: self.front(str(event.value))}

    def turn(self, knob: str, value: Any) -> None:
        raise NotImplementedError(f"the dashboard has no knob {knob!r}.")

    def draw(self) -> None:
        self.show(
            {
                "problem": Markup(),
                "nav": tag(
                    "nav",
                    *(self._button(name, said) for name, (said, _) in _PANELS.items()),
                    class_="wm-row",
                    aria_label="Panels",
                ),
            }
        )

    def snapshot(self) -> Markup:
        rows = [(said, self._seen(kind)) for said, kind in _PANELS.values()]
        return table("Panels of the workbench", ("panel", "as it was"), rows, style=IN_NOTEBOOK)

    def to_code(self) -> str:
        """The code of the panel in front."""
        return self.desk.panel(_PANELS[self._state][1]).to_code()

    def close(self) -> None:
        if not self.closed:
            layout = self._box.layout
            super().close()
            self._surface.close()
            layout.close()

    def _button(self, name: str, said: str) -> Markup:
        return tag(
            "button",
            said,
            type="button",
            data_do="front",
            data_value=name,
            aria_current="page" if name == self._state else None,
        )

    def _seen(self, kind: type[Panel]) -> Markup:
        panel = self.desk.opened(kind)
        return panel.snapshot() if panel is not None else tag("em", "not opened")

    def _brought(self, panel: Panel) -> None:
        for name, (_, kind) in _PANELS.items():
            if isinstance(panel, kind):
                self.front(name)
