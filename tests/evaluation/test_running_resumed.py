"""An interrupted evaluation goes on where it stopped, and does no work twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running_evaluations import asked

from whymiss.errors import GenerationError
from whymiss.evaluation import EvidenceSpan, Question, evaluate, running, write_questions
from whymiss.evaluation.log import EvaluationLog
from whymiss.pipeline import Pipeline
from whymiss.records import Clause, Document
from whymiss.workbench import Workbench

ERRORS = {"failed": GenerationError("the endpoint is gone"), "stopped": KeyboardInterrupt()}


@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
def test_finished_blocks_survive_an_interruption_and_only_the_rest_is_done_again(
    open_lab: Callable[..., Workbench],
    questions: list[Question],
    echo: type,
    error: BaseException,
) -> None:
    first = echo(fail_after=20, error=error)
    with pytest.raises(type(error)):
        open_lab(generator=first).evaluate(questions, answers=True)
    second, whole = echo(), echo()
    wb = open_lab(generator=second)
    resumed = wb.evaluate(questions, answers=True)
    ids = [question.query_id for question in questions]
    assert first.asked == ids[:20]
    # Answers are kept in blocks of 16.
    assert second.asked == ids[16:]
    assert resumed.n_reused == 16
    fresh = open_lab(generator=whole).evaluate(questions, answers=True)
    assert whole.asked == ids
    assert fresh.n_reused == 0
    pd.testing.assert_frame_equal(resumed.table, fresh.table)
    pd.testing.assert_frame_equal(resumed.undefined, fresh.undefined)
    assert resumed.fingerprint == fresh.fingerprint


def test_of_several_configurations_only_what_each_has_not_done_is_done(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type
) -> None:
    def pipelines(wb: Workbench) -> dict[str, Pipeline]:
        configs = (wb.config.replace({"retrieval.k": k}) for k in (1, 3))
        return {str(c.retrieval.k): wb.pipeline(c) for c in configs}

    # Two blocks of 16 and 14 for each of two configurations: 16 + 16 + 14 is two and a half.
    first = echo(fail_after=16 + 16 + 10)
    wb = open_lab(generator=first)
    with pytest.raises(GenerationError, match="gone"):
        evaluate(pipelines(wb), questions, log=wb._evaluator.log)
    second = echo()
    wb = open_lab(generator=second)
    # A question more at the front must not shift the blocks of the others.
    more = [asked("export audit", "new"), *questions]
    runs = evaluate(pipelines(wb), more, log=wb._evaluator.log)
    assert [runs[name].n_reused for name in ("1", "3")] == [16, 16]
    assert len(second.asked) == 2 * (31 - 16)
    assert second.asked.count("q00") == 0
    assert second.asked.count("new") == second.asked.count("q20") == 2


def test_a_finished_run_leaves_the_log_and_the_next_one_asks_anew(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type
) -> None:
    generator = echo()
    wb = open_lab(generator=generator)
    for n_asked in (30, 60):
        assert wb.evaluate(questions, answers=True).n_reused == 0
        assert len(generator.asked) == n_asked


def test_without_resume_everything_is_computed_anew(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type
) -> None:
    with pytest.raises(GenerationError, match="gone"):
        open_lab(generator=echo(fail_after=20)).evaluate(questions, answers=True)
    generator = echo()
    run = open_lab(generator=generator).evaluate(questions, answers=True, resume=False)
    assert run.n_reused == 0
    assert len(generator.asked) == 30


def permission(wb: Workbench, documents: list[Document]) -> None:
    wb.ingest([replace(documents[0], allowed=("staff",)), *documents[1:]])


def text(wb: Workbench, documents: list[Document]) -> None:
    wb.ingest([replace(documents[0], text=documents[0].text + " More.", content_hash="")])


def metadata(wb: Workbench, documents: list[Document]) -> None:
    wb.ingest([replace(documents[0], metadata={"plan": "never"}), *documents[1:]])


CHANGES: dict[str, Any] = {"permission": permission, "text": text, "metadata": metadata}


def interrupted(open_lab: Callable[..., Workbench], questions: list[Question], echo: type) -> None:
    """An evaluation whose first 16 rows are in the log."""
    with pytest.raises(GenerationError, match="gone"):
        open_lab(generator=echo(fail_after=20)).evaluate(questions, answers=True)


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_rows_of_other_documents_are_not_taken(
    open_lab: Callable[..., Workbench],
    documents: list[Document],
    questions: list[Question],
    echo: type,
    change: Callable[[Workbench, list[Document]], None],
) -> None:
    interrupted(open_lab, questions, echo)
    wb = open_lab(generator=echo())
    change(wb, documents)
    assert wb.evaluate(questions, answers=True).n_reused == 0


@pytest.mark.parametrize(
    "knobs",
    [
        {"retrieval.k": 2},
        {"retrieval.bm25_b": 0.5},
        {"context.token_budget": 99},
        {"answer.min_support": 0.1},
        {"trace.low_score": 0.9},
    ],
)
def test_rows_of_another_configuration_are_not_taken(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type, knobs: dict[str, Any]
) -> None:
    interrupted(open_lab, questions, echo)
    wb = open_lab(generator=echo())
    run = wb.evaluate(questions, answers=True, config=wb.config.replace(knobs))
    assert run.n_reused == 0


def test_a_knob_that_changes_no_row_does_not_matter(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type
) -> None:
    interrupted(open_lab, questions, echo)
    wb = open_lab(generator=echo())
    run = wb.evaluate(questions, answers=True, config=wb.config.replace({"trace.keep": True}))
    assert run.n_reused == 16


def test_rows_of_other_measures_models_or_generators_are_not_taken(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type, by_length: type
) -> None:
    interrupted(open_lab, questions, echo)
    wb = open_lab(generator=echo())
    assert wb.evaluate(questions, answers=True, measures=["mrr"]).n_reused == 0
    assert wb.evaluate(questions, measures=running.SPAN_MEASURES).n_reused == 0
    named = echo()
    named.name = "another"
    assert open_lab(generator=named).evaluate(questions, answers=True).n_reused == 0
    reranked = open_lab(generator=echo(), reranker=by_length())
    assert reranked.evaluate(questions, answers=True).n_reused == 0
    # All that time the rows were there.
    assert wb.evaluate(questions, answers=True).n_reused == 16


def other_text(question: Question) -> Question:
    return replace(question, query=replace(question.query, text="other words"))


def other_principal(question: Question) -> Question:
    return replace(question, query=replace(question.query, principals=("nobody",)))


def other_clause(question: Question) -> Question:
    clause = Clause(field="plan", op="ne", value="annual")
    return replace(question, query=replace(question.query, where=(clause,)))


def other_answer(question: Question) -> Question:
    return replace(question, query=replace(question.query, expected_answer="something else"))


def other_label(question: Question) -> Question:
    return replace(question, evidence=((EvidenceSpan(doc_id="d01", start=0, end=5),),))


EDITS = [other_text, other_principal, other_clause, other_answer, other_label]


@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_question_is_asked_again_and_the_others_are_not(
    open_lab: Callable[..., Workbench],
    questions: list[Question],
    echo: type,
    edit: Callable[[Question], Question],
) -> None:
    interrupted(open_lab, questions, echo)
    generator = echo()
    changed = [edit(questions[0]), *questions[1:]]
    run = open_lab(generator=generator).evaluate(changed, answers=True)
    assert run.n_reused == 15
    assert generator.asked == ["q00", *(q.query_id for q in questions[16:])]


KILLED = """
import sys
import whymiss
from conftest import Echo, small
from whymiss.testing import HashingEncoder

class Dying(Echo):
    def generate(self, query, context):
        if len(self.asked) == 20:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generate(query, context)

wb = whymiss.open(sys.argv[1], encoder=HashingEncoder(), generator=Dying(), config=small())
wb.evaluate(sys.argv[2], answers=True)
"""


def test_a_killed_process_leaves_its_finished_blocks(
    open_lab: Callable[..., Workbench],
    questions: list[Question],
    documents: list[Document],
    echo: type,
    tmp_path: Path,
) -> None:
    file = tmp_path / "questions.jsonl"
    write_questions(file, questions)
    store = open_lab().store.uri
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(store), str(file)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    generator = echo()
    wb = open_lab(generator=generator)
    resumed = wb.evaluate(file, answers=True)
    assert resumed.n_reused == 16
    assert len(generator.asked) == 14
    pd.testing.assert_frame_equal(resumed.table, wb.evaluate(file, answers=True).table)


AT_ONCE = """
import json, sys
import whymiss
from conftest import small
from whymiss.testing import HashingEncoder

with whymiss.open(sys.argv[1], encoder=HashingEncoder(), config=small()) as wb:
    for _ in range(5):
        run = wb.evaluate(sys.argv[2], answers=True)
        print(json.dumps(run.table.astype(str).to_dict("records")))
"""


def test_two_processes_at_once_do_not_disturb_each_other(
    open_lab: Callable[..., Workbench], questions: list[Question], tmp_path: Path
) -> None:
    file = tmp_path / "questions.jsonl"
    write_questions(file, questions)
    # LanceDB runs threads of its own, so the children are new processes, not forks of this one.
    children = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, str(open_lab().store.uri), str(file)],
            cwd=Path(__file__).parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    tables = [line for child in children for line in child.communicate(timeout=120)[0].splitlines()]
    assert [child.returncode for child in children] == [0, 0]
    assert len(tables) == 10
    assert len(set(tables)) == 1


def test_a_log_is_optional(pipeline_of: Callable[..., Pipeline], tmp_path: Path) -> None:
    log = EvaluationLog(tmp_path / "log.sqlite")
    pipeline = pipeline_of([Document(doc_id="a", text="refund ten days", allowed=["*"])])
    with_log = evaluate({"main": pipeline}, [asked()], log=log)["main"]
    without = evaluate({"main": pipeline}, [asked()])["main"]
    pd.testing.assert_frame_equal(with_log.table, without.table)
