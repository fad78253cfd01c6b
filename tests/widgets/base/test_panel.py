"""What all panels share, tried with a small one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from whymiss.errors import WhymissError
from whymiss.live.background import Check
from whymiss.pages.markup import Markup, tag
from whymiss.widgets.base.panel import Panel
from whymiss.widgets.base.surface import Event


class Toy(Panel):
    kind = "toy"
    label = "Toy"

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.turned: list[tuple[str, Any]] = []
        self.entered = threading.Event()
        self.goes_on = threading.Event()
        self.done: list[str] = []

    def actions(self) -> Mapping[str, Callable[[Event], None]]:
        return {"fail": self._fail, "long": lambda e: self.work(self._long(str(e.value)))}

    def turn(self, knob: str, value: Any) -> None:
        self.turned.append((knob, value))

    def draw(self) -> None:
        self.show({"problem": Markup()})

    def snapshot(self) -> Markup:
        return tag("p", "<toy>")

    def to_code(self) -> str:
        return ""

    def _fail(self, _: Event) -> None:
        raise WhymissError("<script>alert(1)</script> is no size.")

    def _long(self, name: str) -> Callable[[Check], None]:
        def job(check: Check) -> None:
            self.entered.set()
            assert self.goes_on.wait(10)
            check()
            if name == "wrong":
                raise KeyError("lost")
            self.done.append(name)

        return job

    @property
    def problem(self) -> str:
        return str(self._surface.parts.get("problem", ""))


@pytest.fixture
def toy() -> Any:
    panel = Toy()
    yield panel
    panel.goes_on.set()
    panel.close()


def test_a_knob_goes_to_turn(toy: Toy) -> None:
    toy._surface.receive({"knob": "size", "value": 3, "seen": 1})
    assert toy.turned == [("size", 3)]


def test_an_error_is_shown_escaped_and_goes_with_the_next_event(toy: Toy) -> None:
    toy.press("fail")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is no size." in toy.problem
    assert 'role="alert"' in toy.problem
    toy._surface.receive({"knob": "size", "value": 3, "seen": 1})
    assert toy.problem == ""


def test_an_unknown_action_names_those_there_are(toy: Toy) -> None:
    toy.press("dance")
    assert "Toy has no action 'dance'; it has fail, long." in toy.problem


def test_an_error_in_the_background_is_shown(toy: Toy) -> None:
    toy.goes_on.set()
    toy.press("long", "wrong")
    assert toy.flush(5)
    assert "KeyError" in toy.problem


def test_a_newer_job_takes_the_place_of_an_older_one(toy: Toy) -> None:
    toy.press("long", "first")
    assert toy.entered.wait(5)
    toy.press("long", "second")
    toy.goes_on.set()
    assert toy.flush(5)
    assert toy.done == ["second"]
    assert toy.problem == ""


def test_cancel_stops_at_the_next_check(toy: Toy) -> None:
    toy.press("long", "first")
    assert toy.entered.wait(5)
    toy.cancel()
    toy.goes_on.set()
    assert toy.flush(5)
    assert toy.done == []


def test_a_closed_panel_shows_nothing_more_and_closes_twice(toy: Toy) -> None:
    toy.close()
    toy.close()
    toy.fail(WhymissError("late"))
    assert "late" not in toy.problem


def test_outside_a_notebook_it_is_its_snapshot(toy: Toy) -> None:
    assert toy._repr_html_() == "<p>&lt;toy&gt;</p>"
