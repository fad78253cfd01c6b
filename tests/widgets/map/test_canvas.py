"""What Python tells the map's canvas arrives whole, and so does what a person does there."""

from __future__ import annotations

import gc
import re
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipywidgets.widgets.widget import _put_buffers, _remove_buffers

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.plots.cluster_labels import ClusterLabel
from whymiss.plots.map_figure import embedding_map
from whymiss.plots.marks import MARKS
from whymiss.widgets.map.canvas import MapCanvas
from whymiss.widgets.map.colours import KeyLine, PointColours

PLACES = [[0.0, 0.0], [1.5, -2.0], [3.0, 1.0], [0.5, 0.25]]


def colours(n: int = 4) -> PointColours:
    codes = np.arange(n) % 3 - 1
    return PointColours(
        codes=codes, colours=("#0072B2", "#D55E00"), title="coloured by topic",
        key=(KeyLine(text="no topic", code=-1), KeyLine(text="refund", code=0)),
    )  # fmt: skip


@pytest.fixture
def canvas() -> Iterator[MapCanvas]:
    made = MapCanvas(name="Chunks")
    made.show_points(PLACES, colours())
    yield made
    made.close()


class Browser:
    """What would be on the other side: the messages that came, and ways to answer."""

    def __init__(self, canvas: MapCanvas) -> None:
        self.canvas = canvas
        self.messages: list[Mapping[str, Any]] = []
        self.issue = canvas._points["issue"]
        self.n_asked = 0
        canvas._send = self._hears

    def says(self, kind: str, rows: list[int] | None = None, **content: Any) -> str:
        self.n_asked += 1
        told = {"kind": kind, "id": f"ask{self.n_asked}", "issue": self.issue, **content}
        buffers = [] if rows is None else [memoryview(np.array(rows, "<u4").tobytes())]
        data = {"method": "custom", "content": told}
        self.canvas._handle_msg({"content": {"data": data}, "buffers": buffers})
        return str(told["id"])

    def _hears(self, message: dict[str, Any], buffers: Any = None) -> None:
        _put_buffers(message["state"], message["buffer_paths"], buffers)
        self.messages.append(message)

    def picks(self, *rows: int, how: str = "click") -> str:
        return self.says("pick", list(rows), how=how)


@pytest.fixture
def browser(canvas: MapCanvas) -> Browser:
    return Browser(canvas)


class Panel:
    def __init__(self, canvas: MapCanvas) -> None:
        self.canvas = canvas
        self.picked: list[tuple[list[int], str]] = []
        self.pointed: list[int | None] = []

    def on_pick(self, rows: Any, how: str) -> None:
        self.picked.append((rows.tolist(), how))

    def on_hover(self, row: int | None) -> None:
        self.pointed.append(row)
        if row is not None:
            self.canvas.tell(row, f"point {row}")


@pytest.fixture
def panel(canvas: MapCanvas) -> Panel:
    made = Panel(canvas)
    canvas.on_pick(made.on_pick)
    canvas.on_hover(made.on_hover)
    return made


# ---- what goes out ----


def test_places_go_out_as_float32_x_and_y_in_turn(canvas: MapCanvas) -> None:
    written = struct.unpack("<8f", canvas._points["places"])
    assert written == (0.0, 0.0, 1.5, -2.0, 3.0, 1.0, 0.5, 0.25)


def test_codes_go_out_as_uint16_and_no_value_as_the_largest(canvas: MapCanvas) -> None:
    assert struct.unpack("<4H", canvas._look["codes"]) == (65535, 0, 1, 65535)
    assert canvas._look["colours"] == ["#0072B2", "#D55E00"]
    assert canvas._look["key"][0] == {"text": "no topic", "code": -1}


def test_selected_rows_go_out_as_uint32_ascending_and_once(canvas: MapCanvas) -> None:
    canvas.select([3, 0, 3])
    assert struct.unpack("<2I", canvas._selection["rows"]) == (0, 3)
    assert canvas.selected.tolist() == [0, 3]


@given(st.lists(st.integers(0, 199_999), max_size=50))
def test_any_selection_comes_back_as_it_was_given(rows: list[int]) -> None:
    canvas = MapCanvas()
    n = 200_000
    look = PointColours(codes=np.zeros(n, dtype=np.int64), colours=("#888",))
    canvas.show_points(np.zeros((n, 2)), look)
    canvas.select(np.array(rows, dtype=np.int64))
    assert canvas.selected.tolist() == sorted(set(rows))
    canvas.close()


def test_other_points_come_in_one_message_with_all_that_belongs_to_them(browser: Browser) -> None:
    browser.canvas.show_points(
        PLACES[:2], colours(2), marks={"evidence": [1]}, standing=[True, False],
        labels=[ClusterLabel(name="refund", x=0.5, y=0.25, n=3)],
    )  # fmt: skip
    (message,) = browser.messages
    state = message["state"]
    assert {"_points", "_look", "_marks", "_labels", "_version"} <= set(state)
    assert state["_labels"] == [{"x": 0.5, "y": 0.25, "lines": ["refund"]}]
    assert state["_points"]["issue"] == browser.issue + 1


def test_every_change_is_a_version_of_its_own(canvas: MapCanvas) -> None:
    versions = [canvas._version]
    for change in (
        lambda: canvas.select([1]),
        lambda: canvas.mark({"evidence": [1]}),
        lambda: canvas.colour(colours()),
        lambda: canvas.draw_edges([0], [1], [True]),
        lambda: setattr(canvas, "view", (0, 0, 1)),
    ):
        change()
        versions.append(canvas._version)
    assert versions == list(range(versions[0], versions[0] + 6))


def test_other_points_take_selection_lines_words_and_view_away(canvas: MapCanvas) -> None:
    canvas.select([1])
    canvas.draw_edges([0], [1], [True])
    canvas.tell(1, "a point")
    canvas.view = (0.5, 0.5, 2.0)
    canvas.show_points(PLACES[:3], colours(3))
    assert canvas.selected.tolist() == []
    assert canvas._edges["starts"] == canvas._edges["ends"] == b""
    assert canvas._told["row"] == -1
    assert canvas.view is None


def test_the_view_stays_on_the_same_plane(canvas: MapCanvas) -> None:
    canvas.view = (0.5, 0.5, 2.0)
    canvas.show_points(PLACES[:3], colours(3), keep_view=True)
    assert canvas.view == (0.5, 0.5, 2.0)


def test_what_a_new_page_asks_for_holds_everything(canvas: MapCanvas) -> None:
    canvas.show_points(PLACES, colours(), marks={"question": [2]}, standing=[True] * 4)
    canvas.select([1, 3])
    canvas.draw_edges([2, 2], [0, 1], [True, False])
    canvas.view = (1.0, 2.0, 3.0)
    state, paths, buffers = _remove_buffers(canvas.get_state())
    _put_buffers(state, paths, buffers)
    assert np.frombuffer(state["_selection"]["rows"], "<u4").tolist() == [1, 3]
    assert np.frombuffer(state["_marks"]["items"][0]["rows"], "<u4").tolist() == [2]
    assert bytes(state["_edges"]["kept"]) == b"\x01\x00"
    assert state["_view"]["at"] == [1.0, 2.0, 3.0]
    assert len(state["_points"]["places"]) == 32
    assert "export default" in state["_esm"]


def test_lines_say_in_the_key_how_many_the_map_keeps(canvas: MapCanvas) -> None:
    canvas.draw_edges([0, 0, 0], [1, 2, 3], [True, False, False])
    assert canvas._edges["key"] == [
        {"text": "true neighbour, kept by the map (1)", "dashed": False},
        {"text": "true neighbour, torn off by the map (2)", "dashed": True},
    ]


def test_marks_have_the_shapes_and_words_of_the_plotly_map() -> None:
    roles = ["retrieved", "retrieved", "displacing", "evidence", "question", ""]
    n = len(roles)
    frame = pd.DataFrame(
        {
            "kind": ["chunk"] * 4 + ["question"] * 2, "id": [f"p{i}" for i in range(n)],
            "doc_id": "a.md", "title": "", "section": "", "excerpt": "", "x": range(n),
            "y": range(n), "cluster": 0, "cluster_label": "", "kept": 1.0, "score": 0.5,
            "rank": 1, "role": roles, "left_at": "",
        }
    )  # fmt: skip
    twin = [t for t in embedding_map(frame).data if t.showlegend and t.legend == "legend2"]
    canvas = MapCanvas()
    by_role = {role: np.flatnonzero(frame["role"] == role) for role in roles[:5]}
    canvas.show_points(frame[["x", "y"]], colours(n), marks={**by_role, "asked": [5]})
    drawn = canvas._marks["items"]
    assert sorted(mark["text"] for mark in drawn) == sorted(trace.name for trace in twin)
    for trace in twin:
        (mark,) = [mark for mark in drawn if mark["text"] == trace.name]
        assert trace.marker.symbol == ("circle-open" if mark["ring"] else mark["symbol"])
        assert mark["colour"] in (trace.marker.line.color, trace.marker.color)
    assert [mark["text"].partition(" (")[0] for mark in drawn] == [m.name for m in MARKS.values()]
    canvas.close()


def test_marks_that_are_many_are_small(canvas: MapCanvas) -> None:
    canvas.show_points(np.zeros((40, 2)), colours(40), marks={"evidence": range(13)})
    assert canvas._marks["items"][0]["size"] == 9
    canvas.mark({"evidence": [0]})
    assert canvas._marks["items"][0]["size"] == 20


# ---- what comes in ----


@pytest.mark.parametrize("how", ["click", "lasso", "keyboard", "clear"])
def test_a_pick_arrives_with_how_it_was_made(browser: Browser, panel: Panel, how: str) -> None:
    rows = [] if how == "clear" else [1, 3]
    asked = browser.picks(*rows, how=how)
    assert panel.picked == [(rows, how)]
    assert browser.canvas.selected.tolist() == rows
    assert browser.canvas._selection["answers"] == asked


def test_rows_that_come_unsorted_and_twice_are_sorted_and_once(
    browser: Browser, panel: Panel
) -> None:
    browser.picks(3, 1, 3)
    assert panel.picked == [([1, 3], "click")]


def test_what_python_selects_is_no_pick(browser: Browser, panel: Panel) -> None:
    browser.canvas.select([2])
    assert panel.picked == []
    assert browser.messages[-1]["state"]["_selection"]["rows"] == struct.pack("<I", 2)


def test_a_pick_among_points_that_are_gone_is_answered_and_forgotten(
    browser: Browser, panel: Panel
) -> None:
    browser.canvas.show_points(PLACES[:2], colours(2))
    browser.canvas.select([1])
    asked = browser.picks(3)
    assert panel.picked == []
    assert browser.canvas.selected.tolist() == [1]
    assert browser.canvas._selection["answers"] == asked


def test_pointing_asks_for_words_and_gets_them(browser: Browser, panel: Panel) -> None:
    first = browser.says("hover", row=2)
    assert browser.canvas._told == {"row": 2, "text": "point 2", "answers": first}
    last = browser.says("hover", row=-1)
    assert panel.pointed == [2, None]
    assert browser.canvas._told == {"row": -1, "text": "", "answers": last}


def test_pointing_is_answered_even_where_nobody_has_words(browser: Browser) -> None:
    asked = browser.says("hover", row=1)
    assert browser.canvas._told == {"row": 1, "text": "", "answers": asked}


def test_pointing_at_points_that_are_gone_asks_nobody(browser: Browser, panel: Panel) -> None:
    browser.canvas.show_points(PLACES[:2], colours(2))
    asked = browser.says("hover", row=3)
    assert panel.pointed == []
    assert browser.canvas._told["answers"] == asked


def test_hidden_marks_in_words_are_made_visible(canvas: MapCanvas) -> None:
    canvas.tell(1, "a\u202eb")
    assert canvas._told["text"] == "a⟨U+202E⟩b"
    canvas.show_points(PLACES, colours(), labels=[ClusterLabel(name="a\u202eb", x=0.0, y=0.0, n=1)])
    assert canvas._labels[0]["lines"] == ["a⟨U+202E⟩b"]


def test_a_moved_view_is_known_to_python(browser: Browser) -> None:
    asked = browser.says("view", at=[0.5, 1, 2])
    assert browser.canvas.view == (0.5, 1.0, 2.0)
    assert browser.canvas._view["answers"] == asked
    browser.says("view", at=None)
    assert browser.canvas.view is None


def test_a_view_of_points_that_are_gone_is_forgotten(browser: Browser) -> None:
    browser.canvas.show_points(PLACES[:2], colours(2))
    asked = browser.says("view", at=[0.5, 1, 2])
    assert browser.canvas.view is None
    assert browser.canvas._view["answers"] == asked


def test_an_error_of_a_callback_is_shown_until_one_succeeds(browser: Browser) -> None:
    faults = [ValueError("no <b>such</b> chunk")]

    def picked(rows: Any, how: str) -> None:
        if faults:
            raise faults.pop()

    browser.canvas.on_pick(picked)
    browser.picks(1)
    assert browser.canvas._trouble == "This did not work. ValueError: no <b>such</b> chunk"
    assert browser.canvas.selected.tolist() == [1]
    browser.picks(2)
    assert browser.canvas._trouble == ""


def test_an_error_of_a_callback_is_not_swallowed(browser: Browser) -> None:
    def pointed(row: int | None) -> None:
        raise ValueError(f"no words for {row}")

    browser.canvas.on_hover(pointed)
    with pytest.raises(ValueError, match="no words for 1"):
        browser.canvas._receive({"kind": "hover", "row": 1, "id": "a", "issue": browser.issue}, [])
    # The browser asks no other question before this one is answered.
    assert browser.canvas._told["answers"] == "a"


# ---- lives and threads ----


def test_the_canvas_does_not_keep_a_dead_panel_alive(browser: Browser) -> None:
    panel = Panel(browser.canvas)
    browser.canvas.on_pick(panel.on_pick)
    picked, alive = panel.picked, weakref.ref(panel)
    browser.picks(1)
    del panel
    gc.collect()
    assert alive() is None
    browser.picks(2)
    assert picked == [([1], "click")]
    assert browser.canvas._trouble == ""


def test_a_function_is_kept_as_long_as_the_canvas(browser: Browser) -> None:
    picked: list[str] = []
    browser.canvas.on_pick(lambda rows, how: picked.append(how))
    gc.collect()
    browser.picks(1)
    assert picked == ["click"]


def test_two_threads_lose_nothing_of_what_each_of_them_changes(browser: Browser) -> None:
    canvas = browser.canvas

    def selecting() -> None:
        for i in range(300):
            canvas.select([i % 4])

    def marking() -> None:
        for i in range(300):
            canvas.mark({"evidence": [i % 4]})

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for work in (selecting, marking)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(browser.messages) == 600
    assert all("_version" in message["state"] for message in browser.messages)


# ---- bad input ----


BAD = [
    (lambda c: c.show_points([[1, 2, 3]], colours(1)), r"places of shape \(n, 2\); got \(1, 3\)"),
    (lambda c: c.show_points([[0, np.nan]], colours(1)), "finite places; 1 of 1 have none"),
    (lambda c: c.show_points([[0, 0], [1e39, 0]], colours(2)), r"the first is row 1: \[1e\+39"),
    (lambda c: c.show_points(PLACES, colours(3)), "4 points and the colours 3 codes"),
    (lambda c: c.colour(colours(5)), "4 points and the colours 5 codes"),
    (lambda c: c.select([4]), "select needs rows from 0 to 3; got 4"),
    (lambda c: c.select([-1]), "select needs rows from 0 to 3; got -1"),
    (lambda c: c.select([0.5]), "whole numbers in one dimension; got float64"),
    (lambda c: c.select([True, False]), r"give np.flatnonzero\(mask\)"),
    (lambda c: c.mark({"evidence": [9]}), "mark needs rows from 0 to 3; got 9"),
    (lambda c: c.mark({"evidence": [1], "question": [1]}), "one role a row; row 1 has several"),
    (lambda c: c.mark({"evidence": [1, 1]}), "one role a row; row 1 has several"),
    (lambda c: c.mark({}, standing=[True]), "a truth value for each of 4 points; got bool of"),
    (lambda c: c.mark({}, standing=[1, 0, 1, 0]), "a truth value for each of 4 points; got int"),
    (lambda c: c.draw_edges([0, 1], [1], [True]), "a truth value for each line; got 1, 2 of"),
    (lambda c: c.draw_edges([0], [7], [True]), "draw_edges needs rows from 0 to 3; got 7"),
    (lambda c: setattr(c, "view", (0, 0, 0)), "view needs x, y and how far"),
    (lambda c: setattr(c, "view", (0, np.inf, 1)), "view needs x, y and how far"),
    (lambda c: setattr(c, "view", (0, 1)), "view needs x, y and how far"),
]


@pytest.mark.parametrize(("act", "said"), BAD)
def test_bad_input_is_one_clear_error_and_changes_nothing(
    canvas: MapCanvas, act: Any, said: str
) -> None:
    before = canvas.get_state()
    with pytest.raises(InvalidRecordError, match=said):
        act(canvas)
    assert canvas.get_state() == before


def test_an_unknown_role_is_told_with_those_there_are(canvas: MapCanvas) -> None:
    with pytest.raises(ConfigError, match=r"roles of asked, retrieved, .*; got 'gold'"):
        canvas.mark({"gold": [1]})


def test_a_map_without_points_says_so_when_a_row_is_selected() -> None:
    canvas = MapCanvas()
    canvas.show_points(np.empty((0, 2)), colours(0))
    canvas.select([])
    with pytest.raises(InvalidRecordError, match="no row, since the map has no point; got 0"):
        canvas.select([0])
    canvas.close()


# ---- the code of the page ----


def test_no_text_becomes_markup_or_code_in_the_page() -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|Function\("
    )
    assert not re.search(forbidden, MapCanvas._esm)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", MapCanvas._esm)
    assert not re.search(r"https?://|@import|url\(", MapCanvas._css)


def test_no_name_stands_twice_in_the_module_of_the_page() -> None:
    names = re.findall(r"^(?:const|let|function|class) (\w+)", MapCanvas._esm, flags=re.MULTILINE)
    assert len(names) > 30
    assert sorted(names) == sorted(set(names))
    assert MapCanvas._esm.count("export default") == 1


def test_the_canvas_loads_no_engine() -> None:
    code = (
        "import sys, whymiss.widgets.map.canvas; print(' '.join({m.partition('.')[0] "
        "for m in sys.modules} & {'plotly', 'umap', 'torch', 'lancedb', 'sentence_transformers'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
