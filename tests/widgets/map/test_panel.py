"""What is done on the map shows in the kernel and in the list, and the other way round."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import whymiss
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation import Question
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.desk import Desk
from whymiss.widgets.live.panel import LivePanel
from whymiss.widgets.map.buffers import rows_of
from whymiss.widgets.map.panel import MapPanel
from whymiss.widgets.map.state import MapState
from whymiss.widgets.map.view import ROWS
from whymiss.workbench import Workbench

Seen = Callable[..., BeautifulSoup]


def picks(panel: MapPanel, rows: Sequence[int], how: str) -> None:
    """What the browser says when a person picks points."""
    canvas = panel._canvas
    content = {"kind": "pick", "how": how, "id": "1", "issue": canvas._points["issue"]}
    canvas._receive(content, [memoryview(np.array(rows, "<u4").tobytes())])


def cells(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row.find_all(["th", "td"])] for row in table.tbody("tr")]


def unfitted(folder: Path) -> Workbench:
    """A store of twelve chunks that has no map yet."""
    workbench = whymiss.open(folder / "store", encoder=HashingEncoder())
    workbench.ingest(
        Document(doc_id=f"{n}.md", text=f"Refund {n} takes {n} days.", allowed=["*"])
        for n in range(12)
    )
    return workbench


# ---- the map ----


def test_the_first_picture_comes_at_once_and_the_fit_can_be_stopped_and_taken_up(
    tmp_path: Path, seen: Seen
) -> None:
    with unfitted(tmp_path) as workbench:
        panel = workbench.map_panel()
        limit = time.monotonic() + 30
        while "Fitting the map" not in seen(panel, "work").text and time.monotonic() < limit:
            time.sleep(0.005)
        assert panel.map is not None
        assert panel.map.projection == "pca"
        job = panel.map.fitting
        assert job is not None
        panel.press("cancel")
        assert panel.flush(30)
        assert job.state == "cancelled"
        assert "12 chunks by principal components are shown" in seen(panel, "work").text
        panel.press("fit")
        assert panel.flush(90)
        assert panel.map.projection == "umap"
        assert seen(panel, "work").text == ""


def test_a_question_that_comes_during_a_fit_neither_ends_nor_doubles_it(tmp_path: Path) -> None:
    with unfitted(tmp_path) as workbench:
        panel = workbench.map_panel()
        limit = time.monotonic() + 30
        while panel.map is None and time.monotonic() < limit:
            time.sleep(0.005)
        assert panel.map is not None
        job = panel.map.fitting
        panel.look_at("Which refund takes 7 days?")
        assert panel.flush(90)
        assert job is not None
        assert job.state == "done"
        assert panel.map.projection == "umap"
        assert panel.map.questions["excerpt"].tolist() == ["Which refund takes 7 days?"]


def test_a_labelled_question_brings_marks_ranks_and_ways_to_colour(
    panel: MapPanel, seen: Seen
) -> None:
    def offered() -> list[str]:
        select = seen(panel, "head").find("select", attrs={"data-knob": "colour_by"})
        return [option["value"] for option in select("option")]

    # This encoder gives no sentences, and without them hubness is undefined.
    assert offered() == ["cluster_label", "doc_id", "kept", "plan"]
    panel.press("ask", question="")
    assert "at least one word" in seen(panel, "problem").text
    panel._surface.receive({"knob": "query_id", "value": "q<3>", "seen": 1})
    assert panel.flush(30)
    assert panel.state.question == panel.desk.labelled.question("q<3>")
    assert panel.map is not None
    roles = panel.map.frame["role"]
    items = {item["text"]: rows_of(item["rows"]).tolist() for item in panel._canvas._marks["items"]}
    evidence = np.flatnonzero(roles == "evidence").tolist()
    assert items[f"evidence ({len(evidence)})"] == evidence
    assert {"rank", "score", "left_at", "role"} <= set(offered())
    panel._surface.receive({"knob": "colour_by", "value": "rank", "seen": 2})
    assert panel._canvas._look["title"] == "coloured by rank"
    panel.press("forget")
    assert panel.flush(30)
    assert len(panel.map.questions) == 0
    assert panel._canvas._marks["items"] == []


def test_a_colouring_that_does_not_exist_is_refused_and_all_stays(panel: MapPanel) -> None:
    before, look = panel.state, panel._canvas._look
    with pytest.raises(ConfigError, match="cannot be coloured by 'colour'"):
        panel.state = replace(before, colour_by="colour")
    assert (panel.state, panel._canvas._look) == (before, look)


# ---- what is selected ----


def test_ids_rows_and_masks_select_the_same_rows_of_the_frame(panel: MapPanel) -> None:
    assert panel.map is not None
    frame = panel.map.frame
    wanted = [2, 5, 11]
    mask = np.isin(np.arange(len(frame)), wanted)
    for given in (frame["id"][[11, 2, 5]], [11, 5, 2, 5], mask, pd.Series(mask)):
        panel.select([])
        assert panel.selection.empty
        panel.select(given)
        pd.testing.assert_frame_equal(panel.selection, frame.iloc[wanted])
        assert panel._canvas.selected.tolist() == wanted
        assert panel.state.selected == tuple(frame["id"][wanted])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["nobody"], "no point of the map has the id 'nobody'"),
        ([0, -1], "got -1"),
        ([10_000], "got 10000"),
        ([0.5], "got float64 of shape"),
        ([[0, 1]], "of shape"),
        ([True, False], "got bool of shape"),
    ],
)
def test_points_that_do_not_exist_are_refused_and_all_stays(
    panel: MapPanel, given: Any, message: str
) -> None:
    panel.select([1])
    with pytest.raises(InvalidRecordError, match=message):
        panel.select(given)
    assert panel._canvas.selected.tolist() == [1]


def test_the_state_can_be_set_whole(panel: MapPanel) -> None:
    assert panel.map is not None
    ids = panel.map.frame["id"]
    panel.state = MapState(
        config=panel.state.config, selected=(ids[4], ids[1]), neighbours_of=ids[7], colour_by="kept"
    )
    assert panel.selection["id"].tolist() == [ids[1], ids[4]]
    assert len(rows_of(panel._canvas._edges["starts"])) == 10
    assert panel._canvas._look["title"] == "coloured by kept"


def test_a_click_draws_the_true_neighbours_and_lists_them(panel: MapPanel, seen: Seen) -> None:
    picks(panel, [6], "click")
    assert panel.map is not None
    frame = panel.map.frame
    edges = panel.map.edges(frame["id"][6])
    drawn = panel._canvas._edges
    assert rows_of(drawn["starts"]).tolist() == [6] * 10
    assert frame["id"][rows_of(drawn["ends"])].tolist() == edges["to_id"].tolist()
    assert list(drawn["kept"]) == edges["kept"].astype(int).tolist()
    listed = cells(seen(panel, "neighbours").table)
    assert [row[4] for row in listed] == [f"{cosine:.3f}" for cosine in edges["cosine"]]
    assert [row[5].startswith("✓") for row in listed] == edges["kept"].tolist()
    assert f"keeps {edges['kept'].sum()} of 10" in seen(panel, "neighbours").caption.text
    panel.press("neighbours", edges["to_id"][0])
    assert panel.state.neighbours_of == edges["to_id"][0]
    assert panel._canvas.selected.tolist() == [6]
    panel.press("alone")
    assert panel._canvas._edges["starts"] == b""
    assert seen(panel, "neighbours").text == ""


def test_a_lasso_joins_nothing_and_escape_clears(panel: MapPanel, seen: Seen) -> None:
    picks(panel, [6], "keyboard")
    assert panel.state.neighbours_of
    picks(panel, [1, 2, 3], "lasso")
    assert panel.state.neighbours_of == ""
    assert panel.selection.index.tolist() == [1, 2, 3]
    picks(panel, [], "clear")
    assert panel.selection.empty
    assert "Nothing is selected" in seen(panel, "selection").text


def test_the_list_has_every_selected_point_once_page_by_page(panel: MapPanel, seen: Seen) -> None:
    assert panel.map is not None
    n = len(panel.map.frame)
    assert n > 2 * ROWS
    picks(panel, range(n), "lasso")
    numbers, said = [], []
    for page in range(-(-n // ROWS)):
        panel._below.receive({"do": "page", "value": str(page), "seen": page})
        part = seen(panel, "selection")
        numbers += [int(row[0]) for row in cells(part.table)]
        said.append(part.nav.find(role="status").text)
    assert numbers == list(range(1, n + 1))
    assert said[1] == f"25 of {n} shown: 26 to 50"
    panel.press("page", "99")
    assert panel.state.page == (n - 1) // ROWS
    panel.press("page", "-1")
    assert panel.state.page == 0
    panel.press("page", "1")
    picks(panel, [0], "click")
    assert panel.state.page == 0


def test_points_are_found_by_words_without_the_canvas(panel: MapPanel, seen: Seen) -> None:
    panel.press("find", words="PHONE page")
    assert panel.map is not None
    wanted = [
        row.id
        for row in panel.map.frame.itertuples()
        for text in [f"{row.title} {row.section} {row.excerpt}".lower()]
        if "phone" in text and "page" in text
    ]
    assert 0 < len(wanted) < len(panel.map.frame)
    assert panel.selection["id"].tolist() == wanted
    panel.press("find", words="  ")
    assert "type at least one" in seen(panel, "problem").text
    assert panel.selection["id"].tolist() == wanted


def test_hovering_tells_what_is_known_of_a_point(panel: MapPanel) -> None:
    canvas = panel._canvas
    content = {"kind": "hover", "row": 5, "id": "1", "issue": canvas._points["issue"]}
    canvas._receive(content, [])
    assert panel.map is not None
    row = panel.map.frame.iloc[5]
    lines = canvas._told["text"].split("\n")
    assert lines[:3] == [f"{row.title} ({row.doc_id})", row.section, row.excerpt]
    assert f"{row.kept:.0%} of its true neighbours are near it" in lines


def test_what_is_not_on_another_map_is_counted_as_gone(panel: MapPanel, seen: Seen) -> None:
    panel.select([0, 1, 2])
    panel.state = replace(panel.state, config=panel.state.config.replace({"chunking.size": 60}))
    assert panel.flush(30)
    assert panel.selection.empty
    assert "3 that were selected are not on this map" in seen(panel, "selection").text


# ---- other panels ----


def test_a_selection_marks_the_cards_of_the_live_panel(panel: MapPanel) -> None:
    live = panel.desk.panel(LivePanel)
    picks(panel, [4, 9], "lasso")
    rows = panel.selection
    assert live._pointed == tuple(zip(rows["doc_id"], rows["start"], rows["end"], strict=True))
    picks(panel, [], "clear")
    assert live._pointed == ()


def test_panels_that_answer_each_other_come_to_an_end(
    panel: MapPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def answering(self: LivePanel, spans: Any) -> None:
        calls.append(spans)
        panel.point_at(spans)

    panel.desk.panel(LivePanel)
    monkeypatch.setattr(LivePanel, "point_at", answering)
    panel.select([4])
    assert 1 <= len(calls) <= 2


def test_places_are_pointed_at_before_there_is_a_map(wb: Workbench) -> None:
    desk = Desk(wb)
    panel = desk.panel(MapPanel)
    panel.look_at(Query(query_id="live", text="annual refund?"))
    panel.point_at([("page03.md", 0, 30)])
    assert panel.flush(60)
    chosen = panel.selection
    assert set(chosen["doc_id"]) == {"page03.md"}
    assert (chosen["start"] < 30).all()
    assert len(chosen) == (panel._points.frame.query("doc_id == 'page03.md'")["start"] < 30).sum()
    panel.point_at([("page04.md", 0, 1), ("page05.md", 0, 1)])
    assert panel.selection["doc_id"].tolist() == ["page04.md", "page05.md"]
    desk.close()


def test_chunk_borders_open_in_the_browser_at_the_chunk(panel: MapPanel, seen: Seen) -> None:
    panel.select([8])
    (row,) = panel.selection.to_dict("records")
    panel.press("browse", row["id"])
    browser = panel.desk.opened(ChunkBrowser)
    assert browser is not None
    assert (browser.state.doc_id, browser.state.at) == (row["doc_id"], row["start"])
    panel.look_at("annual refund?")
    assert panel.flush(30)
    assert panel.map is not None
    panel.press("browse", panel.map.questions["id"].iloc[0])
    assert "only chunks have borders" in seen(panel, "problem").text


def test_the_settings_of_the_live_panel_are_taken_over(panel: MapPanel, seen: Seen) -> None:
    panel.press("from-live")
    assert "the live panel is not open" in seen(panel, "problem").text
    live = panel.desk.panel(LivePanel)
    live.reconfigure(panel.state.config.replace({"retrieval.k": 2}))
    panel.press("from-live")
    assert panel.state.config.retrieval.k == 2


# ---- what is kept ----


@pytest.mark.parametrize("asked", ["", "annual refund?", "query", "labelled"])
def test_the_code_makes_the_same_map_selection_and_figure(
    panel: MapPanel, labelled: list[Question], asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    question: Any = {
        "query": Query(query_id="q", text="audit?", principals=("it's",)), "labelled": labelled[0],
    }.get(asked, asked)  # fmt: skip
    panel.state = replace(panel.state, question=question)
    assert panel.flush(30)
    picks(panel, [3, 7, 8], "lasso")
    assert panel.map is not None
    panel.press("neighbours", panel.map.frame["id"][2])
    panel.turn("colour_by", "plan")
    monkeypatch.setattr(whymiss, "open", partial(whymiss.open, encoder=HashingEncoder()))
    named: dict[str, Any] = {}
    exec(panel.to_code(), named)
    pd.testing.assert_frame_equal(named["selection"], panel.selection)
    assert named["figure"].to_json() == panel.figure().to_json()
    named["wb"].close()


def test_the_page_leaves_very_many_ids_to_python(panel: MapPanel, seen: Seen) -> None:
    assert panel.map is not None
    ids = [f"{n:04}" for n in range(201)]
    state = replace(panel.state, selected=ids)
    assert "0200" in state.to_code("store", most=201)
    assert "the 201 ids: panel.to_code() writes them all" in state.to_code("store", most=200)
    panel.select([3])
    assert panel.state.selected[0] in seen(panel, "code").text


def test_the_snapshot_needs_no_controls_and_says_what_it_leaves_out(panel: MapPanel) -> None:
    assert panel.map is not None
    n = len(panel.map.frame)
    panel.select(np.arange(n))
    panel.look_at("annual refund?")
    assert panel.flush(30)
    shown = BeautifulSoup(panel._repr_html_(), "html.parser")
    assert shown.find_all(["button", "input", "select", "form"]) == []
    captions = [caption.text for caption in shown.find_all("caption")]
    assert captions[1] == f"Selected points, the first 25 of {n}"
    assert f"{n} chunks by UMAP" in shown.text
    assert "annual refund?" in shown.text
    assert all(table["style"] for table in shown.find_all("table"))
    assert len(cells(shown.find_all("table")[1])) == 25


def test_before_there_is_a_map_it_is_told(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise InvalidRecordError("no <map> today.")

    monkeypatch.setattr(wb, "map", failing, raising=False)
    panel = wb.map_panel()
    assert panel.flush(10)
    assert "no &lt;map&gt; today." in panel._surface.parts["problem"]
    assert panel._surface.parts["work"] == ""
    assert "it was not made yet" in panel._repr_html_()
    for use in (panel.figure, lambda: panel.selection, lambda: panel.select([0])):
        with pytest.raises(InvalidRecordError, match="there is no map yet"):
            use()


def test_hostile_documents_and_questions_stay_text(
    tmp_path: Path, hostile_strings: tuple[str, ...], seen: Seen
) -> None:
    payload = "<img src=x onerror=alert(1)>"
    evil = [payload, *(text for text in hostile_strings if text.strip())]
    documents = [
        Document(
            doc_id=f"{n}{payload}.md", title=text, allowed=["*"],
            text=f"# {text}\n\n{text}", metadata={"<b>'\"": text},
        )
        for n, text in enumerate(evil)
    ]  # fmt: skip
    with whymiss.open(tmp_path / "store", encoder=HashingEncoder()) as workbench:
        workbench.ingest(documents)
        made = workbench.map(wait=False)
        assert made.fitting is not None
        made.fitting.cancel()
        panel = workbench.map_panel()
        panel.cancel()
        panel.flush(30)
        panel._shown(made)
        picks(panel, range(len(made.frame)), "lasso")
        panel.turn("colour_by", "<b>'\"")
        panel.press("neighbours", made.frame["id"][3])
        panel._state = replace(panel.state, question="</td><script>alert(1)</script>")
        panel.draw()
        for shown in (*panel._surface.parts.values(), *panel._below.parts.values(),
                      panel._repr_html_()):  # fmt: skip
            found = BeautifulSoup(shown, "html.parser").find_all(True)
            assert not {tag.name for tag in found} & {"script", "img", "a", "b", "svg", "iframe"}
            assert not [name for tag in found for name in tag.attrs if name.startswith("on")]
        assert panel.state.neighbours_of
        panel.press("find", words="<img onerror=alert(1)>")
        assert payload in [row[1] for row in cells(seen(panel, "selection").table)]


def test_a_closed_panel_leaves_nothing_behind(wb: Workbench) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    desk = Desk(wb)
    panel = desk.panel(MapPanel)
    assert panel.flush(60)
    panel.select([1])
    panel.press("neighbours", panel.state.selected[0])
    assert set(ipywidgets.widgets.widget._instances) > before
    desk.close()
    assert set(ipywidgets.widgets.widget._instances) == before
    gone = weakref.ref(panel)
    del panel, desk
    gc.collect()
    assert gone() is None
