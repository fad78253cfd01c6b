"""Every question of a set diagnosed: counted once, and the same as diagnosed alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest
from handmade import GOLD, Writer, filler, handmade, question

import whymiss
from whymiss.config import PipelineConfig
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.records import StageView
from whymiss.diagnosis.survey import (
    BY_CAUSE,
    BY_STAGE,
    FAILURES,
    TABLE,
    Survey,
    Surveyed,
    survey,
)
from whymiss.diagnosis.tables import funnel_table
from whymiss.errors import InvalidRecordError, LabelError
from whymiss.evaluation.labels import UNANSWERABLE, EvidenceSpan, Question
from whymiss.evaluation.statistics import wilson
from whymiss.records import Document, Query
from whymiss.stages import STAGES
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

OTHERS, COSINES = filler(12)
HOSTILE = "<img src=x onerror=alert(1)> costs $5 or $6"
TEXTS = {**OTHERS, "gold.md": GOLD}


def asked(query_id: str, doc_id: str, words: str, *tags: str) -> Question:
    made = question(TEXTS, (doc_id, words), tags=tags)
    return replace(made, query=replace(made.query, query_id=query_id))


def tagged(query_id: str, *tags: str) -> Question:
    return Question(query=Query(query_id=query_id, text="Who is it?", tags=tags))


NEAREST = OTHERS["filler00.md"]
QUESTIONS = [
    asked("found", "filler00.md", NEAREST),
    tagged("no answer", UNANSWERABLE),
    asked("behind", "gold.md", GOLD),
    asked("behind too", "gold.md", GOLD, HOSTILE),
    asked("absent", "absent.md", "Invoices are kept for seven years in a box."),
    tagged("no label"),
    *(asked(f"found {n}", f"filler0{n}.md", OTHERS[f"filler0{n}.md"]) for n in (1, 2)),
    *(asked(f"found again {n}", "filler00.md", NEAREST) for n in range(4)),
]
FOUND = [one.query_id for one in QUESTIONS if one.query_id.startswith("found")]
JUDGED = ["found", "behind", "behind too", "absent", *FOUND[1:]]
N = len(JUDGED)
SCENE = handmade(
    TEXTS, QUESTIONS[0], {"Refunds": 0.52, **COSINES}, others=("What is told here?",)
)  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Survey:
    return survey(QUESTIONS, SCENE, lab=Lab())


def test_every_question_is_judged_or_listed_with_the_reason(made: Survey) -> None:
    assert made.table["query_id"].tolist() == list(made.diagnoses) == JUDGED
    assert made.unjudged.to_dict(orient="list") == {
        "query_id": ["no answer", "no label"],
        "reason": ["the question is unanswerable", "nothing is judged"],
    }


def test_a_row_tells_where_the_question_failed_and_why(made: Survey) -> None:
    rows = made.table.set_index("query_id")
    assert made.table.columns.tolist() == list(TABLE)
    assert rows.loc["found", ["ending", "stage", "cause", "step"]].tolist() == [
        "healthy",
        *[""] * 3,
    ]
    # At rank 6 of 13 with k 3.
    assert rows.loc["behind", ["ending", "lost_at", "step"]].tolist() == [
        "lost",
        "select",
        "rerank",
    ]
    assert rows.loc["absent", ["stage", "cause", "step"]].tolist() == ["parse", "S0", "parse"]
    for query_id, diagnosis in made.diagnoses.items():
        assert rows.loc[query_id, "proven"] == diagnosis.proven
        assert rows.loc[query_id, "unexplained"] == diagnosis.unexplained
        assert rows.loc[query_id, "n_reruns"] == diagnosis.n_reruns


def test_the_score_is_the_share_that_came_through(made: Survey) -> None:
    assert made.score == wilson(len(FOUND), N)
    assert made.headroom["share"].sum() == pytest.approx(1 - made.score.estimate)


@pytest.mark.parametrize("name", ["failures", "by_stage", "by_cause"])
def test_each_failure_is_counted_once_in_every_table(name: str, made: Survey) -> None:
    table: pd.DataFrame = getattr(made, name)
    counted = [query_id for ids in table["query_ids"] for query_id in ids]

    assert sorted(counted) == ["absent", "behind", "behind too"]
    assert table["n"].tolist() == [len(ids) for ids in table["query_ids"]]
    for row in table.itertuples():
        assert (row.share, row.low, row.high) == (
            wilson(row.n, N).estimate, wilson(row.n, N).low, wilson(row.n, N).high,
        )  # fmt: skip


def test_failures_run_along_the_pipeline_and_causes_from_the_most_frequent(made: Survey) -> None:
    stages = [STAGES.index(stage.partition(",")[0]) for stage in made.failures["stage"]]
    assert stages == sorted(stages)
    assert made.by_cause["n"].tolist() == sorted(made.by_cause["n"], reverse=True)
    assert made.failures.columns.tolist() == list(FAILURES)
    assert made.by_stage.columns.tolist() == list(BY_STAGE)
    assert made.by_cause.columns.tolist() == list(BY_CAUSE)


def test_failures_that_share_a_document_are_worth_fixing_together(made: Survey) -> None:
    together = made.clusters[made.clusters["handles"].map(lambda h: "document gold.md" in h)]

    assert together["query_ids"].tolist() == [("behind", "behind too")]


def test_a_question_is_diagnosed_as_it_is_alone(made: Survey) -> None:
    for one in QUESTIONS:
        if one.query_id in JUDGED:
            alone = diagnose(replace(SCENE, question=one), lab=Lab())
            assert replace(made.diagnoses[one.query_id], options={}) == alone


def test_the_same_survey_twice_is_the_same(made: Survey) -> None:
    again = survey(QUESTIONS, SCENE, lab=Lab())

    assert again.diagnoses == made.diagnoses
    for name in ("table", "failures", "by_stage", "by_cause", "headroom", "clusters", "unjudged"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(made, name))
    assert again._repr_html_() == made._repr_html_()


def test_a_wrong_answer_is_a_failure_at_the_answer() -> None:
    off_topic = Writer(lambda _: ("Water the plants.", []))
    scene = handmade(TEXTS, QUESTIONS[0], COSINES, generator=off_topic)
    found = survey(QUESTIONS[:1], scene, lab=Lab())

    assert found.answers
    assert found.by_stage["stage"].tolist() == ["answer"]
    assert found.headroom.set_index("step").loc["answer", "query_ids"] == ("found",)


def test_a_wrong_answer_without_a_proven_cause_is_at_the_answer_too(made: Survey) -> None:
    found = replace(made.diagnoses["found"], ending="wrong answer", unexplained=True)

    assert Surveyed(diagnosis=found, step="answer", handles=frozenset()).stage == "answer"


def test_progress_is_told_for_every_question() -> None:
    told: list[tuple[int, int]] = []
    survey(
        QUESTIONS[:2], SCENE, lab=Lab(), progress=lambda _, done, total: told.append((done, total))
    )

    assert told == [(0, 2), (1, 2), (2, 2)]


def test_a_set_that_cannot_be_judged_at_all_has_no_score() -> None:
    found = survey([QUESTIONS[1]], SCENE, lab=Lab())

    assert found.score.undefined_because
    assert found.table.empty
    assert found.failures.empty
    assert found.clusters.empty
    assert found.headroom["score_after"].isna().all()
    assert "1 more cannot be judged" in repr(found)
    assert "<table" in found._repr_html_()


def test_it_is_shown_with_its_causes(made: Survey) -> None:
    first, *causes = repr(made).splitlines()
    score = wilson(len(FOUND), N)
    assert first == f"Survey of {N} questions: {score} come through; 2 more cannot be judged"
    assert "  CorpusGap (S0): 1" in causes
    assert len(causes) == len(made.by_cause)
    assert "CorpusGap" in made._repr_html_()


def test_hostile_text_is_shown_as_it_is_written() -> None:
    texts = {**OTHERS, HOSTILE: GOLD}
    made = question(texts, (HOSTILE, GOLD))
    some = [replace(made, query=replace(made.query, query_id=f"{HOSTILE} {n}")) for n in range(2)]
    scene = handmade(texts, made, {"Refunds": 0.52, **COSINES})
    shown = survey([*some, *(one for one in QUESTIONS if one.query_id in FOUND)], scene, lab=Lab())
    page = shown._repr_html_()

    assert "&lt;img src=x" in page
    assert set(re.findall(r"</?(\w+)", page)) <= {
        "div", "p", "table", "thead", "tbody", "tr", "th", "td", "code",
    }  # fmt: skip
    assert page.startswith('<div class="mathjax_ignore">')


def test_a_funnel_is_a_row_per_stage_with_what_its_view_says(made: Survey) -> None:
    diagnosis = made.diagnoses["behind"]
    table = funnel_table(diagnosis)

    assert {f.name for f in fields(StageView)} | {"margin"} == set(table.columns)
    for row, view in zip(table.to_dict(orient="records"), diagnosis.funnel, strict=True):
        assert row == {name: getattr(view, name) for name in table.columns}


FACTS = {
    "plans.md": "Annual plans include phone support on weekdays.",
    "mail.md": "Monthly plans include support by mail alone.",
    "refunds.md": "A refund takes ten business days.",
}


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[Workbench]:
    config = PipelineConfig().replace({"retrieval.k": 1, "rerank.model": ""})
    with whymiss.open(tmp_path / "store", config=config, encoder=HashingEncoder()) as workbench:
        workbench.ingest(
            Document(doc_id=doc_id, text=text, allowed=("*",)) for doc_id, text in FACTS.items()
        )
        yield workbench


LABELLED = [
    Question(
        query=Query(query_id=doc_id, text=text),
        evidence=((EvidenceSpan(doc_id=doc_id, quote=FACTS[doc_id]),),),
        split=split,
    )
    for doc_id, text, split in (
        ("plans.md", "Do annual plans include phone support?", "tune"),
        ("refunds.md", "Which plans include support?", "holdout"),
    )
]


def test_a_workbench_diagnoses_a_set_as_it_does_one_by_one(wb: Workbench) -> None:
    found = wb.diagnose_all(LABELLED)
    with whymiss.open(wb.store.uri, config=wb.config, encoder=HashingEncoder()) as fresh:
        alone = [fresh.diagnose(one, labelled=LABELLED, repairs=False) for one in LABELLED]

    assert list(found.diagnoses.values()) == alone
    assert found.answers
    assert found.table.set_index("query_id").loc["refunds.md", "ending"] == "lost"


def test_a_workbench_takes_a_split_another_configuration_and_no_answers(wb: Workbench) -> None:
    config = wb.config.replace({"retrieval.k": 3})
    found = wb.diagnose_all(LABELLED, config=config, split="holdout", answers=False)

    assert found.table["query_id"].tolist() == ["refunds.md"]
    assert found.table["ending"].tolist() == ["healthy"]
    assert found.config == config
    assert "answer" not in set(found.headroom["step"])


def test_questions_that_cannot_be_told_apart_are_refused(wb: Workbench) -> None:
    with pytest.raises(InvalidRecordError, match=r"each id once; got 'plans\.md' twice"):
        wb.diagnose_all([LABELLED[0], LABELLED[0]])
    with pytest.raises(InvalidRecordError, match="each id once; got none"):
        wb.diagnose_all([])
    with pytest.raises(LabelError, match="no question is of split 'dev'"):
        wb.diagnose_all(LABELLED, split="dev")
