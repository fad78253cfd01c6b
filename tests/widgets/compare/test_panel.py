"""The compare panel: the verdict of the statistics, question by question, and both rankings."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

import whymiss.widgets.compare.questions_view as questions_view
from whymiss.errors import ConfigError
from whymiss.evaluation.labels import Question
from whymiss.live import movements
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.compare.panel import ComparePanel
from whymiss.widgets.compare.results import counts, question_rows
from whymiss.widgets.desk import Desk
from whymiss.widgets.live.panel import LivePanel
from whymiss.workbench import Workbench


def turn(panel: ComparePanel, knob: str, value: object) -> None:
    panel._surface.receive({"knob": knob, "value": value, "seen": 1})


def problem_of(panel: ComparePanel) -> str:
    return str(panel._surface.parts["problem"])


def rows_of(shown: Any) -> list[list[str]]:
    return [
        [cell.text for cell in row.find_all(["th", "td"])] for row in shown.tbody.find_all("tr")
    ]


@pytest.fixture
def gated(panel: ComparePanel, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A comparison that has begun, and goes on when the event is set."""
    workbench, entered, goes_on = panel.desk.workbench, threading.Event(), threading.Event()
    plain = workbench.compare

    def slow(*given: Any, progress: Callable[[str, int, int], None], **more: Any) -> Any:
        progress("embed main", 3, 10)
        entered.set()
        assert goes_on.wait(20)
        progress("embed main", 10, 10)
        return plain(*given, progress=progress, **more)

    monkeypatch.setattr(workbench, "compare", slow)
    panel.press("compare")
    assert entered.wait(20)
    yield goes_on
    goes_on.set()
    assert panel.flush(60)


def test_it_starts_with_the_pipeline_of_the_workbench(wb: Workbench, questions_file: Path) -> None:
    desk = Desk(wb)
    desk.use(questions_file)
    state = desk.panel(ComparePanel).state
    assert state.baseline == state.other == wb.config
    assert state.measures[0] == f"recall@{wb.config.retrieval.k}"
    assert state.split == "tune"
    desk.close()


def test_what_differs_is_told_knob_by_knob(panel: ComparePanel, seen: Any) -> None:
    assert rows_of(seen(panel, "pipelines")) == [["retrieval.k", "4", "1"]]
    turn(panel, "other:chunking.size", 64)
    assert ["chunking.size", "32", "64"] in rows_of(seen(panel, "pipelines"))
    assert panel.state.baseline.chunking.size == 32
    panel.press("copy")
    assert "Both pipelines are the same" in seen(panel, "pipelines").text


def test_both_pipelines_have_their_own_knobs_in_the_same_places(
    panel: ComparePanel, seen: Any
) -> None:
    turn(panel, "baseline:retrieval.mode", "dense")
    baseline, other = seen(panel, "pipelines").find_all("fieldset")
    assert [f["data-key"] for f in baseline.find_all(attrs={"data-key": True})] == [
        f["data-key"] for f in other.find_all(attrs={"data-key": True})
    ]
    assert other.find(attrs={"data-knob": "other:retrieval.dense_weight"})
    assert not baseline.find(attrs={"data-knob": "baseline:retrieval.dense_weight"})
    assert [baseline.legend.text, other.legend.text] == ["four", "one"]


def test_a_value_out_of_range_is_told_and_changes_nothing(panel: ComparePanel) -> None:
    before = panel.state
    turn(panel, "other:chunking.size", 1)
    assert "chunking.size must be at least 8" in problem_of(panel)
    turn(panel, "third:chunking.size", 64)
    assert "no knob" in problem_of(panel)
    assert panel.state == before


def test_the_verdict_is_that_of_the_workbench(
    compared: ComparePanel, wb: Workbench, questions: list[Question], seen: Any
) -> None:
    state = compared.state
    wanted = wb.compare(
        questions, {"four": state.baseline, "one": state.other}, measures=state.measures,
        split="tune",
    )  # fmt: skip
    shown = seen(compared, "verdict")
    assert wanted.sentences()[0] in shown.find(class_="wm-verdict").text
    assert [item.text[2:] for item in shown.find_all("li")] == list(wanted.sentences()[1:])
    rows = rows_of(shown)
    assert [row[0] for row in rows] == list(state.measures)
    assert [row[1][2:] for row in rows] == wanted.table["verdict"].tolist()
    assert [int(row[2].split(",")[0]) for row in rows] == wanted.table["n"].tolist()
    # No measure of evidence is defined for a question without any.
    assert [row[2] for row in rows] == ["15, 1 undefined"] * 4 + ["16"]
    assert problem_of(compared) == ""
    assert seen(compared, "work").text == ""


def test_a_list_that_is_shorter_than_a_cutoff_is_told(compared: ComparePanel, seen: Any) -> None:
    said = seen(compared, "verdict").text
    assert "ndcg@10: 'four' hands on only 4; ndcg@10: 'one' hands on only 1" in said
    assert "recall@4: 'one' hands on only 1" in said
    assert "recall@4: 'four'" not in said.replace("recall@4: 'four' is", "")


def test_an_undecided_verdict_says_what_could_have_been_missed(
    panel: ComparePanel, seen: Any
) -> None:
    panel.hold(panel.state.baseline, panel.state.baseline.replace(retrieval__dense_weight=0.55))
    panel.press("compare")
    assert panel.flush(60)
    assert panel.compared is not None
    row = panel.compared.comparison.table.iloc[0]
    assert row["verdict"] == "undecided"
    shown = seen(panel, "verdict").text
    assert "Undecided does not mean equal" in shown
    assert f"a true difference of {row['mde']:.3f} is found 80% of the time" in shown


def test_more_context_is_no_win(compared: ComparePanel) -> None:
    assert compared.compared is not None
    numbers = counts(compared.compared, "context_tokens")
    # One chunk instead of four is less to read for every question.
    assert (numbers["win"], numbers["loss"]) == (numbers["all"], 0)


def test_filters_part_the_questions_and_the_greatest_change_comes_first(
    compared: ComparePanel, seen: Any
) -> None:
    made = compared.compared
    assert made is not None
    for measure in compared.state.measures:
        numbers = counts(made, measure)
        assert numbers["all"] == len(made.questions) == 16
        assert numbers["changed"] == numbers["win"] + numbers["loss"]
        assert numbers["all"] == numbers["changed"] + numbers["tie"] + numbers["undefined"]
        sizes = [abs(row.difference) for row in question_rows(made, measure, "all")]
        known = [size for size in sizes if not math.isnan(size)]
        assert known == sorted(known, reverse=True)
        assert all(math.isnan(size) for size in sizes[len(known) :])
    compared.press("filter", "loss")
    rows = rows_of(seen(compared, "questions"))
    assert len(rows) == counts(made, made.measure)["loss"] > 0
    assert {row[0] for row in rows} == {"▼ loss"}
    pressed = seen(compared, "questions").find("button", attrs={"aria-pressed": "true"})
    assert pressed.text == f"losses ({len(rows)})"


def test_values_of_a_question_are_those_of_the_comparison(
    compared: ComparePanel, seen: Any
) -> None:
    compared.press("filter", "all")
    made = compared.compared
    assert made is not None
    table = made.comparison.questions
    table = table[table["measure"] == made.measure].set_index("query_id")
    rows = rows_of(seen(compared, "questions"))
    assert len(rows) == questions_view.ROWS
    for _, question, baseline, value, difference in rows:
        row = table.loc[question.split()[0]]
        if not math.isnan(row["difference"]):
            assert [float(baseline), float(value)] == [
                round(row["baseline"], 3), round(row["value"], 3),
            ]  # fmt: skip
            assert float(difference) == round(row["difference"], 3)


def test_an_undefined_score_says_why_and_is_no_zero(compared: ComparePanel, seen: Any) -> None:
    compared.press("filter", "undefined")
    (row,) = rows_of(seen(compared, "questions"))
    assert row[0] == "– undefined"
    assert "the question is unanswerable" in row[1]
    assert row[2:5] == ["undefined"] * 3


def test_a_question_with_documents_alone_says_that_no_span_is_judged(
    panel: ComparePanel, questions: list[Question], by_documents: list[Question], seen: Any
) -> None:
    panel.desk.use([*questions[1:], by_documents[0]])
    panel.press("compare")
    assert panel.flush(60)
    panel.press("filter", "undefined")
    said = {row[1].split()[0]: row[1] for row in rows_of(seen(panel, "questions"))}
    assert set(said) == {"q00", "q99"}
    assert "no span is judged, only documents" in said["q00"]


def test_the_list_is_by_any_measure_that_was_compared(compared: ComparePanel, seen: Any) -> None:
    turn(compared, "by", "context_tokens")
    rows = rows_of(seen(compared, "questions"))
    assert {row[0] for row in rows} == {"▲ win"}
    assert all(row[4].startswith("-") and "." not in row[4] for row in rows)


def test_pages_of_the_list_hold_every_question_once(
    compared: ComparePanel, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions_view, "ROWS", 6)
    monkeypatch.setattr("whymiss.widgets.compare.panel.ROWS", 6)
    compared.press("filter", "all")
    found = []
    for page in range(3):
        compared.press("page", str(page))
        found += [row[1].split()[0] for row in rows_of(seen(compared, "questions"))]
    assert len(found) == len(set(found)) == 16
    assert "13 to 16 of 16" in seen(compared, "questions").nav.text
    compared.press("page", "9")
    assert compared.state.page == 2
    compared.press("page", "-1")
    assert compared.state.page == 0


def test_an_empty_list_says_so(compared: ComparePanel, seen: Any) -> None:
    turn(compared, "by", "context_tokens")
    compared.press("filter", "loss")
    assert (
        "No question is listed here: losses, by context_tokens" in seen(compared, "questions").text
    )


def test_the_same_pipeline_twice_is_refused(panel: ComparePanel) -> None:
    panel.press("copy")
    panel.press("compare")
    assert "both pipelines are the same" in problem_of(panel)
    with pytest.raises(ConfigError, match="both pipelines are the same"):
        panel.compare()


def test_without_labelled_questions_it_says_what_is_needed(wb: Workbench, seen: Any) -> None:
    desk = Desk(wb)
    panel = desk.panel(ComparePanel)
    assert "give them with questions=" in seen(panel, "measures").text
    turn(panel, "other:retrieval.k", 2)
    panel.press("compare")
    assert "no labelled questions" in problem_of(panel)
    desk.close()


def test_progress_is_shown_and_cancel_keeps_what_was_there(
    panel: ComparePanel, gated: threading.Event, seen: Any
) -> None:
    bar = seen(panel, "work").find("progress")
    assert (bar["value"], bar["max"]) == ("3", "10")
    panel.press("look", "q00")
    assert "that question was not compared" in problem_of(panel)
    panel.press("cancel")
    assert "Stopped." in seen(panel, "work").text
    gated.set()
    assert panel.flush(60)
    assert "Stopped." in seen(panel, "work").text
    assert panel.compared is None
    panel.press("compare")
    assert panel.flush(60)
    assert panel.compared is not None
    assert seen(panel, "work").text == ""


def test_an_error_of_work_that_was_stopped_is_nobodys_news(
    panel: ComparePanel, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, goes_on = threading.Event(), threading.Event()

    def broken(*_: Any, **__: Any) -> None:
        entered.set()
        assert goes_on.wait(20)
        raise ConfigError("too late")

    monkeypatch.setattr(panel.desk.workbench, "compare", broken)
    panel.press("compare")
    assert entered.wait(20)
    panel.press("cancel")
    goes_on.set()
    assert panel.flush(10)
    assert "Stopped." in seen(panel, "work").text
    assert problem_of(panel) == ""


def test_a_newer_comparison_takes_the_place_of_one_that_runs(
    panel: ComparePanel, gated: threading.Event
) -> None:
    turn(panel, "other:retrieval.k", 2)
    panel.press("compare")
    gated.set()
    assert panel.flush(60)
    assert panel.compared is not None
    assert panel.compared.state.other.retrieval.k == 2


def test_an_error_while_comparing_is_shown_and_ends_it(
    panel: ComparePanel, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ConfigError("<b>no such thing</b>")

    monkeypatch.setattr(panel.desk.workbench, "compare", broken)
    panel.press("compare")
    assert panel.flush(10)
    assert "&lt;b&gt;no such thing&lt;/b&gt;" in problem_of(panel)
    assert seen(panel, "work").text == ""


def test_results_of_other_settings_say_so(compared: ComparePanel, seen: Any) -> None:
    old = "settings that have changed since"
    assert old not in seen(compared, "verdict").text
    for knob, value, back in (
        ("other:retrieval.k", 2, 1),
        ("split", "holdout", "tune"),
        ("also:mrr", False, None),
    ):
        turn(compared, knob, value)
        assert old in seen(compared, "verdict").text
        if back is not None:
            turn(compared, knob, back)
            assert old not in seen(compared, "verdict").text


def test_both_rankings_of_a_question_are_those_of_the_pipelines(
    compared: ComparePanel, wb: Workbench, questions: list[Question], seen: Any
) -> None:
    made = compared.compared
    assert made is not None
    row = question_rows(made, made.measure, "loss")[0]
    compared.press("look", row.question.query_id)
    assert compared.flush(30)
    found = compared.rankings
    assert found is not None
    for side, config in (
        (found.baseline, compared.state.baseline),
        (found.other, compared.state.other),
    ):
        trace = wb.trial(config).run(row.question.query)
        assert [c.chunk_id for c in side.chunks] == list(trace.ranking("select").chunk_ids)
        assert side.n_tokens == trace.context.n_tokens
    assert list(found.moves) == movements(found.baseline.chunks, found.other.chunks)
    shown = seen(compared, "rankings")
    before, after = shown.find_all("ol")
    assert len(before.find_all("li")) == 4
    assert len(after.find_all("li")) == 1
    # It was lost: the first has the evidence, underlined whole, the other one not.
    wanted = row.question.evidence[0][0].quote
    assert wanted is not None
    assert wanted in "".join(mark.text for mark in before.find_all("mark"))
    assert after.find("mark") is None or wanted not in after.text
    assert before.text.count("not selected by the other") == sum(
        move.move == "left" for move in found.moves
    )
    assert wanted in shown.text  # the expected answer
    pressed = seen(compared, "questions").tbody.find("button", attrs={"aria-pressed": "true"})
    assert pressed["data-value"] == row.question.query_id


def test_a_question_that_was_not_compared_cannot_be_looked_at(compared: ComparePanel) -> None:
    compared.press("look", "q03")  # of the holdout
    assert "that question was not compared" in problem_of(compared)


def test_a_question_opens_in_the_walk_under_either_pipeline(
    compared: ComparePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whymiss.widgets.walk.panel import WalkPanel

    opened: list[Any] = []
    monkeypatch.setattr(WalkPanel, "open", lambda _, *given: opened.append(given))
    fronted: list[Any] = []
    compared.desk.arranged_by(fronted.append)
    compared.press("walk", "baseline:q00")
    compared.press("walk", "other:q00")
    assert [(q.query_id, config) for q, config in opened] == [
        ("q00", compared.state.baseline), ("q00", compared.state.other),
    ]  # fmt: skip
    assert fronted == [compared.desk.opened(WalkPanel)] * 2
    compared.press("walk", "third:q00")
    assert "there is no pipeline 'third'; there are baseline and other" in problem_of(compared)


def test_a_chunk_of_a_ranking_opens_in_its_document_under_its_pipeline(
    compared: ComparePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(ChunkBrowser, "open", lambda _, *given, at: opened.append((*given, at)))
    compared.press("browse", "other:1")
    assert "no rankings are shown" in problem_of(compared)
    compared.press("look", "q00")
    assert compared.flush(30)
    compared.press("browse", "baseline:3")
    assert compared.rankings is not None
    chunk = compared.rankings.baseline.chunks[2]
    assert opened == [(chunk.doc_id, compared.state.baseline, chunk.start)]


def test_the_live_panel_hands_its_baseline_and_settings_over(panel: ComparePanel) -> None:
    panel.press("from_live")
    assert "the live panel is not open" in problem_of(panel)
    live = panel.desk.panel(LivePanel)
    pinned, now = (live.state.config.replace(retrieval__k=k) for k in (2, 3))
    live.state = replace(live.state, config=now, baseline=pinned)
    panel.press("from_live")
    assert (panel.state.baseline, panel.state.other) == (pinned, now)
    assert panel.state.names == ("pinned baseline", "live settings")


def test_the_other_pipeline_goes_to_the_live_panel(
    panel: ComparePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(LivePanel, "try_out", lambda _, config, question: taken.append(config))
    panel.press("live")
    assert taken == [panel.state.other]


def test_swapping_changes_places(panel: ComparePanel) -> None:
    before = panel.state
    panel.press("swap")
    assert (panel.state.baseline, panel.state.other) == (before.other, before.baseline)


def test_the_holdout_is_looked_at_by_choice_alone_and_counted(
    panel: ComparePanel, seen: Any
) -> None:
    assert seen(panel, "measures").find("option", selected=True).text.startswith("recall")
    chosen = seen(panel, "measures").find("select", attrs={"data-knob": "split"})
    assert [o.text for o in chosen.find_all("option")] == [
        "holdout: 5 questions", "tune: 16 questions", "all 21 questions, the holdout included",
    ]  # fmt: skip
    assert chosen.find("option", selected=True)["value"] == "tune"
    assert "last look" not in seen(panel, "measures").text
    for n, split in enumerate(("holdout", ""), start=1):
        turn(panel, "split", split)
        assert "last look" in seen(panel, "measures").text
        panel.press("compare")
        assert panel.flush(60)
        assert f"The holdout was looked at {n} time" in seen(panel, "verdict").text
    turn(panel, "split", "tune")
    panel.press("compare")
    assert panel.flush(60)
    assert "The holdout was looked at" not in seen(panel, "verdict").text


def test_measures_are_chosen_by_the_controls(panel: ComparePanel, seen: Any) -> None:
    turn(panel, "decides", "mrr")
    turn(panel, "also:ndcg@10", False)
    turn(panel, "cutoff", 2)
    assert panel.state.measures == ("mrr", "recall@2", "delivered_evidence", "context_tokens")
    boxes = {
        box["data-knob"]: box.has_attr("checked")
        for box in seen(panel, "measures").find_all("input", type="checkbox")
    }
    assert boxes == {
        "also:recall@2": True, "also:ndcg@10": False, "also:delivered_evidence": True,
        "also:context_tokens": True,
    }  # fmt: skip


def test_labels_of_documents_are_compared_by_documents(
    panel: ComparePanel, by_documents: list[Question], seen: Any
) -> None:
    panel.desk.use(by_documents)
    assert panel.state.measures == ("doc_recall@4", "doc_ndcg@10", "doc_mrr", "context_tokens")
    panel.press("compare")
    assert panel.flush(60)
    assert panel.compared is not None
    assert seen(panel, "verdict").find(class_="wm-verdict").text.startswith(("▼", "◇"))
    panel.press("look", "q00")
    assert panel.flush(30)
    assert "No span is labelled" in seen(panel, "rankings").text


def test_a_cell_that_is_run_again_shows_what_was_there(
    compared: ComparePanel, questions_file: Path, questions: list[Question], seen: Any
) -> None:
    turn(compared, "decides", "mrr")
    before = compared.state
    compared.desk.use(questions_file)
    assert (compared.state, compared.compared is None) == (before, False)
    compared.desk.use(questions[:5])
    assert compared.compared is None
    assert seen(compared, "verdict").text == ""


def test_questions_whose_labels_do_not_fit_are_counted(
    panel: ComparePanel, questions: list[Question], seen: Any
) -> None:
    gone = replace(questions[0].evidence[0][0], quote="nowhere to be found")
    broken = replace(questions[0], evidence=((gone,),))
    panel.desk.use([broken, *questions[1:]])
    assert "1 more has labels that do not fit" in seen(panel, "measures").text


def test_the_snapshot_needs_no_controls_and_no_style_sheet(compared: ComparePanel) -> None:
    shown = BeautifulSoup(compared._repr_html_(), "html.parser")
    assert shown.find_all(["button", "input", "select", "form"]) == []
    assert compared.compared is not None
    for sentence in compared.compared.comparison.sentences():
        assert sentence in shown.text
    captions = [caption.text for caption in shown.find_all("caption")]
    assert captions == ["What differs", "Measures", "Wins and losses by recall@4"]
    assert all(table["style"] for table in shown.find_all("table"))


def test_before_the_first_comparison_the_snapshot_says_so(panel: ComparePanel) -> None:
    assert "Nothing was compared yet." in panel._repr_html_()


def test_hostile_names_and_texts_stay_text(
    panel: ComparePanel, questions: list[Question], hostile_strings: tuple[str, ...]
) -> None:
    evil = ("<img src=x onerror=alert(1)>", "'\"><script>alert(2)</script>")
    given = [*evil, *(text for text in hostile_strings if text.strip())][: len(questions)]
    asked = [
        replace(
            q,
            query=replace(q.query, text=text, query_id=f"{n}{text}", expected_answer=text),
            split="",
        )
        for n, (q, text) in enumerate(zip(questions, given, strict=True))
    ]
    panel.desk.use(asked)
    panel.hold(panel.state.baseline, panel.state.other, evil)
    panel.press("compare")
    assert panel.flush(60)
    panel.press("filter", "all")
    seen_texts = ""
    for page in range(2):
        panel.press("page", str(page))
        panel.press("look", asked[page].query_id)
        assert panel.flush(30)
        assert panel.rankings is not None
        for shown in (*panel._surface.parts.values(), panel._repr_html_()):
            parsed = BeautifulSoup(shown, "html.parser")
            found = parsed.find_all(True)
            assert not {tag.name for tag in found} & {"script", "img", "a", "b", "svg", "iframe"}
            assert not [name for tag in found for name in tag.attrs if name.startswith("on")]
            seen_texts += parsed.text
    assert all(text in seen_texts for text in evil)


def test_a_closed_panel_is_not_kept_alive(wb: Workbench, questions_file: Path) -> None:
    desk = Desk(wb)
    desk.use(questions_file)
    panel = desk.panel(ComparePanel)
    panel.hold(wb.config, wb.config.replace(retrieval__k=1))
    panel.press("compare")
    assert panel.flush(60)
    desk.close()
    gone = weakref.ref(panel)
    del panel, desk
    gc.collect()
    assert gone() is None


def test_panels_of_one_desk_do_not_disturb_each_other(compared: ComparePanel) -> None:
    browser = compared.desk.panel(ChunkBrowser)
    assert browser.flush(10)
    assert compared.compared is not None
