"""A store's map holds still: fitted once, kept, the same for every index and after a restart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mapping import (
    CONFIG,
    PAGES,
    SMALLER,
    PlainJob,
    kept,
    maps_of,
    opened,
    page,
    places_of,
)

from whymiss.errors import IndexMismatchError, StoreError
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.maps.frozen import load
from whymiss.projection.fitting import UmapParameters
from whymiss.projection.placing import radius
from whymiss.workbench import Workbench


def texts_of(wb: Workbench, made: EmbeddingMap) -> dict[str, str]:
    """What each chunk of a map says, by its id."""
    return {
        row.id: wb.document(row.doc_id).text[row.start : row.end]
        for row in made.chunks.itertuples()
    }


def test_a_second_call_fits_nothing_and_gives_the_same_places(
    wb: Workbench, jobs: type[PlainJob]
) -> None:
    one, other = wb.map(), wb.map()
    assert len(jobs.made) == 1
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert one.projection == other.projection == "umap"
    assert one.fitting is other.fitting is None
    assert len(one.frame) == len(wb.chunks) == 30
    assert one.frame["id"].tolist() == wb.chunks["chunk_id"].tolist()
    assert one.frame["subject"].tolist() == [i.partition("-")[0] for i in one.frame["doc_id"]]
    assert one.vectors.tobytes() == wb.space().snapshot.vectors.tobytes()


def test_the_map_is_the_same_after_a_restart(store: Path, jobs: type[PlainJob]) -> None:
    frames = []
    for _ in range(2):
        with opened(store) as wb:
            frames.append(wb.map().frame)
    # What is measured once more stands where it stood.
    with opened(store) as wb:
        for path in (wb.store.state / "maps").glob("chunks-*.npz"):
            path.unlink()
        frames.append(wb.map().frame)
    assert len(jobs.made) == 1
    pd.testing.assert_frame_equal(frames[0], frames[1])
    pd.testing.assert_frame_equal(frames[0], frames[2])


def test_chunks_stand_where_placing_them_among_the_landmarks_puts_them(wb: Workbench) -> None:
    made, frozen = wb.map(), kept(wb)
    assert len(frozen) == 30 + 57
    assert set(frozen.documents) == {document.content_hash for document in PAGES}
    xy = made.frame[["x", "y"]].to_numpy()
    assert xy.tobytes() == np.ascontiguousarray(frozen.place(made.vectors)).tobytes()
    topics = (made.vectors @ frozen.centres.T).argmax(axis=1)
    assert made.frame["cluster"].tolist() == topics.tolist()
    assert made.frame["cluster_label"].tolist() == [frozen.labels[t] for t in topics]


def test_a_new_document_moves_no_other_point_and_is_noted(
    wb: Workbench, jobs: type[PlainJob]
) -> None:
    before = places_of(wb.map().frame)
    new = page("storage", 7)
    wb.ingest([*PAGES, new])
    made = wb.map()
    after = places_of(made.frame)
    assert len(jobs.made) == 1
    assert {i: after[i] for i in before} == before
    assert set(made.frame["id"]) - set(before) == set(
        made.frame["id"][made.frame["doc_id"] == new.doc_id]
    )
    (note,) = [note for note in made.notes if "landmarks" in note]
    assert note.startswith("1 document is not among the landmarks, because they came or changed")
    wb.ingest([*PAGES, new, page("storage", 8)])
    assert any(note.startswith("2 documents are not among") for note in wb.map().notes)


@pytest.mark.parametrize("stored", [True, False])
def test_chunks_of_another_size_that_say_the_same_stand_at_the_very_same_place(
    wb: Workbench, jobs: type[PlainJob], stored: bool
) -> None:
    other = SMALLER.replace({"index.name": "small"}) if stored else SMALLER
    if stored:
        wb.build(other)
    one, two = wb.map(), wb.map(config=other)
    assert len(jobs.made) == 1
    assert len(two.chunks) > len(one.chunks)
    mine, theirs = places_of(one.frame), places_of(two.frame)
    by_text = {text: i for i, text in texts_of(wb, one).items()}
    shared = [(by_text[t], i) for i, t in texts_of(wb, two).items() if t in by_text]
    assert len(shared) >= 3
    assert [mine[i] for i, _ in shared] == [theirs[j] for _, j in shared]
    if not stored:
        assert wb.indexes["name"].tolist() == ["main"]


def test_refitting_fits_anew_on_what_is_there_now(wb: Workbench, jobs: type[PlainJob]) -> None:
    wb.map()
    wb.ingest([*PAGES, page("storage", 7)])
    made = wb.map(refit=True)
    assert len(jobs.made) == 2
    assert not any("landmarks" in note for note in made.notes)
    assert len(kept(wb).documents) == 13
    assert places_of(wb.map().frame) == places_of(made.frame)


def test_other_parameters_have_a_map_of_their_own(wb: Workbench, jobs: type[PlainJob]) -> None:
    other = UmapParameters(n_neighbors=5, seed=1)
    wb.map()
    wb.map(parameters=other)
    assert len(jobs.made) == len(maps_of(wb)) == 2
    assert [job._parameters for job in jobs.made] == [UmapParameters(), other]
    wb.map()
    wb.map(parameters=other)
    assert len(jobs.made) == 2


def test_a_damaged_map_is_told_with_what_to_do(wb: Workbench, jobs: type[PlainJob]) -> None:
    wb.map()
    (path,) = maps_of(wb)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(StoreError, match="Delete the file; the next map is fitted anew"):
        wb.map()
    path.unlink()
    assert wb.map().projection == "umap"
    assert len(jobs.made) == 2


def test_a_map_that_another_process_refitted_is_read_anew(
    store: Path, wb: Workbench, jobs: type[PlainJob]
) -> None:
    wb.map()
    with opened(store) as other:
        other.ingest([*PAGES, page("storage", 7)])
        there = other.map(refit=True)
    assert places_of(wb.map().frame) == places_of(there.frame)


# Indexes of every kind


def test_an_empty_store_has_an_empty_map(tmp_path: Path, jobs: type[PlainJob]) -> None:
    with opened(tmp_path) as wb:
        for wait in (True, False):
            made = wb.map(wait=wait)
            assert len(made.frame) == 0
            assert made.projection == "pca"
            assert made.title == "0 chunks by principal components"
            assert len(made.topics) == 0
            assert "0 chunks" in made._repr_html_()
    assert jobs.made == []


def test_one_chunk_is_a_map(tmp_path: Path, jobs: type[PlainJob]) -> None:
    with opened(tmp_path) as wb:
        wb.ingest([page("billing", 0, 1)])
        made = wb.map(question="Which invoice?")
    assert len(made.chunks) == 1
    assert np.isfinite(made.frame[["x", "y"]].to_numpy()).all()
    assert made.frame["cluster"].tolist() == [0, 0]
    assert made.distortion.undefined_because.startswith("1 points are too few")
    assert "undefined" in made._repr_html_()


def test_a_configuration_without_a_stored_index_is_shown_from_memory(
    wb: Workbench, jobs: type[PlainJob]
) -> None:
    made = wb.map(config=CONFIG.replace({"index.name": "other", "chunking.size": 20}))
    assert len(made.chunks) > 30
    assert wb.indexes["name"].tolist() == ["main"]
    # What asks a question needs an index.
    with pytest.raises(IndexMismatchError, match=r"chunking\.size is 40 there, 24 here"):
        wb.map(config=SMALLER, question="Which invoice?")


def test_rows_that_were_made_from_an_earlier_text_are_no_landmarks(
    tmp_path: Path, jobs: type[PlainJob]
) -> None:
    config = CONFIG.replace({"chunking.strategy": "custom:lines", "index.name": "lines"})
    chunkers = {"lines": lambda text: text.replace(". ", ".\n").split("\n")}
    with opened(tmp_path, config, chunkers=chunkers) as wb:
        wb.ingest(PAGES)
    changed = page("billing", 1, 5)
    with opened(tmp_path, config) as wb:
        wb.ingest([changed], config=CONFIG)
        assert wb.space(config).stale_documents() == {changed.doc_id}
        made = wb.map(config=config)
        frozen = kept(wb)
    assert changed.doc_id in set(made.frame["doc_id"])
    old = next(d for d in PAGES if d.doc_id == changed.doc_id)
    assert old.content_hash not in frozen.documents
    chunk_hashes = {frozen.documents[i] for i in frozen.document_of[~frozen.is_sentence]}
    assert changed.content_hash not in chunk_hashes


# The real thing


def test_the_real_fit_is_kept_and_stands_still(store: Path) -> None:
    with opened(store) as wb:
        steps: list[tuple[str, int, int]] = []
        made = wb.map(progress=lambda *step: steps.append(step))
        again = wb.map()
    assert made.projection == "umap"
    pd.testing.assert_frame_equal(made.frame, again.frame)
    assert list(dict.fromkeys(what for what, _, _ in steps)) == [
        "neighbours", "loading UMAP", "layout",
    ]  # fmt: skip
    (path,) = store.rglob("map-*.npz")
    frozen = load(path)
    assert frozen is not None
    np.testing.assert_allclose(frozen.places.mean(axis=0), 0, atol=1e-9)
    assert radius(frozen.places) == pytest.approx(1)
    # Pages of a subject share its words: they stand together.
    subject = made.frame["subject"].to_numpy()
    xy = made.frame[["x", "y"]].to_numpy()
    away = np.linalg.norm(xy[:, None] - xy[None], axis=2) + np.diag([np.inf] * 30)
    assert (subject[away.argmin(axis=1)] == subject).mean() > 0.8
