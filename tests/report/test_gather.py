"""What is found out about a store by trying, and that trying leaves the store as it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from whymiss.evaluation import Question
from whymiss.evaluation.facts import Rerun
from whymiss.evaluation.readiness import FAILURES, readiness
from whymiss.evaluation.run import EvaluationRun
from whymiss.index import BuildReport
from whymiss.index.health import rows_by_model, table_versions
from whymiss.records import Document
from whymiss.report import gather
from whymiss.report.probes import sample_queries
from whymiss.report.reruns import rerun_all
from whymiss.retrieval import BM25Retriever
from whymiss.workbench import Workbench


def reruns(wb: Any, **fields: Any) -> dict[str, Rerun]:
    return {rerun.what: rerun for rerun in rerun_all(wb, wb.config, **fields)}


def test_looking_changes_nothing(
    folder_wb: Workbench,
    evaluated: Callable[..., EvaluationRun],
    questions: tuple[Question, ...],
) -> None:
    wb, run = folder_wb, evaluated(folder_wb)
    wb.ask("Do annual plans include phone support?")
    before = table_versions(wb.store), len(wb.trace), wb.documents["allowed"].tolist()
    gather(wb, run, questions)
    after = table_versions(wb.store), len(wb.trace), wb.documents["allowed"].tolist()
    assert before == after


def test_a_second_ingest_and_a_second_build_are_found_to_do_nothing(folder_wb: Workbench) -> None:
    found = reruns(folder_wb)
    assert list(found) == ["ingest of docs", "build of index 'main'"]
    for rerun in found.values():
        assert rerun.idle
        assert rerun.before == rerun.after == table_versions(folder_wb.store)
        assert rerun.before


@pytest.mark.parametrize("names", [None, ["*"], ["staff"]])
def test_the_permissions_that_a_folder_was_ingested_with_are_kept(
    folder_wb: Workbench, folder: Path, names: list[str] | None
) -> None:
    folder_wb.ingest(folder, allowed=names)
    before = folder_wb.documents["allowed"].tolist()
    assert reruns(folder_wb, allowed=names)["ingest of docs"].idle
    assert folder_wb.documents["allowed"].tolist() == before


def test_another_default_permission_is_not_tried_on_the_store(
    folder_wb: Workbench, folder: Path
) -> None:
    folder_wb.ingest(folder, allowed=["staff"])
    before = table_versions(folder_wb.store)
    rerun = reruns(folder_wb)["ingest of docs"]
    assert "made with another `allowed`" in rerun.not_tried_because
    assert table_versions(folder_wb.store) == before
    assert ("staff",) in folder_wb.documents["allowed"].tolist()


def edit(folder: Path) -> None:
    (folder / "annual.md").write_text("# Annual plans\n\nNo phone at all.\n", encoding="utf-8")


def add(folder: Path) -> None:
    (folder / "new.md").write_text("A new page.\n", encoding="utf-8")


def spoil(folder: Path) -> None:
    (folder / "new.md").write_bytes(b"")


def remove(folder: Path) -> None:
    (folder / "annual.md").unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (edit, "annual.md is new or changed"),
        (add, "new.md is new or changed"),
        (spoil, "new.md is new or changed"),
        (remove, "annual.md is gone"),
    ],
)
def test_a_folder_that_changed_is_told_and_not_taken_in(
    folder_wb: Workbench, folder: Path, change: Callable[[Path], None], told: str
) -> None:
    before = table_versions(folder_wb.store)
    change(folder)
    rerun = reruns(folder_wb)["ingest of docs"]
    assert rerun.not_tried_because.startswith(told)
    assert not rerun.idle
    assert table_versions(folder_wb.store) == before
    assert "phone support" in folder_wb.document("annual.md").text


def test_a_folder_with_a_file_that_always_fails_is_idempotent_all_the_same(
    folder_wb: Workbench, folder: Path
) -> None:
    spoil(folder)
    folder_wb.ingest(folder, allowed=["*"])
    assert reruns(folder_wb)["ingest of docs"].idle


def test_a_source_that_is_gone_is_told(folder_wb: Workbench, folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    rerun = reruns(folder_wb)["ingest of docs"]
    assert "not there any more" in rerun.not_tried_because
    assert len(folder_wb.documents) == 3


def test_documents_from_python_are_offered_again_as_stored(wb: Workbench) -> None:
    wb.ingest([Document(doc_id="mine", text="Ten days.", allowed=["*"], metadata={"a": [1, 2]})])
    rerun = reruns(wb)["ingest of the 4 documents that came from no folder"]
    assert rerun.idle


@dataclass
class Forgetful:
    """A workbench whose build does its work again every time."""

    inner: Workbench

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def build(self, config: Any = None) -> BuildReport:
        return replace(self.inner.build(config, rebuild=True), n_embedded=3)


def test_a_build_that_does_its_work_again_is_found(
    wb: Workbench, run: EvaluationRun, questions: tuple[Question, ...]
) -> None:
    facts = gather(Forgetful(wb), run, questions)  # type: ignore[arg-type]
    (build,) = [rerun for rerun in facts.reruns if rerun.kind == "build"]
    assert (build.n_embedded, build.n_written) == (3, 3)
    assert build.moved == ("index_main",)
    check = readiness(run=run, facts=facts)[0]
    assert (check.name, check.verdict) == ("ingest idempotent", "missed")


def test_every_vector_is_counted_under_its_model(wb: Workbench) -> None:
    assert rows_by_model(wb.store) == {"main": {"hashing-64": 3}}
    small = wb.config.replace(index__name="small", chunking__size=8)
    wb.build(small)
    found = rows_by_model(wb.store)
    assert found["small"] == {"hashing-64": len(wb.space(small).snapshot.chunks)}


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
def test_every_failure_that_is_provoked_is_read_back_with_its_flag(
    wb: Workbench, evaluated: Callable[..., EvaluationRun], questions: Any, mode: str
) -> None:
    run = evaluated(wb, config=wb.config.replace(retrieval__mode=mode))
    facts = gather(wb, run, questions)
    assert [probe.flag for probe in facts.probes] == list(FAILURES)
    for probe in facts.probes:
        assert probe.flag in probe.logged
        assert [f for f in FAILURES if f in probe.logged] == [probe.flag]
    assert facts.keeps_traces


def test_bm25_alone_cannot_log_a_low_score_and_says_why(
    wb: Workbench, evaluated: Callable[..., EvaluationRun], questions: Any
) -> None:
    run = evaluated(wb, config=wb.config.replace(retrieval__mode="bm25", trace__keep=False))
    facts = gather(wb, run, questions)
    found = {probe.flag: probe for probe in facts.probes}
    assert found["low score"].logged == ()
    assert "no cosine" in found["low score"].note
    assert "truncated context" in found["truncated context"].logged
    assert facts.keeps_traces is False


def test_without_a_question_that_finds_something_no_failure_is_provoked(
    wb: Workbench, run: EvaluationRun, questions: Any
) -> None:
    run.table["n_hits"] = 0
    facts = gather(wb, run, questions)
    assert all("found anything" in probe.not_tried_because for probe in facts.probes)


def test_flags_of_the_real_log_are_counted(
    wb: Workbench, run: EvaluationRun, questions: Any
) -> None:
    for _ in range(3):
        wb.ask("Do plans include support?", where={"plan_type": "none such"})
    wb.ask("Do annual plans include phone support?")
    facts = gather(wb, run, questions)
    assert facts.n_logged == 4
    assert facts.logged["empty retrieval"] == 3


def test_a_sample_is_the_same_for_the_same_seed_in_any_order(asked: Any) -> None:
    many = [asked(f"q{at}", "Refund?") for at in range(200)]
    first = sample_queries(many, 100, seed=1)
    assert first == sample_queries(many[::-1], 100, seed=1)
    assert first != sample_queries(many, 100, seed=2)
    assert len({query.query_id for query in first}) == 100
    assert len(sample_queries(many[:7], 100, seed=1)) == 7
    assert sample_queries([], 100, seed=1) == []


def test_no_more_questions_are_timed_than_asked_for(
    wb: Workbench, run: EvaluationRun, questions: Any
) -> None:
    assert len(gather(wb, run, questions, n_timed=2).timed) == 2
    assert gather(wb, run, [], n_timed=2).timed == ()


def test_the_first_question_is_asked_once_more_before_and_not_timed(
    wb: Workbench, run: EvaluationRun, questions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the first question alone pays for would otherwise stand in its time.
    wait = iter([0.3])
    search = BM25Retriever.search

    def slow_at_first(*given: Any, **knobs: Any) -> Any:
        time.sleep(next(wait, 0.0))
        return search(*given, **knobs)

    monkeypatch.setattr("whymiss.report.probes._probes", lambda *_: ())
    monkeypatch.setattr(BM25Retriever, "search", slow_at_first)
    timed = gather(wb, run, questions).timed
    assert next(wait, None) is None
    assert max(seconds["bm25"] for seconds in timed) < 0.3


def test_times_are_of_retrieval_without_answers(
    wb: Workbench, run: EvaluationRun, questions: Any
) -> None:
    facts = gather(wb, run, questions)
    assert len(facts.timed) == len(questions)
    assert all("answer" not in t and t["dense"] > 0 for t in facts.timed)


def test_progress_is_told(wb: Workbench, run: EvaluationRun, questions: Any) -> None:
    told: list[tuple[str, int, int]] = []
    gather(wb, run, questions, progress=lambda *step: told.append(step))
    assert told == [("timed questions", n, 4) for n in (1, 2, 3, 4)]
