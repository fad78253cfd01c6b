"""The one widget that shows a panel: HTML made in Python goes out, what a person does comes in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakMethod

import anywidget
import traitlets

from whymiss.pages.markup import Markup

_HERE = Path(__file__).parent
_ROOM = _HERE.parent


@dataclass(frozen=True, slots=True)
class Event:
    """What a person did in a panel.

    name : of the knob that was moved, or of the action that was asked for.
    value : of the knob (a number, a truth value or a text), or what stands at the button.
    fields : of a form, by name; of a selection of text "doc_id", "start" and "end".
    is_knob : whether a knob was moved.
    """

    name: str
    value: Any = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_knob: bool = False


class Surface(anywidget.AnyWidget):  # type: ignore[misc]
    """Shows the parts of a panel, one below the other, and hands on events.

    A page that is loaded anew shows the same: all that is seen is in the traits. The widget holds
    the panel only weakly, because ipywidgets keeps every widget until it is closed.

    Parameters
    ----------
    label : the name of the panel for a screen reader.
    kind : becomes the class "wm-KIND".
    listener : a bound method that is called with each `Event`, on whatever thread it came in.

    Examples
    --------
    >>> from whymiss.pages.markup import tag
    >>> class Panel:
    ...     def heard(self, event):
    ...         print(event.name, event.value)
    >>> panel = Panel()
    >>> surface = Surface(label="Retrieval", kind="live", listener=panel.heard)
    >>> surface.show({"results": tag("p", "<none>")})
    >>> surface.parts["results"]
    '<p>&lt;none&gt;</p>'
    >>> surface.receive({"knob": "retrieval.k", "value": 7, "seen": 1})
    retrieval.k 7
    >>> surface.close()
    """

    # Read here: a path would be watched, and whoever watches it keeps every surface for good.
    _esm = (_HERE / "surface.js").read_text("utf-8")
    _css = "\n".join(
        path.read_text("utf-8")
        for path in (_HERE / "surface.css", *sorted(_ROOM.glob("*/style.css")))
    )

    parts = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    seen = traitlets.Int(0).tag(sync=True)

    def __init__(self, *, label: str, kind: str, listener: Callable[[Event], None]) -> None:
        super().__init__(label=label, kind=kind)
        self._listener = WeakMethod(listener)
        self._lock = threading.Lock()
        self.on_msg(lambda _, content, __: self.receive(content))

    def close(self) -> None:
        """Take it off the page, and out of the registry with its layout."""
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()

    def receive(self, message: Mapping[str, Any]) -> None:
        """Hand on what the browser says, and tell it that it was heard."""
        listener = self._listener()
        if listener is not None:
            listener(_event(message))
        self.seen = max(self.seen, int(message.get("seen", 0)))

    def show(self, parts: Mapping[str, Markup]) -> None:
        """Show some parts anew; the others stay as they are. Their order is that of the first."""
        with self._lock:
            self.parts = {**self.parts, **{name: str(part) for name, part in parts.items()}}


def _event(message: Mapping[str, Any]) -> Event:
    if "knob" in message:
        return Event(str(message["knob"]), message.get("value"), is_knob=True)
    return Event(str(message.get("do", "")), message.get("value", ""), message.get("fields") or {})
