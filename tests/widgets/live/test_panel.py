"""The live panel, pressed as a person would, over a real store and a fast encoder."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from ipywidgets.widgets.widget import _instances

from whymiss.config import PipelineConfig
from whymiss.diagnosis.case_file.recipe import source
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import Question
from whymiss.records import Clause, Query
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.desk import Desk
from whymiss.widgets.live.panel import LivePanel
from whymiss.widgets.map.panel import MapPanel
from whymiss.widgets.walk.panel import WalkPanel
from whymiss.workbench import Workbench

Said = Callable[[LivePanel, str], str]
Seen = Callable[[LivePanel, str], BeautifulSoup]


def turn(panel: LivePanel, knob: str, value: Any) -> None:
    """Move a control, and wait until nothing goes on."""
    panel._surface.receive({"knob": knob, "value": value, "seen": 1})
    assert panel.flush(20)


def press(panel: LivePanel, action: str, value: Any = "", **fields: Any) -> None:
    panel.press(action, value, **fields)
    assert panel.flush(20)


def selected(seen: Seen, panel: LivePanel) -> list[str]:
    """What stands at the top of each selected card."""
    listed = seen(panel, "cards").find("ol", {"aria-label": "Selected chunks"})
    return [" ".join(head.get_text(" ").split()) for head in listed.select("li .wm-head")]


# Asking


def test_before_a_question_it_asks_for_one(panel: LivePanel, said: Said) -> None:
    assert said(panel, "strip") == "Ask a question, or choose a labelled one."
    assert (panel.result, panel._surface.parts["cards"]) == (None, "")


def test_a_question_of_ones_own_is_answered_with_cards(
    panel: LivePanel, said: Said, seen: Seen
) -> None:
    press(panel, "ask", question="How long do refunds of order 7trial take?")
    assert panel.state.question == "How long do refunds of order 7trial take?"
    assert said(panel, "problem") == ""
    assert panel.result is not None
    assert [hit.doc_id for hit in panel.result.ranking.hits] == [
        chunk.doc_id for chunk in panel.result.chunks
    ]
    assert len(selected(seen, panel)) == 3
    assert "trial refunds take 7 days" in said(panel, "cards")
    assert "cannot be told, the question is not labelled" in said(panel, "strip")
    assert seen(panel, "ask").find("input")["value"] == panel.state.question


def test_an_empty_question_is_told_and_changes_nothing(asked: LivePanel, said: Said) -> None:
    before = asked.state
    press(asked, "ask", question="  ")
    assert "at least one word" in said(asked, "problem")
    assert asked.state is before
    with pytest.raises(InvalidRecordError, match="at least one word"):
        asked.ask(" ")


def test_a_labelled_question_says_whether_its_evidence_was_delivered(
    panel: LivePanel, said: Said
) -> None:
    turn(panel, "query_id", "legacy")
    assert (panel.state.query_id, panel.state.question) == (
        "legacy", "How long do refunds of order 7legacy take?",
    )  # fmt: skip
    assert "✓ evidence delivered, complete at rank" in said(panel, "strip")
    turn(panel, "query_id", "")
    assert panel.state.question == "How long do refunds of order 7legacy take?"


def test_asked_anew_in_other_words_a_labelled_question_is_no_longer_labelled(
    panel: LivePanel, said: Said
) -> None:
    turn(panel, "query_id", "legacy")
    press(panel, "ask", question=panel.state.question)
    assert panel.state.query_id == "legacy"
    press(panel, "ask", question="What of legacy plans?")
    assert panel.state.query_id == ""
    assert "not labelled" in said(panel, "strip")


def test_a_labelled_question_brings_its_asker_and_filter(desk: Desk, panel: LivePanel) -> None:
    query = Query(
        query_id="own", text="Refunds?", principals=("ann",),
        where=(Clause(field="plan", op="eq", value="trial"),),
    )  # fmt: skip
    desk.use([Question(query=query, evidence=desk.labelled.questions[2].evidence)])
    turn(panel, "query_id", "own")
    assert panel.state.query() == query
    assert panel.result is not None
    assert {chunk.doc_id for chunk in panel.result.chunks} == {"trial.md"}


def test_an_unknown_labelled_question_is_told(panel: LivePanel, said: Said) -> None:
    turn(panel, "query_id", "nobody")
    assert "no labelled question has the id 'nobody'; the panel offers 6" in said(panel, "problem")


# Knobs


def test_top_k_decides_how_many_cards_there_are(asked: LivePanel, seen: Seen) -> None:
    turn(asked, "retrieval.k", 5)
    assert len(selected(seen, asked)) == 5
    turn(asked, "retrieval.k", 2.0)
    assert asked.state.config.retrieval.k == 2
    assert len(selected(seen, asked)) == 2


def test_a_knob_that_moved_along_is_said(asked: LivePanel, said: Said, seen: Seen) -> None:
    turn(asked, "retrieval.candidate_depth", 2)
    assert asked.state.config.retrieval.k == 2
    assert "retrieval.k moved along to 2" in said(asked, "strip")
    numbers = seen(asked, "knobs").find_all("input", {"data-knob": "retrieval.k"})
    assert {number["value"] for number in numbers} == {"2"}
    turn(asked, "context.token_budget", 300)
    assert "moved along" not in said(asked, "strip")


def test_asker_and_filter_are_read_from_their_fields(asked: LivePanel) -> None:
    turn(asked, "principals", "ann, support ,")
    turn(asked, "where", "plan=student")
    assert asked.state.principals == ("ann", "support")
    assert asked.result is not None
    assert {chunk.doc_id for chunk in asked.result.chunks} == {"student.md"}


def test_a_filter_that_lets_nothing_through_leaves_no_card(asked: LivePanel, said: Said) -> None:
    turn(asked, "where", "plan=absent")
    assert said(asked, "cards").startswith("Nothing was retrieved")


@pytest.mark.parametrize(
    ("knob", "value", "told"),
    [
        ("where", "plan", "field=value"),
        ("retrieval.k", 0, "retrieval.k must be at least 1"),
        ("retrieval.kk", 3, "retrieval.kk"),
        ("chunking.size", 20.5, "chunking.size"),
    ],
)
def test_a_value_that_cannot_be_is_told_until_the_next_change(
    asked: LivePanel, said: Said, knob: str, value: Any, told: str
) -> None:
    before = asked.state
    turn(asked, knob, value)
    assert told in said(asked, "problem")
    assert asked.state is before
    turn(asked, "retrieval.k", 4)
    assert said(asked, "problem") == ""


def test_an_error_of_the_search_itself_is_told(asked: LivePanel, said: Said) -> None:
    asked.reconfigure(asked.state.config.replace({"index.ann": "ivf_pq"}))
    assert asked.flush(20)
    assert "live search is exact" in said(asked, "problem")


def test_an_action_that_there_is_not_is_told(asked: LivePanel, said: Said) -> None:
    press(asked, "explode")
    assert "has no action 'explode'" in said(asked, "problem")


def test_forty_quick_changes_end_in_one_final_result_and_nothing_older_behind_it(
    asked: LivePanel,
) -> None:
    shown: list[tuple[str, str]] = []

    def note(change: Any) -> None:
        strip = BeautifulSoup(change["new"]["strip"], "html.parser")
        shown.append((strip.find(class_="wm-of").get_text(), strip.find("p")["data-kind"]))

    asked._surface.observe(note, "parts")
    for size in range(20, 60):
        asked._surface.receive({"knob": "chunking.size", "value": size, "seen": size})
    assert asked.flush(20)
    last = "size 59, top-K 3"
    assert asked._surface.seen == 59
    assert asked.state.config.chunking.size == 59
    assert asked.result is not None
    assert asked.result.config == asked.state.config
    first = next(at for at, (said, _) in enumerate(shown) if said == last)
    assert {said for said, _ in shown[first:]} == {last}
    assert shown[-1][1] == "filled"
    sizes = [int(said.split()[1].rstrip(",")) for said, _ in shown]
    assert sizes[sizes.index(next(s for s in sizes if s != 32)) :] == sorted(
        s for s in sizes if s != 32
    )


def test_a_result_that_comes_too_late_is_not_shown(
    asked: LivePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older search has its result in hand when the newer one is asked for."""
    live = asked.desk.workbench.live
    entered, goes_on = threading.Event(), threading.Event()
    search = live.search

    def held(query: Any, config: PipelineConfig) -> Any:
        run = search(query, config)
        if config.chunking.size == 40:
            entered.set()
            assert goes_on.wait(20)
        return run

    monkeypatch.setattr(live, "search", held)
    asked._surface.receive({"knob": "chunking.size", "value": 40})
    assert entered.wait(20)
    asked._surface.receive({"knob": "chunking.size", "value": 50})
    sizes: list[int] = []
    asked._surface.observe(lambda _: sizes.append(asked.result.config.chunking.size), "parts")  # type: ignore[union-attr]
    goes_on.set()
    assert asked.flush(20)
    assert 40 not in sizes
    assert sizes[-1] == 50


# The baseline


def test_pinned_as_baseline_cards_say_how_they_moved(asked: LivePanel, seen: Seen) -> None:
    press(asked, "pin")
    assert asked.state.baseline == asked.state.config
    assert all("as before" in head for head in selected(seen, asked))
    turn(asked, "retrieval.k", 5)
    assert ["new" in head for head in selected(seen, asked)] == [False] * 3 + [True] * 2
    turn(asked, "retrieval.k", 2)
    [gone] = seen(asked, "cards").find_all("ul")[0].find_all("li")
    assert gone.get_text().startswith("− was rank 3: ")
    press(asked, "unpin")
    assert asked.state.baseline is None
    assert not any("as before" in head for head in selected(seen, asked))
    assert asked.state.config.retrieval.k == 2


def test_another_question_is_compared_with_the_baseline_of_its_own(
    asked: LivePanel, seen: Seen
) -> None:
    press(asked, "pin")
    press(asked, "ask", question="How long for order 9student?")
    assert all("as before" in head for head in selected(seen, asked))


def test_trying_out_a_pipeline_pins_the_one_before(asked: LivePanel, seen: Seen) -> None:
    before = asked.state
    clause = Clause(field="plan", op="eq", value="annual")
    other = before.config.replace({"retrieval.k": 5})
    asked.try_out(other, where=[clause, clause])
    assert asked.flush(20)
    assert asked.state == replace(before, config=other, baseline=before.config, where=(clause,))
    heads = selected(seen, asked)
    assert len(heads) == 5
    assert all("as before" in h or "new" in h or "up" in h or "down" in h for h in heads)
    assert sum("new" in head for head in heads) == 2
    asked.try_out(before.config, "How long for order 9trial?")
    assert asked.flush(20)
    assert (asked.state.question, asked.state.baseline) == ("How long for order 9trial?", other)


def test_reset_brings_the_workbenchs_pipeline_back_and_keeps_the_question(
    asked: LivePanel, guide_wb: Workbench
) -> None:
    press(asked, "pin")
    turn(asked, "retrieval.k", 9)
    question = asked.state.question
    press(asked, "reset")
    assert (asked.state.config, asked.state.baseline) == (guide_wb.config, None)
    assert asked.state.question == question
    assert asked.result is not None
    assert asked.result.config == guide_wb.config


# Places


def test_cards_that_touch_a_place_are_marked_and_no_others(asked: LivePanel, seen: Seen) -> None:
    assert asked.result is not None
    chunk = asked.result.chunks[1]

    def marked() -> list[bool]:
        return ["selected on the map" in head for head in selected(seen, asked)]

    asked.point_at([(chunk.doc_id, chunk.end - 1, chunk.end + 5)])
    assert marked()[1]
    asked.point_at([(chunk.doc_id, chunk.end, chunk.end + 1), ("absent.md", 0, 999)])
    assert not marked()[1]
    asked.point_at([])
    assert not any(marked())


def test_places_stay_marked_in_what_is_cut_anew(asked: LivePanel, seen: Seen) -> None:
    assert asked.result is not None
    chunk = asked.result.chunks[0]
    asked.point_at([(chunk.doc_id, chunk.start, chunk.end)])
    turn(asked, "chunking.size", 60)
    assert any("selected on the map" in head for head in selected(seen, asked))


# Work in the background


def held_up(target: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A method that reports its progress once, when it is let go."""
    entered, goes_on = threading.Event(), threading.Event()

    def method(*_: Any, progress: Callable[[str, int, int], None], **__: Any) -> Any:
        entered.set()
        assert goes_on.wait(20)
        progress("questions", 1, 6)
        raise AssertionError("it went on after it was cancelled")

    monkeypatch.setattr(target, name, method)
    return entered, goes_on


def test_cancel_stops_the_work_at_once_and_says_so(
    asked: LivePanel, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, goes_on = held_up(asked.desk.workbench, "sweep", monkeypatch)
    asked.press("measure")
    assert entered.wait(20)
    asked.press("cancel")
    assert "Stopped. Exact, from the whole index it stays." in said(asked, "strip")
    goes_on.set()
    assert asked.flush(20)
    assert said(asked, "work") == ""
    assert said(asked, "problem") == ""
    assert asked._measured is None


def test_measuring_gives_the_labelled_questions_scores(asked: LivePanel, said: Said) -> None:
    assert "Measure on 6 labelled questions" in said(asked, "measure")
    assert "1 more do not fit their documents" in said(asked, "measure")
    press(asked, "measure")
    wb = asked.desk.workbench
    own = wb.sweep(
        asked.desk.labelled.questions, {"retrieval.k": [3]}, config=asked.state.config,
        measures=["recall@3", "delivered_evidence"],
    )  # fmt: skip
    [run] = own.runs.values()
    for name in ("recall@3", "delivered_evidence"):
        assert f"{name}: {run.score(name)} over 6 questions" in said(asked, "measure")
    assert "changed since" not in said(asked, "measure")
    turn(asked, "retrieval.k", 1)
    assert "Of settings that have changed since" in said(asked, "measure")


def test_measuring_compares_with_the_baseline_where_one_is_pinned(
    asked: LivePanel, said: Said, seen: Seen
) -> None:
    press(asked, "pin")
    turn(asked, "retrieval.k", 1)
    press(asked, "measure")
    assert "recall@1" in said(asked, "measure")
    compared = asked.desk.workbench.compare(
        asked.desk.labelled.questions,
        {"baseline": asked.state.baseline, "these settings": asked.state.config},
        measures=["recall@1", "delivered_evidence"],
    )
    lines = [li.get_text() for li in seen(asked, "measure").find_all("li")]
    assert lines[2:] == list(compared.sentences())


def test_without_labelled_questions_nothing_is_measured(guide_wb: Workbench) -> None:
    alone = Desk(guide_wb)
    panel = alone.panel(LivePanel)
    assert panel._surface.parts["measure"] == ""
    alone.close()


# Other panels


def test_a_question_is_handed_to_the_walk_with_its_pipeline(asked: LivePanel, desk: Desk) -> None:
    turn(asked, "query_id", "trial")
    turn(asked, "retrieval.k", 2)
    press(asked, "walk")
    walk = desk.opened(WalkPanel)
    assert walk is not None
    assert walk.flush(30)
    assert (walk.state.query_id, walk.state.config) == ("trial", asked.state.config)


def test_chunk_borders_are_shown_where_the_card_begins(asked: LivePanel, desk: Desk) -> None:
    assert asked.result is not None
    chunk = asked.result.chunks[2]
    press(asked, "browse", chunk.chunk_id)
    browser = desk.opened(ChunkBrowser)
    assert browser is not None
    assert browser.flush(20)
    assert (browser.state.doc_id, browser.state.config) == (chunk.doc_id, asked.state.config)


def test_a_card_is_located_on_the_map(asked: LivePanel, desk: Desk) -> None:
    assert asked.result is not None
    chunk = asked.result.chunks[0]
    press(asked, "locate", chunk.chunk_id)
    found = desk.opened(MapPanel)
    assert found is not None
    assert "Map has it now" in asked._surface.parts["problem"]
    assert found._pointed == ((chunk.doc_id, chunk.start, chunk.end),)
    found.cancel()


@pytest.mark.parametrize("action", ["browse", "locate"])
def test_a_card_that_is_gone_is_told(asked: LivePanel, said: Said, action: str) -> None:
    press(asked, action, "of-long-ago")
    assert "the results have changed since" in said(asked, "problem")


def test_other_labelled_questions_are_offered_at_once(
    asked: LivePanel, desk: Desk, seen: Seen, labelled_guide: list[Question]
) -> None:
    desk.use(labelled_guide[1:3])
    offered = [option["value"] for option in seen(asked, "ask").find_all("option")]
    assert offered == ["", "monthly", "trial"]


def test_a_labelled_question_that_is_no_longer_offered_stays_as_a_free_one(
    panel: LivePanel, desk: Desk, said: Said, labelled_guide: list[Question]
) -> None:
    turn(panel, "query_id", "legacy")
    asked = panel.state.question
    desk.use(labelled_guide[1:3])
    assert panel.flush(20)
    assert (panel.state.query_id, panel.state.question) == ("", asked)
    assert "the question is not labelled" in said(panel, "strip")


# What is kept


def test_the_snapshot_is_read_without_controls_and_without_a_style_sheet(asked: LivePanel) -> None:
    turn(asked, "query_id", "trial")
    kept = BeautifulSoup(asked._repr_html_(), "html.parser")
    assert kept.find(["button", "input", "select", "form", "textarea", "style"]) is None
    assert kept.find(attrs={"data-do": True}) is None
    assert kept.find("h3").get_text() == f"Live retrieval: {asked.state.question}"
    assert kept.find("table")["style"]
    text = " ".join(kept.get_text(" ").split())
    assert "trial refunds take 7 days" in text
    assert "evidence delivered" in text
    assert "chunking.size 32 200" in text


def test_before_a_question_there_is_nothing_to_keep(panel: LivePanel) -> None:
    assert "no question was asked" in panel._repr_html_()


def test_the_code_is_that_of_the_state(asked: LivePanel, seen: Seen, guide_wb: Workbench) -> None:
    turn(asked, "where", "plan=annual")
    written = seen(asked, "code").find("code").get_text()
    assert written == asked.state.to_code(str(guide_wb.store.uri))
    assert source(asked.state.query()) in written


def test_setting_the_state_shows_it(asked: LivePanel, seen: Seen) -> None:
    asked.state = replace(asked.state, question="And order 3partner?").turned({"retrieval.k": 1})
    assert asked.flush(20)
    assert seen(asked, "ask").find("input")["value"] == "And order 3partner?"
    assert "Partner" in selected(seen, asked)[0]


def test_nothing_of_a_closed_panel_is_kept(guide_wb: Workbench) -> None:
    widgets = len(_instances)
    threads = threading.active_count()
    desk = Desk(guide_wb)
    panel = desk.panel(LivePanel)
    panel.ask("How long do refunds of order 7annual take?")
    assert panel.flush(20)
    panel.close()
    seen = weakref.ref(panel)
    desk._panels.clear()
    del panel
    gc.collect()
    assert seen() is None
    assert len(_instances) == widgets
    assert threading.active_count() <= threads


def test_a_closed_panel_searches_no_more_and_says_nothing(asked: LivePanel) -> None:
    before = dict(asked._surface.parts)
    asked.close()
    asked.close()
    asked.show({"strip": "late"})  # type: ignore[dict-item]
    assert asked._surface.parts == before
