"""The surface without a page: events, parts, and that it keeps no panel alive."""

from __future__ import annotations

import gc
import re
import weakref
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

import whymiss.widgets.base.surface as surface_module
from whymiss.pages.markup import Markup, tag
from whymiss.widgets.base.surface import Event, Surface


class Listener:
    def __init__(self) -> None:
        self.heard: list[Event] = []

    def hear(self, event: Event) -> None:
        self.heard.append(event)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def surface(listener: Listener) -> Any:
    made = Surface(label="Toy", kind="toy", listener=listener.hear)
    yield made
    made.close()


def test_a_knob_an_action_and_a_form_are_told_apart(surface: Surface, listener: Listener) -> None:
    surface.receive({"knob": "retrieval.k", "value": 7, "seen": 1})
    surface.receive({"do": "pin", "value": "c1", "seen": 2})
    surface.receive({"do": "ask", "value": "", "fields": {"question": "Why?"}, "seen": 3})
    assert listener.heard == [
        Event("retrieval.k", 7, is_knob=True),
        Event("pin", "c1"),
        Event("ask", "", {"question": "Why?"}),
    ]
    assert surface.seen == 3


def test_what_the_browser_sends_arrives_through_the_widget(
    surface: Surface, listener: Listener
) -> None:
    surface._handle_custom_msg({"do": "pin", "seen": 4}, [])
    assert [event.name for event in listener.heard] == ["pin"]
    assert surface.seen == 4


def test_an_old_message_does_not_turn_the_count_back(surface: Surface) -> None:
    surface.receive({"do": "a", "seen": 9})
    surface.receive({"do": "b", "seen": 2})
    assert surface.seen == 9


def test_showing_one_part_leaves_the_others_and_their_order(surface: Surface) -> None:
    surface.show({"problem": Markup(), "cards": tag("p", "one")})
    surface.show({"problem": tag("p", "no"), "code": tag("pre", "x")})
    assert list(surface.parts) == ["problem", "cards", "code"]
    assert surface.parts["cards"] == "<p>one</p>"


def test_the_widget_keeps_no_panel_alive() -> None:
    listener = Listener()
    surface = Surface(label="Toy", kind="toy", listener=listener.hear)
    gone = weakref.ref(listener)
    del listener
    gc.collect()
    assert gone() is None
    surface.receive({"do": "pin", "seen": 1})
    assert surface.seen == 1
    surface.close()


def test_a_closed_surface_is_in_no_registry(listener: Listener) -> None:
    before = len(ipywidgets.widgets.widget._instances)
    surface = Surface(label="Toy", kind="toy", listener=listener.hear)
    assert len(ipywidgets.widgets.widget._instances) > before
    surface.close()
    assert len(ipywidgets.widgets.widget._instances) == before
    gone = weakref.ref(surface)
    del surface
    gc.collect()
    assert gone() is None


def test_the_style_sheet_of_every_panel_is_loaded(surface: Surface) -> None:
    room = Path(surface_module.__file__).parents[1]
    sheets = [path.read_text("utf-8") for path in room.glob("*/style.css")]
    assert sheets
    assert all(sheet in surface._css for sheet in sheets)


def test_the_script_and_the_style_sheets_fetch_nothing() -> None:
    room = Path(surface_module.__file__).parents[1]
    reaching_out = re.compile(r"https?://(?!www\.w3\.org/)|@import|url\(|\beval\(|fetch\(")
    for path in (*room.rglob("*.js"), *room.rglob("*.css")):
        assert not reaching_out.search(path.read_text("utf-8")), path
