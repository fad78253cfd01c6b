"""What is known of chunks on a map: counted by hand, kept, and measured when there is time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mapping import (
    CONFIG,
    PAGES,
    SMALLER,
    SOON,
    PlainJob,
    kept,
    nearest_by_hand,
    opened,
)

from whymiss.maps import mapper as module
from whymiss.maps import measured
from whymiss.projection.distortion import distortion
from whymiss.workbench import Workbench


def test_what_is_told_of_chunks_is_what_can_be_counted_by_hand(wb: Workbench) -> None:
    made, frozen = wb.map(), kept(wb)
    xy = made.frame[["x", "y"]].to_numpy()
    np.testing.assert_allclose(made.frame["kept"], distortion(made.vectors, xy).kept, atol=1e-12)
    assert made.measured is made.distortion
    hashes = {d.doc_id: d.content_hash for d in PAGES}
    counts = np.zeros(30)
    sentences = np.flatnonzero(frozen.is_sentence)
    for row in sentences:
        own = frozen.documents[frozen.document_of[row]]
        without = [i for i, d in enumerate(made.frame["doc_id"]) if hashes[d] == own]
        counts[nearest_by_hand(frozen.vectors[row], made.vectors, 10, without)] += 1
    assert made.frame["hubness"].tolist() == pytest.approx((counts / len(sentences)).tolist())
    assert made.frame["hubness"].between(0, 1).all()
    assert made.notes == ("hubness is by 57 sentences, each against chunks of other documents",)


def test_without_sentences_hubness_is_undefined_and_the_note_says_why(
    tmp_path: Path, jobs: type[PlainJob]
) -> None:
    # Nothing reads token vectors, so that none are stored.
    with opened(tmp_path, CONFIG.replace({"rerank.model": ""})) as wb:
        wb.ingest(PAGES)
        made = wb.map()
    assert made.frame["hubness"].isna().all()
    assert any("sentences of 12 documents, whose token vectors" in note for note in made.notes)
    assert any(note.startswith("hubness is undefined") for note in made.notes)


def test_an_index_too_large_to_measure_at_once_is_measured_when_somebody_waits(
    wb: Workbench, jobs: type[PlainJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 10)
    jobs.gate.clear()
    first = wb.map(wait=False)
    assert first.measured is None
    assert first.frame[["kept", "hubness"]].isna().all(axis=None)
    jobs.gate.set()
    assert first.fitting is not None
    first.fitting.wait(SOON)
    # The chunks of the fit were measured with it; those of another size were not.
    assert wb.map(wait=False).measured is not None
    other = wb.map(config=SMALLER, wait=False)
    assert other.measured is None
    assert any("are not measured yet: ask with wait=True" in note for note in other.notes)
    assert other.frame["x"].notna().all()
    assert wb.map(config=SMALLER).frame["kept"].notna().all()
    assert wb.map(config=SMALLER, wait=False).measured is not None


def test_measures_are_kept_for_the_last_indexes_and_a_damaged_file_is_made_again(
    wb: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = wb.map()
    folder = wb.store.state / "maps"
    (path,) = folder.glob("chunks-*.npz")
    path.write_bytes(path.read_bytes()[:700])
    pd.testing.assert_frame_equal(wb.map().frame, made.frame)
    monkeypatch.setattr(measured, "_KEPT", 2)
    sizes = [CONFIG.replace({"chunking.size": size}) for size in (20, 60, 100)]
    for config in sizes:
        wb.map(config=config)
        wb.map()
    left = set(folder.glob("chunks-*.npz"))
    assert len(left) == 2
    assert path in left
    # What is not known any more would have to be measured.
    monkeypatch.setattr(module, "_AT_ONCE", 0)
    known = [wb.map(config=config, wait=False).measured is not None for config in sizes]
    assert known == [False, False, True]


def test_measures_are_read_as_they_were_written(tmp_path: Path) -> None:
    vectors = np.eye(25, 30, dtype=np.float32)
    rng = np.random.default_rng(0)
    for n in (25, 7):
        found = measured.measure(vectors[:n], rng.normal(size=(n, 2)), rng.random(n))
        measured.save_measured(tmp_path / "chunks-1.npz", found)
        again = measured.load_measured(tmp_path / "chunks-1.npz")
        assert again is not None
        assert again.places.tobytes() == found.places.tobytes()
        assert again.hubness.tobytes() == found.hubness.tobytes()
        for name in ("kept", "trustworthiness", "continuity"):
            np.testing.assert_array_equal(
                getattr(again.distortion, name), getattr(found.distortion, name)
            )
        assert again.distortion.k == 10
        assert again.distortion.undefined_because == found.distortion.undefined_because
        assert bool(again.distortion.undefined_because) == (n == 7)
    assert measured.load_measured(tmp_path / "none.npz") is None
