"""What was deleted leaves no landmark, no word and no centre on any map; the rest stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mapping import (
    PAGES,
    SOON,
    PlainJob,
    kept,
    maps_of,
    nearest_by_hand,
    opened,
    page,
    places_of,
)

from whymiss.maps import mapper as module
from whymiss.maps.frozen import load
from whymiss.projection.fitting import UmapParameters
from whymiss.records import Document
from whymiss.workbench import Workbench


def remove(wb: Workbench, tmp_path: Path, keep: list[Document]) -> None:
    """Leave these documents alone in a store that was ingested from a folder."""
    for path in (tmp_path / "docs").iterdir():
        if path.name not in {document.doc_id for document in keep}:
            path.unlink()
    wb.ingest(tmp_path / "docs")
    assert set(wb.documents["doc_id"]) == {document.doc_id for document in keep}


def write(tmp_path: Path, documents: list[Document]) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir(exist_ok=True)
    for document in documents:
        text = f"---\nallowed: '*'\n---\n{document.text}\n"
        (folder / document.doc_id).write_text(text, encoding="utf-8")
    return folder


SECRET = Document(
    doc_id="secret.md",
    text="Heliotrope umbrellas whisper quietly beneath seventeen forgotten lighthouses tonight.",
    allowed=["*"],
)
"""Unlike all else, so that its vector is a topic of its own and its words are its label."""


@pytest.fixture
def with_secret(
    tmp_path: Path, jobs: type[PlainJob], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workbench]:
    monkeypatch.setattr(module, "n_topics", lambda n_chunks: 12)
    with opened(tmp_path / "store") as wb:
        wb.ingest(write(tmp_path, [*PAGES, SECRET]))
        yield wb


def holding(folder: Path, content: bytes) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and content in p.read_bytes()]


def test_a_purge_erases_landmarks_of_what_was_deleted_and_moves_nothing(
    with_secret: Workbench, tmp_path: Path
) -> None:
    wb, maps = with_secret, with_secret.store.state / "maps"
    before, frozen = wb.map(), kept(wb)
    row_of = {h: i for i, h in enumerate(frozen.documents)}
    secret_hash = wb.documents.set_index("doc_id")["content_hash"]["secret.md"]
    rows = np.flatnonzero(frozen.document_of == row_of[secret_hash])
    assert len(rows) == 2
    traces = [frozen.vectors[row].astype(np.float16).tobytes() for row in rows]
    topic = int((frozen.vectors[rows[0]] @ frozen.centres.T).argmax())
    traces += [frozen.centres[topic].tobytes(), secret_hash.encode()]
    said = [w for w in frozen.labels[topic].split(", ") if w in SECRET.text.lower()]
    assert said, "the label would tell nothing"
    traces += [word.encode() for word in said]
    assert all(holding(maps, trace) for trace in traces)

    remove(wb, tmp_path, PAGES)
    assert len(kept(wb)) == len(frozen)
    wb.purge()
    assert not any(holding(maps, trace) for trace in traces)
    left = kept(wb)
    stay = frozen.document_of != row_of[secret_hash]
    assert left.vectors.tobytes() == frozen.vectors[stay].tobytes()
    assert left.places.tobytes() == frozen.places[stay].tobytes()
    assert len(left.documents) == len(frozen.documents) - 1
    after = wb.map()
    # Landmarks among which others were placed may be fewer; what has none of the erased near
    # stands where it stood.
    was, now = places_of(before.frame), places_of(after.frame)
    near = {
        row.id
        for row, vector in zip(before.frame.itertuples(), before.vectors, strict=True)
        if set(nearest_by_hand(vector.astype(np.float16), frozen.vectors, 15)) & set(rows.tolist())
    }
    untouched = set(now) - near
    assert len(untouched) > 20
    assert {i: now[i] for i in untouched} == {i: was[i] for i in untouched}


def test_a_purge_with_nothing_to_erase_leaves_the_map_as_it_is(
    wb: Workbench, jobs: type[PlainJob]
) -> None:
    made = wb.map()
    (path,) = maps_of(wb)
    content = path.read_bytes()
    wb.purge()
    assert path.read_bytes() == content
    pd.testing.assert_frame_equal(wb.map().frame, made.frame)
    assert len(jobs.made) == 1


def test_every_map_is_purged(with_secret: Workbench, tmp_path: Path) -> None:
    wb = with_secret
    wb.map()
    wb.map(parameters=UmapParameters(seed=1))
    remove(wb, tmp_path, PAGES)
    assert wb._mapper.purge() == 2
    assert wb._mapper.purge() == 0
    for path in maps_of(wb):
        found = load(path)
        assert found is not None
        assert set(found.documents) <= set(wb.documents["content_hash"])


def test_where_no_landmark_is_left_the_next_map_is_fitted_anew(
    with_secret: Workbench, tmp_path: Path, jobs: type[PlainJob]
) -> None:
    wb = with_secret
    wb.map()
    new = page("storage", 9)
    write(tmp_path, [new])
    remove(wb, tmp_path, [new])
    wb.purge()
    assert maps_of(wb) == []
    made = wb.map()
    assert made.projection == "umap"
    assert len(jobs.made) == 2
    assert set(made.frame["doc_id"]) == {new.doc_id}


def test_what_is_deleted_while_a_map_is_fitted_is_not_kept(
    with_secret: Workbench, tmp_path: Path, jobs: type[PlainJob]
) -> None:
    wb = with_secret
    secret_hash = wb.documents.set_index("doc_id")["content_hash"]["secret.md"]
    jobs.gate.clear()
    first = wb.map(wait=False)
    assert first.fitting is not None
    assert jobs.made[0].gathered.wait(SOON)
    remove(wb, tmp_path, PAGES)
    wb.purge()
    jobs.gate.set()
    first.fitting.wait(SOON)
    assert secret_hash not in kept(wb).documents
    assert wb.map().projection == "umap"


def test_leftovers_of_a_killed_writer_are_erased_too(wb: Workbench) -> None:
    wb.map()
    (path,) = maps_of(wb)
    leftover = path.with_name(f".unfinished-{path.name}.0123")
    leftover.write_bytes(path.read_bytes())
    wb.purge()
    assert not leftover.exists()
