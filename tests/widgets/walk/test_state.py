"""What is said of a question, as plain data: evidence put together, filters, code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whymiss
from whymiss.config import PipelineConfig
from whymiss.errors import FilterError, InvalidRecordError
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Clause, Query
from whymiss.widgets.base.asker import where_of, where_text
from whymiss.widgets.walk.state import WalkState

SPANS = [EvidenceSpan(doc_id="faq", start=10 * n, end=10 * n + 5) for n in range(6)]
ALTERNATIVES = st.lists(
    st.lists(st.sampled_from(SPANS[:5]), min_size=1, max_size=3, unique=True).map(tuple),
    max_size=3,
).map(tuple)


@given(ALTERNATIVES)
def test_a_span_that_is_taken_and_removed_leaves_what_was_there(evidence: Any) -> None:
    state = WalkState(question="Refunds?", evidence=evidence)
    assert state.with_span(SPANS[5]).without_span(SPANS[5]) == state


@given(ALTERNATIVES)
def test_a_span_is_never_taken_twice(evidence: Any) -> None:
    state = WalkState(question="Refunds?", evidence=evidence).with_span(SPANS[0])
    assert state.with_span(SPANS[0]) == state
    assert state.spans.count(SPANS[0]) == 1


@given(ALTERNATIVES, st.sampled_from(["all", "any"]))
def test_all_and_any_speak_of_the_same_spans(evidence: Any, needs: Any) -> None:
    state = WalkState(question="Refunds?", evidence=evidence)
    made = state.needing(needs)
    assert made.spans == state.spans
    assert len(state.spans) < 2 or made.needs == needs


def test_the_second_passage_is_needed_too_until_any_is_enough() -> None:
    one, other, third = SPANS[:3]
    both = WalkState().with_span(one).with_span(other)
    assert both.evidence == ((one, other),)
    assert both.needing("any").with_span(third).evidence == ((one,), (other,), (third,))


def test_what_a_label_says_is_mixed_and_stays_so() -> None:
    state = WalkState(evidence=((SPANS[0], SPANS[1]), (SPANS[2],)))
    assert state.needs == "mixed"
    assert state.needing("mixed") == state
    assert state.without_span(SPANS[2]).needs == "all"


def test_a_labelled_question_brings_its_asker_filter_and_expected_answer() -> None:
    clause = Clause(field="plan", op="in", value=("annual", "monthly"))
    query = Query(
        query_id="q7", text="Refunds?", principals=("support",), where=(clause,),
        expected_answer="ten days", tags=("unanswerable",),
    )  # fmt: skip
    state = WalkState.of(Question(query=query, split="tune"), PipelineConfig())
    assert (state.query_id, state.principals, state.where) == ("q7", ("support",), (clause,))
    assert state.query().expected_answer == "ten days"


def test_a_query_is_asked_as_it_is_and_is_no_labelled_question() -> None:
    state = WalkState.of(
        Query(query_id="live", text="Refunds?", principals=("a",)), PipelineConfig()
    )
    assert (state.query_id, state.principals) == ("", ("a",))
    assert state.query().query_id.startswith("case-")


def test_evidence_takes_back_that_a_question_is_unanswerable() -> None:
    query = Query(query_id="q7", text="Refunds?", tags=("unanswerable", "short"))
    labelled = Question(query=query, split="tune")
    state = WalkState.of(labelled, PipelineConfig())
    assert state.asked(labelled).unanswerable
    asked = state.with_span(SPANS[0]).asked(labelled)
    assert (asked.query.tags, asked.split, asked.evidence) == (("short",), "tune", ((SPANS[0],),))


def test_filters_are_read_as_they_are_written() -> None:
    several = Clause(field="plan", op="in", value=("annual", "monthly"))
    where = (several, Clause(field="year", op="ge", value="2024"))
    assert where_of(where_text(where), where) == where
    assert where_of(" ; ") == ()


def test_a_filter_that_is_not_understood_is_told() -> None:
    with pytest.raises(FilterError, match="a filter reads field=value"):
        where_of("annual plans")


def test_without_a_question_nothing_can_be_asked() -> None:
    with pytest.raises(InvalidRecordError, match="at least one word"):
        WalkState().query()


def test_the_code_asks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    config = PipelineConfig().replace({"retrieval.k": 3})
    nasty = '\'); import os  # """'
    state = WalkState(question=nasty, principals=("support",), where=["a=b'c"], config=config)
    seen: dict[str, Any] = {}

    class Opened:
        def run(self, query: Query) -> Any:
            seen["query"] = query
            return type("Trace", (), {"answer": type("Answer", (), {"text": "said"})})

    def opened(store: str, *, config: PipelineConfig) -> Opened:
        seen.update(store=store, config=config)
        return Opened()

    monkeypatch.setattr(whymiss, "open", opened)
    exec(state.to_code("a'store"), {})
    assert seen == {"query": state.query(), "store": "a'store", "config": config}


def test_before_there_is_a_question_the_code_opens_the_store() -> None:
    code = replace(WalkState(), config=PipelineConfig()).to_code("here")
    assert code.endswith("wb = whymiss.open('here', config=config)\n")
