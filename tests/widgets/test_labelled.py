"""The labelled questions that panels offer: those whose labels fit, and how many do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from whymiss.errors import LabelError
from whymiss.evaluation import write_questions
from whymiss.evaluation.labels import Question
from whymiss.widgets.labelled import Labelled
from whymiss.workbench import Workbench


@pytest.fixture
def labelled(guide_wb: Workbench, labelled_guide: list[Question]) -> Labelled:
    return Labelled(guide_wb, labelled_guide)


def test_none_are_offered_by_default(guide_wb: Workbench) -> None:
    none = Labelled(guide_wb)
    assert (none.questions, none.n_unfit, none.source) == ((), 0, "")


def test_what_does_not_fit_its_document_is_counted_and_not_offered(labelled: Labelled) -> None:
    assert [q.query_id for q in labelled.questions] == [
        "annual", "monthly", "trial", "legacy", "student", "partner",
    ]  # fmt: skip
    assert labelled.n_unfit == 1


def test_evidence_is_located_in_the_stored_text(labelled: Labelled, guide_wb: Workbench) -> None:
    for question in labelled.questions:
        [[span]] = question.evidence
        start, end = span.interval
        assert guide_wb.document(span.doc_id).text[start:end] == span.quote


def test_a_question_is_found_by_its_id(labelled: Labelled) -> None:
    assert labelled.question("trial").query_id == "trial"
    for absent in ("unfit", "", "nobody"):
        with pytest.raises(LabelError, match=rf"has the id '{absent}'; the panel offers 6"):
            labelled.question(absent)


def test_evidence_of_a_document_is_that_of_all_questions_each_span_once(
    guide_wb: Workbench, labelled_guide: list[Question]
) -> None:
    twice = Labelled(guide_wb, labelled_guide)
    [span] = twice.evidence_in("trial.md")
    assert span == twice.question("trial").evidence[0][0]
    assert twice.evidence_in("absent.md") == ()
    shared = [
        Question(query=q.query, evidence=labelled_guide[0].evidence) for q in labelled_guide[:3]
    ]
    assert len(Labelled(guide_wb, shared).evidence_in("annual.md")) == 1


@pytest.mark.parametrize("as_text", [False, True])
def test_a_file_is_read_and_named(
    guide_wb: Workbench, labelled_guide: list[Question], tmp_path: Path, as_text: bool
) -> None:
    path = tmp_path / "questions.jsonl"
    write_questions(path, labelled_guide)
    read = Labelled(guide_wb, str(path) if as_text else path)
    assert read.source == str(path)
    assert len(read.questions) == 6


def test_a_file_that_is_not_there_is_told_at_once(guide_wb: Workbench, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"absent\.jsonl"):
        Labelled(guide_wb, tmp_path / "absent.jsonl")
