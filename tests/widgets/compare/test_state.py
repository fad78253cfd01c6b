"""What is compared, as data: the deciding measure first, the holdout kept back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.compare.panel import ComparePanel
from whymiss.widgets.compare.state import (
    CompareState,
    cutoff,
    first_split,
    offered_measures,
    spends_holdout,
)


def asked(split: str = "", *, spans: bool = True) -> Question:
    evidence = ((EvidenceSpan(doc_id="d", start=0, end=3),),) if spans else ()
    return Question(query=Query(query_id=split or "q", text="Why?"), evidence=evidence, split=split)


def test_the_deciding_measure_goes_to_the_front_and_the_others_keep_their_order() -> None:
    state = CompareState(measures=("recall@5", "mrr", "ndcg@10"), by="mrr")
    assert state.deciding("ndcg@10").measures == ("ndcg@10", "recall@5", "mrr")
    assert state.deciding("ndcg@10").by == ""


def test_a_measure_is_put_to_the_others_or_taken_away() -> None:
    state = CompareState(measures=("recall@5", "mrr"), by="mrr")
    assert state.measuring("ndcg@10", True).measures == ("recall@5", "mrr", "ndcg@10")
    assert state.measuring("mrr", False).measures == ("recall@5",)
    assert state.measuring("mrr", False).by == ""
    assert state.measuring("ndcg@10", True).by == "mrr"


def test_the_cutoff_is_that_of_recall_alone() -> None:
    state = CompareState(measures=("doc_recall@5", "ndcg@10")).with_cutoff(3)
    assert state.measures == ("doc_recall@3", "ndcg@10")
    assert cutoff(state.measures) == 3
    assert cutoff(("ndcg@10",)) is None


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ConfigError, match="two pipelines need two names; got 'a' and 'a'"):
        CompareState(names=("a", "a"))
    with pytest.raises(ConfigError, match="at least one measure"):
        CompareState(measures=())
    with pytest.raises(ConfigError, match="recall@5"):
        CompareState(measures=("recal@5",))


def test_only_what_is_compared_makes_results_old() -> None:
    state = CompareState()
    assert state.asks(CompareState(shown="win", page=3, question="q1", by="recall@5"))
    for other in (
        CompareState(split="tune"),
        CompareState(measures=("mrr",)),
        CompareState(names=("a", "b")),
        CompareState(other=PipelineConfig().replace(retrieval__k=3)),
    ):
        assert not state.asks(other)


@pytest.mark.parametrize(
    ("splits", "first"),
    [
        (["holdout", "tune"], "tune"),
        (["holdout", "dev"], "dev"),
        (["holdout"], ""),
        (["", ""], ""),
    ],
)
def test_the_first_split_is_never_the_holdout(splits: list[str], first: str) -> None:
    assert first_split([asked(split) for split in splits]) == first


def test_all_questions_spend_the_holdout_where_there_is_one() -> None:
    kept = [asked("tune"), asked("holdout")]
    assert [spends_holdout(split, kept) for split in ("tune", "holdout", "")] == [False, True, True]
    assert not spends_holdout("", [asked("tune")])


def test_measures_are_those_that_the_labels_allow() -> None:
    spans, documents = offered_measures([asked()], 7), offered_measures([asked(spans=False)], 7)
    assert spans[0] == "recall@7"
    assert "delivered_evidence" in spans
    assert documents[0] == "doc_recall@7"
    assert "delivered_evidence" not in documents


def test_other_questions_leave_what_still_fits() -> None:
    state = CompareState(measures=("mrr", "recall@3"), split="dev", page=2, question="q1")
    kept = state.fitted([asked("dev"), asked("tune")])
    assert (kept.measures, kept.split) == (("mrr", "recall@3"), "dev")
    assert (kept.page, kept.question) == (0, "")
    moved = state.fitted([asked("tune", spans=False)])
    assert (moved.measures[0], moved.split) == ("doc_recall@3", "tune")


def test_the_code_makes_the_same_comparison(
    compared: ComparePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whymiss, "open", partial(whymiss.open, encoder=HashingEncoder()))
    named: dict[str, Any] = {}
    exec(compared.to_code(), named)
    assert compared.compared is not None
    wanted = compared.compared.comparison
    pd.testing.assert_frame_equal(named["compared"].table, wanted.table)
    pd.testing.assert_frame_equal(named["compared"].questions, wanted.questions)
    assert set(wanted.table["verdict"]) > {"undecided"}
    named["wb"].close()


def test_the_code_of_questions_that_were_passed_says_so(
    panel: ComparePanel, questions: list[Question], questions_file: Path
) -> None:
    assert repr(str(questions_file)) in panel.to_code()
    panel.desk.use(questions)
    assert "questions = ...  # the labelled questions, as a list" in panel.to_code()
