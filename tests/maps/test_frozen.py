"""Maps on disk: whole or not at all, to the last bit, and without what was erased."""

from __future__ import annotations

import threading
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import StoreError
from whymiss.maps import frozen as module
from whymiss.maps.frozen import (
    FrozenMap,
    file_of,
    halved,
    load,
    remove_leftovers,
    save,
    save_arrays,
)
from whymiss.projection.fitting import UmapParameters

RNG = np.random.default_rng(4)
DOCUMENTS = ("aa", "bb", "cc")
OF = np.array([0, 0, 1, 2, 1, 0], np.int32)
# Two topics along the first axis and three along the others.
VECTORS = halved(np.array(
    [[1, .1, 0, 0], [1, 0, .1, 0], [0, 1, 0, .2], [0, 0, 1, .1], [1, 0, 0, .3], [0, 1, .1, 0]],
    np.float32,
))  # fmt: skip


def a_map(**changed: Any) -> FrozenMap:
    return FrozenMap(
        **{
            "model_version": "hashing-64", "parameters": UmapParameters(seed=7),
            "vectors": VECTORS, "places": RNG.normal(size=(6, 2)), "documents": DOCUMENTS,
            "document_of": OF, "is_sentence": np.array([0, 1, 0, 1, 1, 0], bool),
            "centres": np.eye(3, 4, dtype=np.float32),
            "labels": ("fee, card", "photo, “sync”", "lock"), "notes": ("left <out>",),
            **changed,
        }
    )  # fmt: skip


def assert_same(one: FrozenMap, other: FrozenMap) -> None:
    for field in fields(FrozenMap):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype, field.name
            assert mine.shape == theirs.shape, field.name
            assert mine.tobytes() == theirs.tobytes(), field.name
        else:
            assert mine == theirs, field.name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "maps" / "map-1.npz"


def test_what_is_saved_is_loaded_to_the_last_bit(path: Path) -> None:
    made = a_map()
    save(path, made)
    found = load(path)
    assert found is not None
    assert_same(found, made)
    assert found.stamp == made.stamp
    asked = RNG.normal(size=(5, 4)).astype(np.float32)
    assert found.place(asked).tobytes() == made.place(asked).tobytes()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_vectors_are_placed_as_a_map_would_keep_them() -> None:
    # Landmarks so close that all of them have a say in every place.
    made = a_map(places=0.02 * RNG.normal(size=(6, 2)))
    exact = RNG.normal(size=(50, 4)).astype(np.float32)
    assert not np.array_equal(halved(exact), exact)
    assert made.place(exact).tobytes() == made.place(halved(exact)).tobytes()


def test_there_is_no_map_before_one_is_saved(path: Path) -> None:
    assert load(path) is None


def test_a_map_is_named_by_model_and_every_parameter(path: Path) -> None:
    names = {
        file_of(path.parent, model, UmapParameters(**values))
        for model in ("a", "b")
        for values in ({}, {"seed": 1}, {"n_neighbors": 5}, {"min_dist": 0.5})
    }
    assert len(names) == 8
    assert file_of(path.parent, "a", UmapParameters()) in names


def test_stamps_tell_maps_apart_by_what_would_move_or_name_a_point() -> None:
    made = a_map()
    assert replace(made).stamp == made.stamp
    others = [
        replace(made, places=made.places + 1e-12), replace(made, vectors=-made.vectors),
        replace(made, labels=("fee", "card")),
    ]  # fmt: skip
    assert len({made.stamp, *(other.stamp for other in others)}) == 4


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_a_file_that_is_cut_short_is_refused(cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map-1.npz"
        save(path, a_map())
        whole = path.read_bytes()
        path.write_bytes(whole[: cut % len(whole)])
        with pytest.raises(StoreError, match=r"map-1\.npz cannot be read: .*Delete the file"):
            load(path)


@given(st.integers(0, 10_000), st.integers(0, 7))
@settings(max_examples=300)
def test_a_file_with_a_bit_turned_is_refused_or_says_the_same(at: int, bit: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map-1.npz"
        made = a_map(places=np.ones((6, 2)))
        save(path, made)
        damaged = bytearray(path.read_bytes())
        damaged[at % len(damaged)] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            found = load(path)
        except StoreError:
            return
        assert found is not None
        assert_same(found, made)


@pytest.mark.parametrize("content", [b"", b"no map", b"PK\x03\x04", b"\x93NUMPY"])
def test_a_file_that_is_something_else_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot be read: .*the next map is fitted anew"):
        load(path)


def test_a_file_that_lacks_an_array_is_refused(path: Path) -> None:
    save_arrays(path, {"vectors": VECTORS})
    with pytest.raises(StoreError, match=r"cannot be read: .*places"):
        load(path)


# Writing


@pytest.mark.parametrize("where", ["savez", "replace"])
def test_a_writer_that_fails_leaves_the_map_that_was_there_and_nothing_else(
    where: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = a_map()
    save(path, first)

    def fail(out: Any, *_: Any, **__: Any) -> None:
        if where == "savez":
            out.write(b"half of it")
        raise OSError("no space left on device")

    owner = np if where == "savez" else Path
    with monkeypatch.context() as patched:
        patched.setattr(owner, where, fail)
        with pytest.raises(OSError, match="no space left"):
            save(path, a_map())
    found = load(path)
    assert found is not None
    assert_same(found, first)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_what_a_killed_writer_left_is_removed_and_no_map_is(path: Path) -> None:
    save(path, a_map())
    leftover = path.with_name(f"{module._SCRATCH}{path.name}.0123")
    leftover.write_bytes(b"half of it")
    remove_leftovers(path.parent)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    remove_leftovers(path.parent / "none")


def test_two_threads_may_write_the_same_map(path: Path) -> None:
    made = [a_map(places=np.full((6, 2), float(i))) for i in range(2)]
    failed: list[Exception] = []
    start = threading.Barrier(2)

    def write(which: FrozenMap) -> None:
        start.wait()
        try:
            for _ in range(40):
                save(path, which)
        except Exception as error:  # noqa: BLE001  # told by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=write, args=(one,)) for one in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = load(path)
    assert found is not None
    assert found.places[0, 0] in (0.0, 1.0)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


# Erasing


class Every:
    """A vocabulary that has every word."""

    def __contains__(self, word: object) -> bool:
        return True


@given(st.sets(st.sampled_from([*DOCUMENTS, "dd"])))
def test_exactly_the_landmarks_of_named_documents_go(gone: set[str]) -> None:
    made = a_map()
    left = made.without(gone, words=Every())
    stay = [row for row in range(6) if DOCUMENTS[OF[row]] not in gone]
    assert left.documents == tuple(name for name in DOCUMENTS if name not in gone)
    for name in ("vectors", "places", "is_sentence"):
        assert getattr(left, name).tobytes() == getattr(made, name)[stay].tobytes()
    assert [left.documents[i] for i in left.document_of] == [DOCUMENTS[OF[r]] for r in stay]
    assert left.document_of.dtype == np.int32
    assert (left.model_version, left.parameters, left.notes) == (
        made.model_version, made.parameters, made.notes,
    )  # fmt: skip
    # The map it came from is as it was.
    assert len(made) == 6
    assert made.centres.tolist() == np.eye(3, 4).tolist()


def test_topics_that_lose_landmarks_have_the_centre_of_those_that_stay() -> None:
    # Topic 0 has rows 0, 1 (aa) and 4 (bb); topic 1 rows 2 (bb) and 5 (aa); topic 2 row 3 (cc).
    left = a_map().without({"bb"}, words=Every())
    assert left.labels == a_map().labels
    for topic, rows in ((0, [0, 1]), (1, [5])):
        mean = VECTORS[rows].mean(axis=0)
        np.testing.assert_allclose(left.centres[topic], mean / np.linalg.norm(mean), atol=1e-6)
    assert left.centres[2].tolist() == [0, 0, 1, 0]
    # Without its only landmark a topic is gone, and its label.
    left = a_map().without({"cc"}, words=Every())
    assert left.labels == ("fee, card", "photo, “sync”")
    assert left.centres.tolist() == np.eye(2, 4).tolist()


def test_labels_keep_the_words_that_other_documents_have() -> None:
    left = a_map().without({"bb"}, words={"card", "photo", "lock"})
    assert left.labels == ("card", "photo", "lock")
