"""Vectors are computed once, kept whole, and never mixed up."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from whymiss.embedding import CachedEncoder, VectorCache, cache
from whymiss.errors import ModelError, StoreError
from whymiss.testing import HashingEncoder

if TYPE_CHECKING:
    from whymiss.protocols import Vectors

TEXTS = [f"Plan {i} lasts {i} months." for i in range(40)]


class Counting(HashingEncoder):
    """Remembers every text it was given; may be told to fail, or to answer nonsense."""

    def __init__(self, dimension: int = 64) -> None:
        super().__init__(dimension=dimension)
        object.__setattr__(self, "seen", [])
        object.__setattr__(self, "fail_after", 10**9)
        object.__setattr__(self, "answer", None)

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        if len(self.seen) + len(texts) > self.fail_after:  # type: ignore[attr-defined]
            raise ModelError("out of memory")
        self.seen.extend(texts)  # type: ignore[attr-defined]
        if self.answer is not None:  # type: ignore[attr-defined]
            return self.answer  # type: ignore[attr-defined, no-any-return]
        return super().encode_documents(texts, progress=progress)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vectors.sqlite"


def test_every_text_is_computed_once_over_calls_restarts_and_configurations(path: Path) -> None:
    first = Counting()
    encoder = CachedEncoder(first, VectorCache(path))
    one = encoder.encode_documents([*TEXTS, TEXTS[0], TEXTS[0]])
    assert sorted(first.seen) == sorted(TEXTS)
    assert encoder.n_encoded == 40
    # Another run with another chunking, some of whose texts are the same.
    second = Counting()
    again = CachedEncoder(second, VectorCache(path))
    two = again.encode_documents([*TEXTS[10:], "A new text."])
    assert second.seen == ["A new text."]
    assert np.array_equal(two[:30], one[10:40])
    assert again.n_encoded == 1


def test_the_order_of_the_vectors_is_that_of_the_texts(path: Path) -> None:
    texts = ["a much longer text than the others", "b", "c d", "b"]
    encoder = CachedEncoder(HashingEncoder(), VectorCache(path))
    for _ in range(2):
        assert np.array_equal(
            encoder.encode_documents(texts), HashingEncoder().encode_documents(texts)
        )
    assert encoder.encode_documents([]).shape == (0, 64)


def test_another_model_version_has_vectors_of_its_own(path: Path) -> None:
    store = VectorCache(path)
    wide, narrow = Counting(64), Counting(32)
    assert CachedEncoder(wide, store).encode_documents(TEXTS).shape == (40, 64)
    assert CachedEncoder(narrow, store).encode_documents(TEXTS).shape == (40, 32)
    assert len(narrow.seen) == 40
    assert store.count() == 80


def test_an_interruption_keeps_what_was_computed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_TEXTS_PER_COMMIT", 8)
    inner = Counting()
    object.__setattr__(inner, "fail_after", 20)
    with pytest.raises(ModelError, match="out of memory"):
        CachedEncoder(inner, VectorCache(path)).encode_documents(TEXTS)
    # Two steps of eight; the third would have been the seventeenth to twenty-fourth.
    assert VectorCache(path).count() == 16
    after = Counting()
    CachedEncoder(after, VectorCache(path)).encode_documents(TEXTS)
    assert len(after.seen) == 24
    assert not set(after.seen) & set(inner.seen)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("vector = substr(vector, 1, 100)", id="cut short"),
        pytest.param("vector = substr(vector, 1, 101)", id="cut inside a number"),
        pytest.param("vector = vector || vector", id="too long"),
        pytest.param("vector = x''", id="empty"),
        pytest.param("vector = zeroblob(256)", id="zeros"),
        pytest.param("vector = cast(substr(vector, 5) || x'0000c07f' as blob)", id="not a number"),
    ],
)
def test_a_damaged_vector_is_computed_again_not_served(path: Path, damage: str) -> None:
    CachedEncoder(HashingEncoder(), VectorCache(path)).encode_documents(TEXTS)
    db = sqlite3.connect(path)
    with db:
        db.execute(f"UPDATE vectors SET {damage}")
    db.close()
    inner = Counting()
    encoder = CachedEncoder(inner, VectorCache(path))
    assert np.array_equal(encoder.encode_documents(TEXTS), HashingEncoder().encode_documents(TEXTS))
    assert len(inner.seen) == 40
    # And the good one takes its place.
    after = Counting()
    CachedEncoder(after, VectorCache(path)).encode_documents(TEXTS)
    assert after.seen == []


@pytest.mark.parametrize(
    "content", [b"not a database at all, but a text " * 50, b"SQLite format 3\0x"]
)
def test_a_file_that_is_no_cache_is_an_error_that_says_what_to_do(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"vectors\.sqlite cannot be used: .* delete it"):
        VectorCache(path)
    assert path.read_bytes() == content


def test_damage_inside_the_file_is_an_error_at_use(path: Path) -> None:
    store = VectorCache(path)
    many = [f"text {i}" for i in range(2000)]
    CachedEncoder(HashingEncoder(), store).encode_documents(many)
    store.close()
    content = bytearray(path.read_bytes())
    assert len(content) > 200_000
    content[8192:-4096] = b"\xff" * (len(content) - 12288)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"vectors\.sqlite cannot be used: .*malformed"):
        CachedEncoder(HashingEncoder(), VectorCache(path)).encode_documents(many)


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be used: unable to open database file"):
        VectorCache(tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(np.ones((1, 64), np.float32), id="not of length one"),
        pytest.param(np.zeros((1, 64), np.float32), id="zero"),
        pytest.param(np.full((1, 64), np.nan, np.float32), id="not a number"),
        pytest.param(np.full((1, 64), np.inf, np.float32), id="infinite"),
        pytest.param(np.eye(1, 63, dtype=np.float32), id="too few numbers"),
        pytest.param(np.eye(2, 64, dtype=np.float32), id="too many rows"),
    ],
)
def test_an_encoder_that_gives_unusable_vectors_is_refused_and_nothing_is_kept(
    path: Path, answer: Vectors
) -> None:
    inner = Counting()
    object.__setattr__(inner, "answer", answer)
    store = VectorCache(path)
    with pytest.raises(ModelError, match=r"hashing-64 must give vectors of length 1 in shape"):
        CachedEncoder(inner, store).encode_documents(["a"])
    with pytest.raises(ModelError, match=r"hashing-64 must give vectors of length 1 in shape"):
        CachedEncoder(inner, store).encode_queries(["a"])
    assert store.count() == 0


def test_questions_are_not_remembered(path: Path) -> None:
    store = VectorCache(path)
    CachedEncoder(HashingEncoder(), store).encode_queries(["a private question"])
    assert store.count() == 0


def test_the_file_holds_no_text(path: Path) -> None:
    store = VectorCache(path)
    CachedEncoder(HashingEncoder(), store).encode_documents(["heliotrope-7731"])
    files = list(path.parent.glob("vectors.sqlite*"))
    assert files
    assert all(b"heliotrope" not in file.read_bytes() for file in files)


def test_threads_share_one_cache(path: Path) -> None:
    encoder = CachedEncoder(HashingEncoder(), VectorCache(path))
    together = threading.Barrier(4)

    def work(offset: int) -> Vectors:
        together.wait()
        return encoder.encode_documents(TEXTS[offset : offset + 25])

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, [0, 5, 10, 15]))
    expected = HashingEncoder().encode_documents(TEXTS)
    for offset, vectors in zip([0, 5, 10, 15], found, strict=True):
        assert np.array_equal(vectors, expected[offset : offset + 25])
    assert VectorCache(path).count() == 40


CHILD = """
import sys
from pathlib import Path
from whymiss.embedding import CachedEncoder, VectorCache
from whymiss.testing import HashingEncoder
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    encoder = CachedEncoder(HashingEncoder(), VectorCache(Path(sys.argv[1])))
    encoder.encode_documents([f"text {i}" for i in range(number * 5, number * 5 + 100)])
print("done")
"""


def test_processes_that_start_together_share_one_cache(path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    said = []
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        out, err = child.communicate(timeout=60)
        said.append(out or err[-1500:])
    assert said == ["done\n"] * 4
    # Texts 0 to 194, each once.
    assert VectorCache(path).count() == 195


def test_progress_counts_what_was_there_and_what_was_computed(path: Path) -> None:
    encoder = CachedEncoder(HashingEncoder(), VectorCache(path))
    encoder.encode_documents(TEXTS[:10])
    steps: list[int] = []
    encoder.encode_documents(TEXTS, progress=steps.append)
    assert steps == [10, 30]


# Questions that are no secret


class Asked(Counting):
    """Remembers the questions of each call; names them in the cache if it is given a name."""

    def __init__(self, query_version: str = "") -> None:
        super().__init__()
        object.__setattr__(self, "calls", [])
        if query_version:
            object.__setattr__(self, "query_version", query_version)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))  # type: ignore[attr-defined]
        return super().encode_queries(texts)


ASKED = ["How long?", "How much?", "How long?", "Who?"]


@pytest.mark.parametrize("version", ["", "query v1"])
def test_vectors_at_hand_are_those_of_the_questions(path: Path, version: str) -> None:
    inner = Asked(version)
    encoder = CachedEncoder(inner, VectorCache(path))
    wanted = HashingEncoder().encode_queries(ASKED)
    with encoder.at_hand(ASKED) as vectors:
        # Nothing is encoded before it is needed.
        assert inner.calls == []
        assert np.array_equal(vectors(), wanted)
        assert vectors().dtype == np.float32
        assert np.array_equal(encoder.encode_queries(ASKED[::-1]), wanted[::-1])
        assert np.array_equal(encoder.encode_queries(["Who?"]), wanted[3:])
        assert np.array_equal(vectors(), wanted)
    assert inner.calls == [["How long?", "How much?", "Who?"]]


def test_a_question_that_is_not_at_hand_is_encoded(path: Path) -> None:
    inner = Asked()
    encoder = CachedEncoder(inner, VectorCache(path))
    with encoder.at_hand(ASKED) as vectors:
        vectors()
        mixed = encoder.encode_queries(["Who?", "Another?"])
    assert np.array_equal(mixed, HashingEncoder().encode_queries(["Who?", "Another?"]))
    assert inner.calls[1:] == [["Who?", "Another?"]]


def test_after_the_block_nothing_is_remembered(path: Path) -> None:
    inner = Asked()
    store = VectorCache(path)
    encoder = CachedEncoder(inner, store)
    for _ in range(2):
        with encoder.at_hand(["Who?"]) as vectors:
            vectors()
        encoder.encode_queries(["Who?"])
    assert inner.calls == [["Who?"]] * 4
    assert store.count() == 0


def test_after_an_error_in_the_block_nothing_is_remembered(path: Path) -> None:
    inner = Asked()
    encoder = CachedEncoder(inner, VectorCache(path))

    def stopped() -> None:
        with encoder.at_hand(["Who?"]) as vectors:
            vectors()
            raise KeyboardInterrupt("now")

    with pytest.raises(KeyboardInterrupt, match="now"):
        stopped()
    encoder.encode_queries(["Who?"])
    assert len(inner.calls) == 2


def test_a_block_inside_another_gives_back_what_was_at_hand(path: Path) -> None:
    inner = Asked()
    encoder = CachedEncoder(inner, VectorCache(path))
    with encoder.at_hand(["outer"]) as outer:
        outer()
        with encoder.at_hand(["inner"]) as within:
            within()
            encoder.encode_queries(["inner", "outer"])
        encoder.encode_queries(["outer"])
        assert inner.calls == [["outer"], ["inner"]]
        encoder.encode_queries(["inner"])
    assert inner.calls == [["outer"], ["inner"], ["inner"]]


def test_an_encoder_that_names_its_query_version_has_questions_kept_for_the_next_time(
    path: Path,
) -> None:
    for version, wanted in (("query v1", 1), ("query v1", 0), ("query v2", 1)):
        inner = Asked(version)
        store = VectorCache(path)
        encoder = CachedEncoder(inner, store)
        with encoder.at_hand(ASKED) as vectors:
            assert np.array_equal(vectors(), HashingEncoder().encode_queries(ASKED))
        assert len(inner.calls) == wanted, version
        store.close()
    # Passages of the same words are another thing: their model version is another.
    passages = Asked("query v1")
    CachedEncoder(passages, VectorCache(path)).encode_documents(["Who?"])
    assert passages.seen == ["Who?"]  # type: ignore[attr-defined]


def test_asked_outside_of_a_block_a_question_is_neither_kept_nor_taken(path: Path) -> None:
    inner = Asked("query v1")
    store = VectorCache(path)
    encoder = CachedEncoder(inner, store)
    with encoder.at_hand(["Who?"]) as vectors:
        vectors()
    assert store.count() == 1
    encoder.encode_queries(["Who?"])
    encoder.encode_queries(["A secret?"])
    assert inner.calls == [["Who?"], ["Who?"], ["A secret?"]]
    assert store.count() == 1


def test_no_question_at_hand_is_no_vector(path: Path) -> None:
    encoder = CachedEncoder(Asked("query v1"), VectorCache(path))
    with encoder.at_hand([]) as vectors:
        assert vectors().shape == (0, 64)


def test_nonsense_for_a_question_is_refused_and_not_kept(path: Path) -> None:
    inner = Asked("query v1")
    object.__setattr__(inner, "answer", np.ones((1, 64), dtype=np.float32))
    store = VectorCache(path)
    with (
        CachedEncoder(inner, store).at_hand(["Who?"]) as vectors,
        pytest.raises(ModelError, match="vectors of length 1"),
    ):
        vectors()
    assert store.count() == 0


def test_token_vectors_are_asked_of_the_wrapped_encoder_where_it_has_them(path: Path) -> None:
    class Plain:
        """An `Encoder` and no more."""

        model_version, dimension, max_tokens = "plain", 64, 256
        tokenizer = HashingEncoder().tokenizer
        encode_documents = HashingEncoder().encode_documents
        encode_queries = HashingEncoder().encode_queries

    class Unloaded(HashingEncoder):
        @property
        def no_token_vectors_because(self) -> str:
            raise AssertionError("loaded before it was needed")

    cache = VectorCache(path)
    inner = Unloaded()
    assert CachedEncoder(inner, cache).token_encoder is inner
    assert CachedEncoder(Plain(), cache).token_encoder is None


# Erasing


def units(n: int, dimension: int) -> Vectors:
    found = np.random.default_rng(dimension).normal(size=(n, dimension)).astype(np.float32)
    vectors: Vectors = found / np.linalg.norm(found, axis=1, keepdims=True)
    return vectors


def filled(path: Path, dimension: int = 64, n: int = 300) -> tuple[VectorCache, list[bytes]]:
    """A cache of random vectors, written in several commits, and their keys."""
    store, keys = VectorCache(path), [cache.key_of(f"text {i}") for i in range(n)]
    for first in range(0, n, 50):
        store.put("m", keys[first : first + 50], units(n, dimension)[first : first + 50])
    return store, keys


def ends(vector: Vectors) -> list[bytes]:
    """The first and the last numbers: what stands between may be cut by the file's pages."""
    return [vector[:10].tobytes(), vector[-10:].tobytes()]


def content(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


# Whole in one page, and over several.
@pytest.mark.parametrize("dimension", [64, 1536])
def test_no_byte_of_an_erased_vector_is_left_in_any_file(path: Path, dimension: int) -> None:
    store, keys = filled(path, dimension)
    # Some builds of SQLite overwrite by themselves what is deleted.
    store._db.execute("PRAGMA secure_delete=OFF")
    vectors = units(len(keys), dimension)
    before = content(path)
    assert all(part in before for vector in vectors for part in ends(vector))
    kept = range(0, len(keys), 3)
    assert store.keep_only(("m", keys[i]) for i in kept) == 200
    for after in (content(path), _closed(store, path)):
        for i, (key, vector) in enumerate(zip(keys, vectors, strict=True)):
            traces = [key, *ends(vector)]
            assert [trace in after for trace in traces] == [i in kept] * 3
    found = VectorCache(path).get("m", keys, dimension=dimension)
    assert {key: vector.tobytes() for key, vector in found.items()} == {
        keys[i]: vectors[i].tobytes() for i in kept
    }


def _closed(store: VectorCache, path: Path) -> bytes:
    store.close()
    return content(path)


def test_what_an_earlier_version_left_in_the_file_goes_with_the_next_erasing(path: Path) -> None:
    store, keys = filled(path)
    store._db.execute("PRAGMA secure_delete=OFF")
    with store._db:
        store._db.execute("DELETE FROM vectors WHERE key = ?", [keys[7]])
    assert ends(units(300, 64)[7])[0] in content(path)
    assert store.keep_only(("m", key) for key in keys) == 0
    assert ends(units(300, 64)[7])[0] not in content(path)
    assert store.count() == 299


def test_a_vector_is_kept_for_its_model_alone(path: Path) -> None:
    store, keys = filled(path)
    store.put("other", keys, units(300, 64)[::-1])
    assert store.keep_only([("other", keys[0]), ("m", keys[1]), ("nobody", keys[2])]) == 598
    assert list(store.get("m", keys, dimension=64)) == [keys[1]]
    assert list(store.get("other", keys, dimension=64)) == [keys[0]]


def test_nothing_is_kept_of_nothing_and_the_cache_goes_on(path: Path) -> None:
    store, _ = filled(path)
    size = len(content(path))
    assert store.keep_only([]) == 300
    assert store.count() == 0
    assert len(content(path)) < size / 10
    assert store.keep_only([]) == 0
    encoder = CachedEncoder(HashingEncoder(), store)
    encoder.encode_documents(TEXTS)
    assert store.keep_only((encoder.model_version, cache.key_of(text)) for text in TEXTS) == 0
    encoder.encode_documents(TEXTS)
    assert encoder.n_encoded == 40


def test_a_reader_who_keeps_the_log_from_being_emptied_is_told_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LOCK_TIMEOUT", 0.1)
    store, keys = filled(path)
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    assert reader.execute("SELECT COUNT(*) FROM vectors").fetchone() == (300,)
    said = r"vectors\.sqlite still holds what was erased .* Purge again"
    with pytest.raises(StoreError, match=said):
        store.keep_only([("m", keys[0])])
    assert ends(units(300, 64)[1])[0] in content(path)
    reader.close()
    assert store.keep_only([("m", keys[0])]) == 0
    assert ends(units(300, 64)[1])[0] not in content(path)
    assert store.count() == 1


def test_an_interrupted_erasing_erases_nothing_and_can_be_repeated(path: Path) -> None:
    store, keys = filled(path)

    def interrupted() -> Iterator[tuple[str, bytes]]:
        yield "m", keys[0]
        raise KeyboardInterrupt("stop")

    with pytest.raises(KeyboardInterrupt, match="stop"):
        store.keep_only(interrupted())
    assert store.count() == 300
    assert store.keep_only([("m", keys[1])]) == 299
    assert list(store.get("m", keys, dimension=64)) == [keys[1]]


def test_others_go_on_while_vectors_are_erased(path: Path) -> None:
    store, _ = filled(path)
    expected = HashingEncoder().encode_documents(TEXTS)
    together = threading.Barrier(3)

    def encode() -> None:
        together.wait()
        for _ in range(30):
            found = CachedEncoder(HashingEncoder(), VectorCache(path)).encode_documents(TEXTS)
            assert np.array_equal(found, expected)

    def erase() -> None:
        together.wait()
        for _ in range(30):
            store.keep_only([])

    with ThreadPoolExecutor(3) as pool:
        for work in [pool.submit(encode), pool.submit(encode), pool.submit(erase)]:
            work.result()
