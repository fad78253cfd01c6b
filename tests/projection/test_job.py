"""A fit in the background: it ends when it is told to, says why it failed, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clouds import Fitted, same_bits, spread

from whymiss.errors import ConfigError, WhymissError
from whymiss.projection.fitting import UmapParameters
from whymiss.projection.job import FitJob, Step

SOON = 10.0
"""Seconds in which what is to end must have ended; the children here sleep longer than that."""

Command = Callable[[str], Path]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where jobs make their folders, by itself, so that it can be looked at."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`command(script)`: this runs in place of the child; it notes its process id first."""

    def make(script: str) -> Path:
        noted, path = tmp_path / "pid", tmp_path / "child.sh"
        path.write_text(f"#!/bin/sh\necho $$ > {noted}\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))
        return noted

    return make


def few() -> Any:
    return spread(3)


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def is_gone(noted: Path) -> bool:
    """Whether the process whose id was noted is there no more."""
    try:
        os.kill(int(noted.read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def test_a_job_gives_the_places_and_leaves_nothing(temporary: Path) -> None:
    job = FitJob(few, UmapParameters())
    places = job.wait(SOON)
    assert job.state == "done"
    assert places.shape == (3, 2)
    assert same_bits(places, job.wait())
    assert list(temporary.iterdir()) == []


def test_a_child_fits_the_same_vectors_to_the_same_places(fitted: Fitted, temporary: Path) -> None:
    steps: list[Step] = []
    job = FitJob(
        lambda: fitted.vectors,
        UmapParameters(),
        progress=lambda *step: steps.append(job.step),
    )
    assert job.state == "running"
    np.testing.assert_array_equal(job.wait(), fitted.places)
    assert list(dict.fromkeys(step.what for step in steps)) == [
        "neighbours", "loading UMAP", "layout",
    ]  # fmt: skip
    assert job.step.done == job.step.total == fitted.steps[-1][2]
    assert list(temporary.iterdir()) == []


def test_what_comes_then_is_called_once_with_the_places_before_the_job_is_done() -> None:
    seen: list[tuple[str, Any]] = []
    job = FitJob(few, UmapParameters(), then=lambda places: seen.append((job.state, places)))
    places = job.wait(SOON)
    ((state, given),) = seen
    assert state == "running"
    assert same_bits(given, places)
    assert job.state == "done"


def test_vectors_are_asked_for_once_and_not_by_the_caller() -> None:
    asked: list[str] = []

    def vectors() -> Any:
        asked.append(threading.current_thread().name)
        return few()

    FitJob(vectors, UmapParameters()).wait(SOON)
    assert asked == ["whymiss-map"]


def test_waiting_too_short_says_where_it_stands_and_the_job_goes_on() -> None:
    gate = threading.Event()

    def vectors() -> Any:
        gate.wait(SOON)
        return few()

    job = FitJob(vectors, UmapParameters())
    with pytest.raises(TimeoutError, match=r"still at landmarks after 0\.05 s"):
        job.wait(0.05)
    assert (job.state, job.step) == ("running", Step(what="landmarks", done=0, total=1))
    gate.set()
    assert job.wait(SOON).shape == (3, 2)


# Cancelling


def cancelled(job: FitJob) -> None:
    assert job.state == "cancelled"
    with pytest.raises(WhymissError, match="was cancelled; ask for the map again"):
        job.wait(SOON)


def test_cancelled_while_vectors_are_made_no_child_is_started(
    temporary: Path, command: Command
) -> None:
    noted = command("exec sleep 30")
    gate, entered = threading.Event(), threading.Event()

    def vectors() -> Any:
        entered.set()
        gate.wait(SOON)
        return few()

    job = FitJob(vectors, UmapParameters())
    assert entered.wait(SOON)
    # What makes the vectors cannot be broken off; cancelling ends when it does.
    threading.Timer(0.1, gate.set).start()
    job.cancel()
    cancelled(job)
    assert not noted.exists()
    assert list(temporary.iterdir()) == []


def test_cancelled_while_the_child_works_it_is_killed_at_once(
    temporary: Path, command: Command
) -> None:
    noted = command("""echo '["layout", 1, 9]'; exec sleep 30""")
    job = FitJob(few, UmapParameters())
    until(lambda: job.step == Step(what="layout", done=1, total=9))
    assert not is_gone(noted)
    start = time.monotonic()
    job.cancel()
    assert time.monotonic() - start < SOON
    cancelled(job)
    assert is_gone(noted)
    assert list(temporary.iterdir()) == []


def test_a_real_fit_is_cancelled_within_seconds(temporary: Path) -> None:
    job = FitJob(lambda: spread(3000, 64), UmapParameters())
    until(lambda: job.step.what != "landmarks")
    process = job._process
    assert process is not None
    start = time.monotonic()
    job.cancel()
    assert time.monotonic() - start < SOON
    cancelled(job)
    assert process.poll() is not None
    assert list(temporary.iterdir()) == []


def test_progress_itself_may_cancel(temporary: Path, command: Command) -> None:
    noted = command("""echo '["layout", 1, 9]'; exec sleep 30""")
    ready = threading.Event()

    def stop(*_: Any) -> None:
        assert ready.wait(SOON)
        job.cancel()

    job = FitJob(few, UmapParameters(), progress=stop)
    ready.set()
    cancelled_at = time.monotonic()
    with pytest.raises(WhymissError, match="was cancelled"):
        job.wait(SOON)
    assert time.monotonic() - cancelled_at < SOON
    assert is_gone(noted)


def test_a_job_that_has_ended_stays_as_it_is() -> None:
    job = FitJob(few, UmapParameters())
    places = job.wait(SOON)
    job.cancel()
    assert job.state == "done"
    assert same_bits(job.wait(), places)

    def refuse() -> Any:
        raise ConfigError("no landmarks today.")

    failed = FitJob(refuse, UmapParameters())
    with pytest.raises(ConfigError, match="no landmarks today"):
        failed.wait(SOON)
    failed.cancel()
    assert failed.state == "failed"


def test_what_fails_after_it_was_cancelled_is_cancelled() -> None:
    gate, entered = threading.Event(), threading.Event()

    def vectors() -> Any:
        entered.set()
        gate.wait(SOON)
        raise ConfigError("too late.")

    job = FitJob(vectors, UmapParameters())
    assert entered.wait(SOON)
    threading.Timer(0.1, gate.set).start()
    job.cancel()
    cancelled(job)


# Failing


def failing(*_: Any) -> Any:
    raise ConfigError("this is why.")


@pytest.mark.parametrize("where", ["vectors", "progress", "then"])
def test_what_a_function_of_the_caller_raises_is_told_by_wait(
    where: str, temporary: Path, command: Command
) -> None:
    if where == "progress":
        # A child that would go on for much longer.
        noted = command("""echo '["layout", 1, 9]'; exec sleep 30""")
    given = {"vectors": few, where: failing}
    job = FitJob(given.pop("vectors"), UmapParameters(), **given)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"this is why\."):
            job.wait(SOON)
    assert job.state == "failed"
    assert list(temporary.iterdir()) == []
    if where == "progress":
        assert is_gone(noted)


def test_a_child_that_fails_is_told_by_the_last_line_that_it_wrote(
    temporary: Path, command: Command
) -> None:
    command("echo 'Traceback (most recent call last):' >&2; echo 'MemoryError: 9 GB' >&2; exit 3")
    called: list[Any] = []
    job = FitJob(few, UmapParameters(), then=called.append)
    with pytest.raises(WhymissError, match=r"^the fit of the map failed: MemoryError: 9 GB$"):
        job.wait(SOON)
    assert job.state == "failed"
    assert called == []
    assert list(temporary.iterdir()) == []


def test_a_child_that_says_nothing_is_told_by_its_exit_code(command: Command) -> None:
    command("exit 7")
    with pytest.raises(WhymissError, match="failed: exit code 7"):
        FitJob(few, UmapParameters()).wait(SOON)
    command("kill -9 $$")
    with pytest.raises(WhymissError, match="failed: exit code -9"):
        FitJob(few, UmapParameters()).wait(SOON)


def test_what_the_real_child_raises_is_told() -> None:
    # Not a number: principal components refuse it.
    job = FitJob(lambda: np.full((3, 4), np.nan, np.float32), UmapParameters())
    with pytest.raises(WhymissError, match=r"the fit of the map failed: \S*LinAlgError"):
        job.wait(30)


def test_an_interpreter_that_ends_leaves_no_folder_behind(tmp_path: Path) -> None:
    script = (
        "import time, numpy as np\n"
        "from whymiss.projection.fitting import UmapParameters\n"
        "from whymiss.projection.job import FitJob\n"
        "job = FitJob(lambda: np.eye(400, dtype=np.float32), UmapParameters())\n"
        "while job.step.what == 'landmarks': time.sleep(.01)\n"
    )
    folder = tmp_path / "temporary"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(folder)}, check=True,
        timeout=60, capture_output=True,
    )  # fmt: skip
    assert list(folder.iterdir()) == []
