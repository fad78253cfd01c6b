"""One panel of each kind for a workbench, and one workbench at a time for a store."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from whymiss.errors import LabelError
from whymiss.evaluation.labels import Question
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.compare.panel import ComparePanel
from whymiss.widgets.desk import Desk
from whymiss.widgets.live.panel import LivePanel
from whymiss.workbench import Workbench


def test_asking_for_a_panel_again_gives_the_same_as_it_was_left(desk: Desk) -> None:
    first = desk.panel(LivePanel)
    first.ask("How long for order 7annual?")
    assert desk.panel(LivePanel) is first
    assert desk.panel(LivePanel).state.question == "How long for order 7annual?"
    assert desk.panel(ChunkBrowser) is not first


def test_a_workbench_has_one_desk(open_guide: Callable[..., Workbench]) -> None:
    with open_guide() as workbench:
        panel = workbench.live_panel()
        assert workbench.live_panel() is panel
        config = workbench.config.replace({"retrieval.k": 2})
        assert workbench.live_panel("And order 9trial?", config=config) is panel
        assert (panel.state.question, panel.state.config) == ("And order 9trial?", config)
    assert panel.closed


def test_a_closed_panel_is_made_anew(desk: Desk) -> None:
    first = desk.panel(LivePanel)
    first.close()
    assert desk.opened(LivePanel) is None
    second = desk.panel(LivePanel)
    assert second is not first
    assert desk.opened(LivePanel) is second


def test_only_what_was_opened_counts_as_open(desk: Desk) -> None:
    assert desk.opened(LivePanel) is None
    assert list(desk.panels) == []
    panel = desk.panel(LivePanel)
    assert list(desk.panels) == [panel]
    desk.close()
    assert list(desk.panels) == []
    assert panel.closed


def test_the_same_store_opened_again_closes_the_panels_before(
    open_guide: Callable[..., Workbench],
) -> None:
    with open_guide() as first:
        live, browser = first.live_panel("Order 7trial?"), first.chunk_browser()
        with open_guide(first.store.uri) as second:
            assert not live.closed
            other = second.live_panel()
            assert (live.closed, browser.closed, other.closed) == (True, True, False)
        with open_guide() as elsewhere:
            assert elsewhere.live_panel()
            anew = first.live_panel()
            assert not anew.closed
        assert not anew.closed


def test_another_desk_of_one_store_takes_its_place(desk: Desk, guide_wb: Workbench) -> None:
    live = desk.panel(LivePanel)
    other = Desk(guide_wb)
    assert not live.closed
    other.panel(LivePanel)
    assert live.closed
    other.close()


def test_questions_are_offered_by_every_open_panel(
    desk: Desk, labelled_guide: list[Question]
) -> None:
    live, browser = desk.panel(LivePanel), desk.panel(ChunkBrowser)
    drawn: list[object] = []
    live.questions_changed = lambda: drawn.append(live)  # type: ignore[method-assign]
    browser.questions_changed = lambda: drawn.append(browser)  # type: ignore[method-assign]
    desk.use(None)
    assert drawn == []
    assert len(desk.labelled.questions) == 6
    desk.use(labelled_guide[:2])
    assert drawn == [live, browser]
    assert [q.query_id for q in desk.labelled.questions] == ["annual", "monthly"]


def test_questions_that_cannot_be_read_leave_those_there_are(desk: Desk, tmp_path: Path) -> None:
    before = desk.labelled
    with pytest.raises(LabelError, match=r"absent\.jsonl"):
        desk.use(tmp_path / "absent.jsonl")
    assert desk.labelled is before


def test_a_panel_comes_to_the_front_where_panels_share_a_place(desk: Desk) -> None:
    live, compare = desk.panel(LivePanel), desk.panel(ComparePanel)
    brought: list[object] = []
    desk.arranged_by(brought.append)
    desk.bring_to_front(live, compare)
    assert brought == [live]
    assert str(compare._surface.parts["problem"]) == ""


def test_elsewhere_the_panel_that_was_pressed_says_where_the_other_is(desk: Desk) -> None:
    live, compare = desk.panel(LivePanel), desk.panel(ComparePanel)
    compare.press("live")
    said = str(compare._surface.parts["problem"])
    assert "Live retrieval has it now" in said
    assert "workbench.live_panel()" in said
    assert "alert" not in said
    assert callable(getattr(desk.workbench, live.verb))


def test_a_desk_that_nobody_holds_is_let_go(guide_wb: Workbench) -> None:
    desk = Desk(guide_wb)
    desk.panel(LivePanel)
    desk.close()
    seen = weakref.ref(desk)
    del desk
    gc.collect()
    assert seen() is None
