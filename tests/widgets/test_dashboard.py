"""All panels in one place: one in front, the others made when they are first looked at."""

from __future__ import annotations

import gc
import weakref

import pytest
from bs4 import BeautifulSoup
from ipywidgets.widgets.widget import _instances

from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.compare.panel import ComparePanel
from whymiss.widgets.dashboard import Dashboard
from whymiss.widgets.desk import Desk
from whymiss.widgets.live.panel import LivePanel
from whymiss.widgets.map.panel import MapPanel
from whymiss.widgets.walk.panel import WalkPanel

PANELS = {"live": LivePanel, "walk": WalkPanel, "map": MapPanel, "compare": ComparePanel,
          "chunks": ChunkBrowser}  # fmt: skip


@pytest.fixture
def dashboard(desk: Desk) -> Dashboard:
    return desk.panel(Dashboard)


def buttons(dashboard: Dashboard) -> dict[str, str | None]:
    """The panels that can be chosen, and what is said of whether they are in front."""
    nav = BeautifulSoup(dashboard._surface.parts["nav"], "html.parser")
    assert all(b["data-do"] == "front" for b in nav.find_all("button"))
    return {b["data-value"]: b.get("aria-current") for b in nav.find_all("button")}


def test_it_opens_with_live_retrieval_and_nothing_else(dashboard: Dashboard, desk: Desk) -> None:
    assert dashboard.state == "live"
    assert buttons(dashboard) == {**dict.fromkeys(PANELS), "live": "page"}
    assert {type(panel) for panel in desk.panels} == {Dashboard, LivePanel}


@pytest.mark.parametrize("name", ["walk", "compare", "chunks", "live", "map"])
def test_a_panel_is_made_when_it_is_first_looked_at(
    dashboard: Dashboard, desk: Desk, name: str
) -> None:
    dashboard.press("front", name)
    assert dashboard._surface.parts["problem"] == ""
    panel = desk.opened(PANELS[name])
    assert panel is not None
    assert dashboard.state == name
    assert dashboard.widget.children == (dashboard._surface, panel.widget)
    assert [n for n, current in buttons(dashboard).items() if current] == [name]
    assert {type(p) for p in desk.panels} == {Dashboard, LivePanel, PANELS[name]}


def test_a_panel_comes_back_as_it_was(dashboard: Dashboard, desk: Desk) -> None:
    live = desk.panel(LivePanel)
    live.ask("How long for order 7annual?")
    dashboard.state = "chunks"
    assert not live.closed
    dashboard.front("live")
    assert desk.panel(LivePanel) is live
    assert dashboard.widget.children[1] is live.widget
    assert live.state.question == "How long for order 7annual?"


def test_a_panel_that_is_handed_something_comes_to_the_front(
    dashboard: Dashboard, desk: Desk
) -> None:
    live = desk.panel(LivePanel)
    live.ask("How long for order 7annual?")
    assert live.flush(20)
    assert live.result is not None
    live.press("browse", live.result.chunks[0].chunk_id)
    assert dashboard.state == "chunks"
    live.press("walk")
    assert dashboard.state == "walk"
    walk = desk.panel(WalkPanel)
    assert dashboard.widget.children[1] is walk.widget
    assert walk.flush(20)


def test_a_panel_that_is_no_part_of_it_changes_nothing(dashboard: Dashboard, desk: Desk) -> None:
    desk.bring_to_front(dashboard, dashboard)
    assert dashboard.state == "live"


def test_an_unknown_panel_and_a_knob_are_told_and_leave_what_is_in_front(
    dashboard: Dashboard, desk: Desk
) -> None:
    live = desk.panel(LivePanel)
    dashboard.press("front", "cellar")
    assert "no panel 'cellar'" in dashboard._surface.parts["problem"]
    assert dashboard.state == "live"
    assert dashboard.widget.children[1] is live.widget
    dashboard.press("front", "live")
    dashboard._surface.receive({"knob": "k", "value": 1})
    assert "the dashboard has no knob" in dashboard._surface.parts["problem"]


def test_the_snapshot_has_what_each_panel_showed(dashboard: Dashboard, desk: Desk) -> None:
    live = desk.panel(LivePanel)
    live.ask("How long for order 7annual?")
    assert live.flush(20)
    kept = BeautifulSoup(dashboard._repr_html_(), "html.parser")
    assert kept.find(["button", "input", "select"]) is None
    [outer, *_] = kept.find_all("table")
    rows = [row.find_all(["th", "td"], recursive=False)
            for row in outer.find_all("tr") if row.find_parent("table") is outer][1:]  # fmt: skip
    said = {row[0].get_text(): row[1].get_text(" ") for row in rows}
    assert "How long for order 7annual?" in said["Live retrieval"]
    assert "annual refunds take 7 days" in said["Live retrieval"]
    assert {said[name] for name in ("Map", "Compare", "Chunks")} == {"not opened"}


def test_the_code_is_that_of_the_panel_in_front(dashboard: Dashboard, desk: Desk) -> None:
    assert dashboard.to_code() == desk.panel(LivePanel).to_code()
    dashboard.front("chunks")
    assert dashboard.to_code() == desk.panel(ChunkBrowser).to_code()


def test_nothing_of_a_closed_dashboard_is_kept(desk: Desk) -> None:
    widgets = len(_instances)
    dashboard = desk.panel(Dashboard)
    dashboard.front("walk")
    seen = weakref.ref(dashboard)
    desk.close()
    desk.arranged_by(lambda _: None)
    del dashboard
    gc.collect()
    assert len(_instances) == widgets
    assert seen() is None


def test_after_the_dashboard_is_closed_panels_come_to_no_front(
    dashboard: Dashboard, desk: Desk
) -> None:
    live = desk.panel(LivePanel)
    dashboard.close()
    desk.bring_to_front(live, live)
    assert not live.closed
    assert desk.opened(Dashboard) is None
