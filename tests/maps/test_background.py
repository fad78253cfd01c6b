"""Fits in the background: a first picture at once, one job for all who ask, ended when told to."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mapping import (
    SOON,
    PlainJob,
    maps_of,
    opened,
    places_of,
)

from whymiss.errors import ConfigError, WhymissError
from whymiss.maps import mapper as module
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.projection.distortion import distortion
from whymiss.projection.pca import principal_plane
from whymiss.projection.placing import radius
from whymiss.workbench import Workbench


def test_without_waiting_there_is_a_first_picture_at_once_and_the_fitted_map_later(
    wb: Workbench, jobs: type[PlainJob]
) -> None:
    jobs.gate.clear()
    first = wb.map(wait=False)
    assert first.projection == "pca"
    assert first.fitting is jobs.made[0]
    assert first.fitting.state == "running"
    assert "principal components" in first.notes[0]
    assert (first.frame["cluster"] == -1).all()
    drawn = principal_plane(first.vectors).place(first.vectors)
    xy = first.frame[["x", "y"]].to_numpy()
    np.testing.assert_allclose(xy * radius(drawn), drawn, atol=1e-9)
    np.testing.assert_allclose(first.frame["kept"], distortion(first.vectors, xy).kept, atol=1e-12)
    assert "UMAP is being fitted: landmarks" in repr(first)
    jobs.gate.set()
    first.fitting.wait(SOON)
    later = wb.map(wait=False)
    assert later.projection == "umap"
    assert later.fitting is None
    assert len(jobs.made) == 1


def test_a_fit_that_runs_is_shared_by_all_who_ask(wb: Workbench, jobs: type[PlainJob]) -> None:
    jobs.gate.clear()
    maps: list[EmbeddingMap] = []
    waiting = [
        threading.Thread(target=lambda: maps.append(wb.map()), daemon=True) for _ in range(3)
    ]
    for thread in waiting:
        thread.start()
    asked = [wb.map(wait=False), wb.map(wait=False, refit=True)]
    assert {id(one.fitting) for one in asked} == {id(jobs.made[0])}
    jobs.gate.set()
    for thread in waiting:
        thread.join(SOON)
    assert len(jobs.made) == 1
    assert [made.projection for made in maps] == ["umap"] * 3
    assert places_of(maps[0].frame) == places_of(maps[1].frame) == places_of(maps[2].frame)


def test_while_a_refit_runs_the_old_map_is_shown(wb: Workbench, jobs: type[PlainJob]) -> None:
    before = wb.map()
    jobs.gate.clear()
    during = wb.map(refit=True, wait=False)
    assert during.projection == "umap"
    assert during.fitting is jobs.made[1]
    assert places_of(during.frame) == places_of(before.frame)
    during.fitting.cancel()
    assert wb.map().fitting is None
    assert len(jobs.made) == 2


def test_a_cancelled_fit_keeps_nothing_and_the_next_call_starts_another(
    wb: Workbench, jobs: type[PlainJob]
) -> None:
    jobs.gate.clear()
    first = wb.map(wait=False)
    assert first.fitting is not None
    first.fitting.cancel()
    assert maps_of(wb) == []
    jobs.gate.set()
    assert wb.map().projection == "umap"
    assert len(jobs.made) == 2


def test_who_waits_for_a_fit_that_is_cancelled_is_told(wb: Workbench, jobs: type[PlainJob]) -> None:
    jobs.gate.clear()
    told: list[str] = []

    def wait() -> None:
        try:
            wb.map()
        except WhymissError as error:
            told.append(str(error))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    while not jobs.made:
        time.sleep(0.01)
    jobs.made[0].cancel()
    thread.join(SOON)
    assert told == ["the fit of the map was cancelled; ask for the map again."]


def test_closing_the_workbench_ends_what_is_fitted(store: Path, jobs: type[PlainJob]) -> None:
    jobs.gate.clear()
    with opened(store) as wb:
        wb.map(wait=False)
    assert [job.state for job in jobs.made] == ["cancelled"]


def test_a_fit_that_fails_is_told_and_tried_again(
    wb: Workbench, jobs: type[PlainJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ConfigError("no atoms today.")

    with monkeypatch.context() as patched:
        patched.setattr(module, "gather", fail)
        with pytest.raises(ConfigError, match="no atoms today"):
            wb.map()
    assert wb.map().projection == "umap"
    assert len(jobs.made) == 2


def test_progress_is_handed_to_the_fit(wb: Workbench, jobs: type[PlainJob]) -> None:
    def progress(*_: Any) -> None:
        """Nothing is told by a fit that takes no time."""

    wb.map(progress=progress)
    assert jobs.made[0]._progress is progress


def test_who_asks_while_a_map_is_being_kept_does_not_break_it(
    wb: Workbench, jobs: type[PlainJob]
) -> None:
    jobs.gate.clear()
    made = wb.map(wait=False)
    jobs.gate.set()
    # As a widget would: again and again, through the moment at which it is there.
    while made.fitting is not None:
        made = wb.map(wait=False)
    assert made.projection == "umap"
    assert [job.state for job in jobs.made] == ["done"]
    assert not list((wb.store.state / "maps").glob(".*"))
