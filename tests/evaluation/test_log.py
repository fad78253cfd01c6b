"""The log keeps rows through anything, and says so when it cannot."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from whymiss.errors import StoreError
from whymiss.evaluation.log import EvaluationLog

ROW = {
    "n_hits": 3, "lost_at": None, "flags": ["low score"], "answer": "Zehn Tage \U0001f600\ud800",
    "scores": {"recall@5": None, "mrr": 0.1 + 0.2}, "seconds": {"dense": 1e-9},
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "evaluations.sqlite"


@pytest.fixture
def log(path: Path) -> Iterator[EvaluationLog]:
    made = EvaluationLog(path)
    yield made
    made.close()


def test_rows_come_back_as_they_were_also_in_another_process(
    log: EvaluationLog, path: Path
) -> None:
    log.add("run", {"q1": ROW, "q2": {}})
    assert log.rows("run") == {"q1": ROW, "q2": {}}
    assert EvaluationLog(path).rows("run") == {"q1": ROW, "q2": {}}


def test_runs_are_kept_apart_and_forgotten_one_by_one(log: EvaluationLog) -> None:
    log.add("one", {"q": {"n": 1}})
    log.add("other", {"q": {"n": 2}})
    log.forget("one")
    log.forget("never there")
    assert (log.rows("one"), log.rows("other")) == ({}, {"q": {"n": 2}})


def test_a_row_written_twice_is_the_later_one(log: EvaluationLog) -> None:
    log.add("run", {"q": {"n": 1}, "r": {"n": 1}})
    log.add("run", {"q": {"n": 2}})
    assert log.rows("run") == {"q": {"n": 2}, "r": {"n": 1}}


def test_finished_trials_are_no_rows(log: EvaluationLog) -> None:
    assert log.finished("trial") is None
    log.finish("trial", ROW)
    assert log.finished("trial") == ROW
    assert log.rows("trial") == {}
    log.forget("trial")
    assert log.finished("trial") == ROW
    log.finish("trial", {})
    assert log.finished("trial") == {}


def test_rows_of_one_call_are_written_together_or_not_at_all(log: EvaluationLog) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        log.add("run", {"q1": ROW, "q2": {"value": object()}})
    assert log.rows("run") == {}


def test_threads_may_write_at_once(log: EvaluationLog) -> None:
    def write(number: int) -> None:
        for i in range(20):
            log.add("run", {f"{number} {i}": {"i": i}})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log.rows("run")) == 80


def test_a_file_that_is_no_log_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(StoreError, match="can be computed again: if it is damaged, delete it"):
        EvaluationLog(path)


def test_a_row_that_is_no_json_is_told(log: EvaluationLog, path: Path) -> None:
    log.add("run", {"q": ROW})
    log.finish("trial", ROW)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE rows SET row = '{broken'")
        db.execute("UPDATE finished SET body = '{broken'")
    with pytest.raises(StoreError, match="delete it"):
        log.rows("run")
    with pytest.raises(StoreError, match="delete it"):
        log.finished("trial")


def test_a_closed_log_is_told(path: Path) -> None:
    log = EvaluationLog(path)
    log.close()
    with pytest.raises(StoreError, match="cannot be used: Cannot operate on a closed database"):
        log.rows("run")
