"""The walk itself, pressed as a person would, over a real store and a fast encoder."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

import whymiss
from whymiss.diagnosis.records import Diagnosis
from whymiss.errors import GenerationError
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Answer, Clause, Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.live.panel import LivePanel
from whymiss.widgets.walk.panel import WalkPanel
from whymiss.widgets.walk.view import PARTS
from whymiss.workbench import Workbench

Done = Callable[..., None]
Shown = Callable[..., BeautifulSoup]

BEFORE_AN_ANSWER = {"question", "pipeline"}
WITH_AN_ANSWER = {*BEFORE_AN_ANSWER, "answer", "judged", "code"}
WHEN_WRONG = {*WITH_AN_ANSWER, "paste", "further", "document", "go"}
WITH_A_CAUSE = {*WHEN_WRONG, "funnel", "cause", "repairs", "others", "ending"}


def filled(panel: WalkPanel) -> set[str]:
    return {name for name in PARTS if panel._surface.parts[name]}


def said(panel: WalkPanel, part: str) -> str:
    return " ".join(BeautifulSoup(panel._surface.parts[part], "html.parser").get_text(" ").split())


def buttons(panel: WalkPanel, part: str, action: str) -> list[str]:
    """What the buttons of an action stand for."""
    parsed = BeautifulSoup(panel._surface.parts[part], "html.parser")
    return [str(b.get("data-value", "")) for b in parsed.find_all("button", {"data-do": action})]


def diagnosis_of(panel: WalkPanel) -> Diagnosis:
    assert panel.walked.diagnosis is not None
    return panel.walked.diagnosis


# Step by step


def test_each_step_appears_when_it_can_be_taken(wb: Workbench, world: Any, done: Done) -> None:
    walk = wb.walk()
    assert filled(walk) == BEFORE_AN_ANSWER
    done(walk, "ask", question=world.asked, principals="", where="")
    assert filled(walk) == WITH_AN_ANSWER
    done(walk, "wrong")
    assert filled(walk) == WHEN_WRONG
    done(walk, "paste", "quote", text=world.gold)
    done(walk, "diagnose")
    assert filled(walk) == WITH_A_CAUSE


def test_a_wrong_answer_is_walked_to_its_cause_and_a_repair_that_gives_the_right_one(
    walk: WalkPanel, world: Any, done: Done
) -> None:
    assert "phone calls are not answered" in said(walk, "answer")
    done(walk, "wrong")
    done(walk, "paste", "quote", text=world.gold)
    assert walk.state.spans == (world.span("annual.md", world.gold),)
    assert world.gold in said(walk, "judged")
    done(walk, "diagnose")
    made = diagnosis_of(walk)
    assert (made.lost_at, made.proven[0]) == ("select", "S8")
    assert "Proven cause: cut off by k (S8)" in said(walk, "cause")
    [first, *_] = buttons(walk, "repairs", "apply")
    done(walk, "apply", first)
    outcome = walk.walked.outcome
    assert outcome is not None
    assert outcome.trace is not None
    assert outcome.trace.answer is not None
    assert outcome.trace.answer.text.startswith(world.gold)
    assert "✗ The evidence is not in the context." in said(walk, "outcome")
    assert "✓ The evidence is in the context, and the answer rests on it." in said(walk, "outcome")


def test_the_right_answer_ends_the_walk(walk: WalkPanel, done: Done) -> None:
    done(walk, "wrong")
    done(walk, "right")
    assert walk.state.wrong is False
    assert filled(walk) == WITH_AN_ANSWER
    assert "nothing to walk down" in said(walk, "judged")


def test_other_evidence_takes_back_what_was_found_by_the_one_before(
    diagnosed: WalkPanel, done: Done
) -> None:
    done(diagnosed, "apply", "0")
    done(diagnosed, "drop", "0")
    assert filled(diagnosed) == WHEN_WRONG
    assert diagnosed.walked.diagnosis is None
    assert diagnosed.walked.outcome is None


def test_another_question_takes_everything_back(diagnosed: WalkPanel, done: Done) -> None:
    done(diagnosed, "ask", question="When are invoices sent?", principals="", where="")
    assert filled(diagnosed) == WITH_AN_ANSWER
    assert (diagnosed.state.evidence, diagnosed.state.wrong) == ((), None)


def test_the_same_question_asked_otherwise_keeps_its_evidence(
    diagnosed: WalkPanel, world: Any, done: Done
) -> None:
    done(diagnosed, "ask", question=world.asked, principals="a, b", where="plan=annual")
    assert filled(diagnosed) == WITH_AN_ANSWER
    assert diagnosed.state.principals == ("a", "b")
    assert diagnosed.state.spans == (world.span("annual.md", world.gold),)
    assert world.gold in said(diagnosed, "answer")


def test_an_empty_question_and_a_filter_that_is_none_are_told(walk: WalkPanel) -> None:
    before = walk.state
    walk.press("ask", question=" ", principals="", where="")
    assert "at least one word" in walk._surface.parts["problem"]
    walk.press("ask", question="Why?", principals="", where="annual")
    assert "a filter reads field=value" in walk._surface.parts["problem"]
    assert walk.state == before


def test_setting_the_state_asks_its_question(walk: WalkPanel, world: Any) -> None:
    config = world.config.replace({"retrieval.k": 4})
    walk.state = replace(walk.state, config=config, wrong=True)
    assert walk.flush(20)
    assert walk.walked.trace is not None
    assert walk.walked.trace.config_fingerprint == config.fingerprint()
    assert filled(walk) == WHEN_WRONG


def test_a_pipeline_is_chosen_among_those_at_hand(wb: Workbench, world: Any, shown: Shown) -> None:
    wide = world.config.replace({"retrieval.k": 4})
    walk = wb.walk(world.asked, config=wide)
    live = wb.live_panel(config=world.config.replace({"retrieval.k": 2}))
    walk.draw()
    names = [o["value"] for o in shown(walk, "pipeline").find_all("option")]
    assert names == ["", "the workbench's", "the live panel's"]
    walk._surface.receive({"knob": "pipeline", "value": "the live panel's", "seen": 1})
    assert walk.flush(20)
    assert walk.state.config == live.state.config
    assert live.flush(20)


# The answer


def test_passages_and_candidates_open_to_their_text(
    walk: WalkPanel, done: Done, shown: Shown
) -> None:
    done(walk, "wrong")
    [passage] = shown(walk, "answer").find_all("details")
    text = passage.find(attrs={"data-text-of": "monthly.md"})
    assert text.get_text().startswith("# Monthly\n\nDo monthly plans include phone support?")
    names = [d.find("strong").get_text() for d in
             shown(walk, "further").find_all("details", class_="wm-place")]  # fmt: skip
    assert names == ["rank 2", "rank 3", "rank 4", "rank 5", "rank 6"]


def test_a_citation_opens_its_passage_again_and_again(walk: WalkPanel, shown: Shown) -> None:
    assert not shown(walk, "answer").find("details").has_attr("open")
    walk.press("look", "1")
    first = walk._surface.parts["answer"]
    assert shown(walk, "answer").find("details").has_attr("open")
    walk.press("look", "1")
    assert walk._surface.parts["answer"] != first


def test_what_was_cut_is_listed_with_the_reason(wb: Workbench, world: Any) -> None:
    config = world.config.replace({"retrieval.k": 6, "context.token_budget": 60})
    walk = wb.walk(world.asked, config=config)
    assert walk.flush(20)
    assert walk.walked.trace is not None
    context = walk.walked.trace.context
    assert context is not None
    assert context.dropped
    assert said(walk, "answer").count("cut, over budget") == len(context.dropped)


def test_without_an_answer_the_retrieval_is_walked_all_the_same(
    wb: Workbench, world: Any, monkeypatch: pytest.MonkeyPatch, done: Done
) -> None:
    class Down:
        name = "down"

        def generate(self, query: Any, context: Any) -> Answer:
            raise GenerationError("the endpoint does not answer")

    monkeypatch.setattr(wb._models, "generator", lambda config: Down())
    walk = wb.walk(world.question)
    assert walk.flush(20)
    assert "No answer was written : the endpoint does not answer" in said(walk, "answer")
    done(walk, "wrong")
    done(walk, "paste", "quote", text=world.gold)
    done(walk, "diagnose")
    assert diagnosis_of(walk).proven[0] == "S8"


# The evidence


@pytest.mark.parametrize("value", ["passage:1", "chunk:CHUNK"])
def test_a_passage_is_taken_and_given_back(
    walk: WalkPanel, done: Done, shown: Shown, value: str
) -> None:
    chunk = next(c for c in walk.walked.chunks.values() if c.doc_id == "annual.md")
    value = value.replace("CHUNK", chunk.chunk_id)
    done(walk, "wrong")
    done(walk, "take", value)
    [span] = walk.state.spans
    assert span.quote is not None
    assert span.quote in walk._surface.parts["judged"]
    [pressed] = shown(walk).find_all("button", {"data-value": value, "aria-pressed": "true"})
    assert pressed.get_text() == "This is the evidence"
    done(walk, "take", value)
    assert walk.state.evidence == ()


def test_selected_words_are_taken(walk: WalkPanel, world: Any, done: Done) -> None:
    span = world.span("annual.md", "no charge")
    done(walk, "wrong")
    done(walk, "take", "selection", doc_id="annual.md", start=span.start, end=span.end)
    assert walk.state.spans == (span,)


def test_where_nothing_is_selected_it_says_so(walk: WalkPanel, done: Done) -> None:
    done(walk, "wrong")
    walk.press("take", "selection")
    assert "no words are selected" in walk._surface.parts["problem"]
    walk.press("take", "selection", doc_id="absent.md", start=0, end=3)
    assert "there is no document" in walk._surface.parts["problem"]
    walk.press("take", "passage:9")
    assert "press a button of what is shown now" in walk._surface.parts["problem"]
    assert walk.state.evidence == ()


def test_several_passages_are_all_needed_or_any_of_them(
    walk: WalkPanel, world: Any, done: Done, shown: Shown
) -> None:
    done(walk, "wrong")
    done(walk, "paste", "quote", text=world.gold)
    assert not shown(walk, "judged").find_all("input", type="radio")
    done(walk, "take", "passage:1")
    assert len(walk.state.evidence) == 1
    walk._surface.receive({"knob": "needs", "value": "any", "seen": 1})
    assert len(walk.state.evidence) == 2
    [box] = shown(walk, "judged").find_all("input", checked=True)
    assert box["value"] == "any"
    done(walk, "diagnose")
    # The passage that was read is enough.
    assert diagnosis_of(walk).ending != "lost"


def test_a_quote_that_stands_nowhere_brings_nothing_and_says_so(
    walk: WalkPanel, done: Done
) -> None:
    done(walk, "wrong")
    done(walk, "paste", "quote", text="Zebras graze in the garden")
    assert walk.state.evidence == ()
    assert "No passage reads like" in said(walk, "paste")
    assert "Zebras graze in the garden" in said(walk, "paste")


def test_a_quote_that_stands_twice_is_picked_from(walk: WalkPanel, done: Done) -> None:
    done(walk, "wrong")
    done(walk, "paste", "quote", text="phone support")
    assert walk.state.evidence == ()
    places = buttons(walk, "paste", "take")
    assert len(places) > 1
    assert "Pick one:" in said(walk, "paste")
    assert "diagnose(" not in said(walk, "paste")
    done(walk, "take", places[-1])
    assert [span.quote for span in walk.state.spans] == ["phone support"]


def test_an_expected_answer_is_looked_for_by_its_words_and_judges_the_answer(
    walk: WalkPanel, world: Any, done: Done
) -> None:
    done(walk, "wrong")
    done(walk, "paste", "answer", text="phone support at no charge on annual plans")
    assert walk.state.query().expected_answer == "phone support at no charge on annual plans"
    assert world.gold in said(walk, "paste")
    walk.press("paste", "answer", text=" ")
    assert "paste what the answer should have said" in walk._surface.parts["problem"]


def test_a_label_brings_its_evidence(wb: Workbench, world: Any, done: Done) -> None:
    walk = wb.walk(questions=world.questions)
    walk._surface.receive({"knob": "query_id", "value": "phone", "seen": 1})
    assert walk.flush(20)
    assert (walk.state.question, walk.state.expected) == (world.asked, world.gold)
    done(walk, "wrong")
    done(walk, "take-labelled")
    assert walk.state.evidence == world.question.evidence


def test_a_label_that_is_a_quote_is_located(wb: Workbench, world: Any, done: Done) -> None:
    span = EvidenceSpan(doc_id="annual.md", quote=world.gold.upper())
    walk = wb.walk(replace(world.question, evidence=((span,),)))
    assert walk.flush(20)
    done(walk, "wrong")
    done(walk, "take-labelled")
    assert walk.state.spans == (world.span("annual.md", world.gold),)


def test_a_label_of_whole_documents_needs_no_passage(wb: Workbench, world: Any, done: Done) -> None:
    query = Query(query_id="whole", text=world.asked)
    walk = wb.walk(Question(query=query, documents={"annual.md": 1.0}))
    assert walk.flush(20)
    done(walk, "wrong")
    assert "names whole documents: annual.md" in said(walk, "judged")
    done(walk, "diagnose")
    assert diagnosis_of(walk).ending == "lost"


def test_any_document_can_be_opened_and_picked_from(
    walk: WalkPanel, done: Done, shown: Shown
) -> None:
    done(walk, "wrong")
    assert {o["value"] for o in shown(walk, "document").find_all("option")} >= {"exports.md"}
    done(walk, "open-document", doc_id="exports.md")
    text = shown(walk, "document").find(attrs={"data-text-of": "exports.md"})
    assert "Exports are written every night." in text.get_text()
    done(walk, "open-document", "20:annual.md")
    assert shown(walk, "document").find(attrs={"data-text-of": "annual.md"}) is not None
    walk.press("open-document", doc_id="absent.md")
    assert "there is no document" in walk._surface.parts["problem"]
    done(walk, "close-document")
    assert shown(walk, "document").find(attrs={"data-text-of": True}) is None


def test_a_long_document_is_read_page_by_page(
    opened: Callable[..., Workbench], world: Any, done: Done, shown: Shown
) -> None:
    long = replace(world.documents[0], doc_id="long.md", text="Line of text.\n" * 3000)
    with opened((*world.documents, long), world.config) as workbench:
        walk = workbench.walk(world.asked)
        assert walk.flush(20)
        done(walk, "wrong")
        done(walk, "open-document", doc_id="long.md")
        read = ""
        while True:
            part = shown(walk, "document")
            read += part.find(attrs={"data-text-of": "long.md"}).get_text()
            if part.find("button", {"data-value": "on"}).has_attr("disabled"):
                break
            done(walk, "turn-page", "on")
        assert read == long.text
        done(walk, "turn-page", "back")


def test_more_candidates_are_shown_on_demand(
    opened: Callable[..., Workbench], world: Any, done: Done, shown: Shown
) -> None:
    more = tuple(
        replace(world.documents[1], doc_id=f"trial{n}.md",
                text=f"# Trial {n}\n\nDoes a trial include phone support number {n}?\n")
        for n in range(30)
    )  # fmt: skip
    with opened((*world.documents, *more), world.config) as workbench:
        walk = workbench.walk(world.asked)
        assert walk.flush(20)
        done(walk, "wrong")

        def n_shown() -> int:
            return len(shown(walk, "further").find_all("details", class_="wm-place"))

        assert n_shown() == 5
        assert "Show more of the 30 others" in said(walk, "further")
        done(walk, "more")
        assert n_shown() == 15


# The cause


def test_without_evidence_nothing_is_proven_and_it_says_so(walk: WalkPanel, done: Done) -> None:
    done(walk, "wrong")
    assert "nothing can be proven" in said(walk, "go")
    done(walk, "diagnose")
    assert diagnosis_of(walk).ending == "unjudged"
    assert "No evidence is known" in said(walk, "cause")
    assert "Without evidence" in said(walk, "repairs")


def test_an_expected_answer_without_a_plain_place_leaves_places_to_pick_from(
    walk: WalkPanel, done: Done
) -> None:
    walk.state = replace(walk.state, wrong=True, expected="Plans include phone support")
    assert walk.flush(20)
    done(walk, "diagnose")
    assert diagnosis_of(walk).ending == "unjudged"
    places = buttons(walk, "paste", "take")
    assert places
    done(walk, "take", places[0])
    assert len(walk.state.spans) == 1


def test_evidence_that_was_read_means_that_the_answer_is_right_by_it(
    walk: WalkPanel, done: Done
) -> None:
    done(walk, "wrong")
    done(walk, "paste", "quote", text="Monthly plans include no phone support")
    done(walk, "diagnose")
    assert diagnosis_of(walk).ending == "healthy"
    assert "By this evidence the answer is right" in said(walk, "cause")
    assert "nothing to repair" in said(walk, "repairs")


def test_the_verdict_is_shown_before_repairs_are_tried(
    walk: WalkPanel, wb: Workbench, world: Any, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, goes_on = threading.Event(), threading.Event()
    diagnose = wb.diagnose

    def held(*given: Any, repairs: bool, **options: Any) -> Diagnosis:
        if repairs:
            entered.set()
            assert goes_on.wait(20)
            options["progress"]("repair: k 4", 1, 9)
        return diagnose(*given, repairs=repairs, **options)

    monkeypatch.setattr(wb, "diagnose", held)
    done(walk, "wrong")
    done(walk, "paste", "quote", text=world.gold)
    walk.press("diagnose")
    assert entered.wait(20)
    assert "Proven cause" in said(walk, "cause")
    assert walk.walked.diagnosis is not None
    verdict = walk.walked.diagnosis
    walk.press("cancel")
    assert "Stopped." in said(walk, "problem")
    goes_on.set()
    assert walk.flush(20)
    assert walk.walked.diagnosis == verdict
    assert "Stopped." in said(walk, "problem")
    assert buttons(walk, "repairs", "repairs") == [""]
    done(walk, "repairs")
    assert diagnosis_of(walk).repairs


def test_progress_is_shown_and_cancelled_where_the_result_will_be(
    walk: WalkPanel, wb: Workbench, world: Any, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, goes_on = threading.Event(), threading.Event()

    def slow(*given: Any, progress: Any, **options: Any) -> Diagnosis:
        progress("diagnose: <CutOffByK>", 3, 35)
        entered.set()
        assert goes_on.wait(20)
        progress("diagnose: more", 4, 35)
        raise AssertionError("it was cancelled")

    done(walk, "wrong")
    done(walk, "paste", "quote", text=world.gold)
    monkeypatch.setattr(wb, "diagnose", slow)
    walk.press("diagnose")
    assert entered.wait(20)
    assert "diagnose: <CutOffByK> 3 of 35" in said(walk, "funnel")
    assert buttons(walk, "funnel", "cancel") == [""]
    walk.press("cancel")
    goes_on.set()
    assert walk.flush(20)
    assert walk._surface.parts["funnel"] == ""
    assert walk.walked.diagnosis is None


def test_an_answer_that_comes_after_the_stop_or_a_newer_question_is_dropped(
    walk: WalkPanel, wb: Workbench, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, goes_on = threading.Event(), threading.Event()
    run = wb.run

    def slow(query: Query, **options: Any) -> Any:
        if query.text == world.asked:
            entered.set()
            assert goes_on.wait(20)
        return run(query, **options)

    monkeypatch.setattr(wb, "run", slow)
    walk.open(world.asked)
    assert entered.wait(20)
    walk.press("cancel")
    goes_on.set()
    assert walk.flush(20)
    assert walk.walked.trace is None
    assert "Stopped." in said(walk, "problem")

    entered.clear()
    goes_on.clear()
    walk.open(world.asked)
    assert entered.wait(20)
    walk.open("When are invoices sent?")
    goes_on.set()
    assert walk.flush(20)
    assert "Invoices are sent by letter" in said(walk, "answer")


def test_an_error_in_the_background_leaves_what_was_there(
    walk: WalkPanel, wb: Workbench, world: Any, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any, **options: Any) -> Diagnosis:
        raise KeyError("<lost>")

    done(walk, "wrong")
    done(walk, "paste", "quote", text=world.gold)
    monkeypatch.setattr(wb, "diagnose", broken)
    walk.press("diagnose")
    assert walk.flush(20)
    assert "KeyError: '<lost>'" in said(walk, "problem")
    assert filled(walk) == WHEN_WRONG


def test_a_store_without_the_index_is_told(opened: Callable[..., Workbench], world: Any) -> None:
    with opened(world.documents, world.config) as workbench:
        walk = workbench.walk(world.asked, config=world.config.replace({"index.name": "other"}))
        assert walk.flush(20)
        assert "other" in said(walk, "problem")
        assert filled(walk) == BEFORE_AN_ANSWER


def test_documents_that_changed_since_the_answer_are_told(
    walk: WalkPanel, wb: Workbench, world: Any, done: Done
) -> None:
    done(walk, "wrong")
    done(walk, "paste", "quote", text=world.gold)
    wb.ingest([*world.documents, replace(world.documents[-1], doc_id="new.md")])
    done(walk, "diagnose")
    assert "ask again" in said(walk, "funnel")
    assert diagnosis_of(walk).proven[0] == "S8"


# Repairs


def test_a_knob_is_carried_into_the_live_panel_beside_the_pipeline_from_before(
    diagnosed: WalkPanel, wb: Workbench, world: Any, done: Done, repair_of: Callable[[str], str]
) -> None:
    live = wb.live_panel(config=world.config.replace({"retrieval.k": 2}))
    done(diagnosed, "apply", repair_of("k"))
    assert live.flush(20)
    assert live.state.config == world.config.replace({"retrieval.k": 4})
    assert live.state.baseline == world.config
    assert live.state.question == world.asked
    assert wb.config == world.config
    assert "It sets retrieval.k = 4." in said(diagnosed, "outcome")


def test_a_filter_changes_no_knob_and_is_asked_with(
    diagnosed: WalkPanel, wb: Workbench, world: Any, done: Done, repair_of: Callable[[str], str]
) -> None:
    done(diagnosed, "apply", repair_of("filter"))
    live = wb.live_panel()
    assert live.flush(20)
    clause = Clause(field="plan", op="eq", value="annual")
    assert (live.state.config, live.state.where) == (world.config, (clause,))
    assert "It changes no knob: the question is asked with the filter plan = annual." in said(
        diagnosed, "outcome"
    )
    done(diagnosed, "walk-on")
    assert [clause.value for clause in diagnosed.state.where] == ["annual"]
    assert filled(diagnosed) == WITH_AN_ANSWER
    assert world.gold in said(diagnosed, "answer")


def test_a_repair_that_changes_no_knob_says_what_to_do_instead(
    diagnosed: WalkPanel, wb: Workbench, done: Done, repair_of: Callable[[str], str]
) -> None:
    done(diagnosed, "apply", repair_of("model"))
    assert "It changes no knob. It needs another model, which you name." in said(
        diagnosed, "outcome"
    )
    assert "wb.compare(QUESTIONS" in said(diagnosed, "outcome")
    assert wb._desk.opened(LivePanel) is None
    assert diagnosed.to_code().endswith(
        "# wb.compare(QUESTIONS, {'now': wb.config, 'other': other})\n"
    )


def test_a_repair_that_cuts_otherwise_is_asked_over_an_index_of_its_own(
    diagnosed: WalkPanel, wb: Workbench, done: Done, repair_of: Callable[[str], str]
) -> None:
    done(diagnosed, "rebuild")
    assert diagnosis_of(diagnosed).options["rebuild"]
    value = repair_of("chunking")
    done(diagnosed, "apply", value)
    assert "another index is built beside it" in said(diagnosed, "outcome")
    done(diagnosed, "build")
    outcome = diagnosed.walked.outcome
    assert outcome is not None
    assert outcome.diagnosis is not None
    assert outcome.config.index.name in set(wb.indexes["name"])
    assert (outcome.diagnosis.ending != "lost") == diagnosis_of(diagnosed).repairs[
        int(value)
    ].rescues
    done(diagnosed, "apply", value)
    assert diagnosed.walked.outcome is not None
    assert diagnosed.walked.outcome.trace is not None


def test_building_can_be_cancelled_and_taken_up_again(
    diagnosed: WalkPanel, wb: Workbench, done: Done, repair_of: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    entered, goes_on = threading.Event(), threading.Event()
    build = wb.build

    def held(config: Any, *, progress: Any) -> Any:
        def told(what: str, n: int, of: int) -> None:
            entered.set()
            assert goes_on.wait(20)
            progress(what, n, of)

        return build(config, progress=told)

    done(diagnosed, "apply", repair_of("chunking"))
    monkeypatch.setattr(wb, "build", held)
    diagnosed.press("build")
    assert entered.wait(20)
    diagnosed.press("cancel")
    goes_on.set()
    assert diagnosed.flush(20)
    assert diagnosed.walked.outcome is not None
    assert diagnosed.walked.outcome.buildable
    done(diagnosed, "build")
    assert diagnosed.walked.outcome.trace is not None


# What is kept of it


@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_a_case_file_is_written_and_its_path_is_shown(
    diagnosed: WalkPanel, world: Any, done: Done, scratch: Path, suffix: str
) -> None:
    done(diagnosed, "save", path=f"case{suffix}")
    file = scratch / f"case{suffix}"
    assert "Annual plans include phone support" in file.read_text()
    assert str(file) in said(diagnosed, "ending")
    if suffix == ".json":
        assert json.loads(file.read_text())["diagnosis"]["proven"][0] == "S8"


def test_a_file_that_cannot_be_written_is_told(diagnosed: WalkPanel, scratch: Path) -> None:
    diagnosed.press("save", path="case.pdf")
    assert "a case file ends in .html, .md, .json" in said(diagnosed, "problem")
    diagnosed.press("save", path="absent/case.md")
    assert "absent/case.md" in said(diagnosed, "problem")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("kind", ["k", "filter"])
def test_the_code_finds_the_same_cause_and_the_repaired_answer(
    diagnosed: WalkPanel, wb: Workbench, done: Done, repair_of: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch, kind: str,
) -> None:  # fmt: skip
    done(diagnosed, "apply", repair_of(kind))
    opened = whymiss.open
    monkeypatch.setattr(
        whymiss, "open",
        lambda store, config: opened(store, config=config, encoder=HashingEncoder(dimension=128)),
    )  # fmt: skip
    told: dict[str, Any] = {}
    exec(diagnosed.to_code(), told)
    made = diagnosis_of(diagnosed)
    assert told["diagnosis"].proven == made.proven
    assert told["diagnosis"].funnel == made.funnel
    outcome = diagnosed.walked.outcome
    assert outcome is not None
    assert outcome.trace is not None
    assert told["trace"].answer == outcome.trace.answer
    assert "labelled questions that are in no file" in diagnosed.to_code()
    told["wb"].close()


def test_what_was_seen_is_kept_for_readers_without_a_kernel(
    diagnosed: WalkPanel, world: Any, done: Done
) -> None:
    done(diagnosed, "apply", "0")
    text = BeautifulSoup(diagnosed._repr_html_(), "html.parser").get_text(" ")
    kept = (
        "phone calls are not answered",
        "Proven cause",
        "lost here",
        "k 4 instead of 1",
        "Before",
    )
    for words in (world.asked, world.gold, *kept):
        assert words in text


def test_before_a_question_there_is_nothing_to_keep(wb: Workbench) -> None:
    assert "no question was asked" in wb.walk()._repr_html_()


def test_a_closed_walk_is_let_go(wb: Workbench, world: Any) -> None:
    walk = wb.walk(world.asked)
    assert walk.flush(20)
    walk.close()
    wb._desk._panels.clear()
    seen = weakref.ref(walk)
    del walk
    gc.collect()
    assert seen() is None


def test_other_labelled_questions_are_offered_at_once(
    walk: WalkPanel, wb: Workbench, world: Any, shown: Shown
) -> None:
    wb.walk(questions=world.questions[1:])
    offered = [o["value"] for o in shown(walk, "question").find_all("option")]
    assert offered == ["", "letters", "trial"]
