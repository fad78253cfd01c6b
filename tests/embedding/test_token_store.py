"""The token store: what it gives is what the encoder gave, whatever happened to it before."""

from __future__ import annotations

import importlib.util
import random
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from children import child, let_go
from hypothesis import given
from hypothesis import strategies as st

from whymiss.embedding import DocumentTokens, TokenStore, token_store
from whymiss.embedding.token_shards import record_bytes
from whymiss.errors import ModelError, ModelMismatchError, StoreError
from whymiss.protocols import TokenEncoder, TokenVectors
from whymiss.records import Document
from whymiss.testing import HashingEncoder

SCRIPT = Path(__file__).with_name("building_tokens.py")
_SPEC = importlib.util.spec_from_file_location("building_tokens", SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
building = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(building)

ENCODER = HashingEncoder()
TEXTS = [
    "Refunds take ten days.",
    "Annual plans renew. " * 30,
    "",
    "x",
    "Übergröße \U0001f600 " * 9,
]
DOCUMENTS = [Document(doc_id=f"d{i}", text=text) for i, text in enumerate(TEXTS)]


def opened(folder: Path, **knobs: Any) -> TokenStore:
    return TokenStore(folder, ENCODER.model_version, **knobs)


def assert_holds(store: TokenStore, documents: list[Document]) -> None:
    """The very vectors and offsets that the encoder gives."""
    for document in documents:
        found = store.get(document.content_hash)
        (expected,) = ENCODER.document_tokens([document.text])
        assert found.vectors.dtype == np.float16
        assert np.array_equal(found.vectors, expected.vectors)
        assert np.array_equal(found.starts, expected.offsets.starts)
        assert np.array_equal(found.ends, expected.offsets.ends)
        assert np.array_equal(found.sums, DocumentTokens.of(expected).sums)


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tokens"))


def live_bytes(documents: list[Document]) -> int:
    counts = ENCODER.tokenizer.count([document.text for document in documents])
    return sum(record_bytes(n, ENCODER.dimension) for n in counts)


@dataclass(frozen=True)
class Counting(HashingEncoder):
    """Writes down what it is asked to encode."""

    asked: tuple[str, ...] = ()

    def document_tokens(self, texts: Any, **knobs: Any) -> list[TokenVectors]:
        object.__setattr__(self, "asked", (*self.asked, *texts))
        return HashingEncoder.document_tokens(self, texts, **knobs)


def test_the_double_is_a_token_encoder() -> None:
    assert isinstance(ENCODER, TokenEncoder)


def test_it_gives_back_what_the_encoder_gave_also_when_opened_again(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.build(DOCUMENTS, ENCODER)
    assert_holds(store, DOCUMENTS)
    store.close()
    assert_holds(opened(tmp_path), DOCUMENTS)


def test_vectors_are_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.build(DOCUMENTS, ENCODER)
    found = store.get(DOCUMENTS[1].content_hash)
    with pytest.raises(ValueError, match="read-only"):
        found.vectors[0, 0] = 1


def test_the_plan_states_the_bytes_that_building_then_takes(tmp_path: Path) -> None:
    store = opened(tmp_path)
    plan = store.plan(DOCUMENTS, ENCODER)
    assert (plan.n_documents, plan.refused_because) == (5, "")
    assert plan.n_tokens == sum(ENCODER.tokenizer.count(TEXTS))
    assert store.n_bytes == 0
    assert store.build(DOCUMENTS, ENCODER) == plan
    assert store.n_bytes == plan.n_bytes == live_bytes(DOCUMENTS)
    assert store.plan(DOCUMENTS, ENCODER).n_bytes == 0


def test_a_record_takes_the_bytes_worked_out_by_hand() -> None:
    # 200 tokens of 4 dimensions: sums 2 rows of 4 doubles = 64; vectors 1,600; offsets 1,600.
    assert record_bytes(200, 4) == 3264  # and that is a multiple of 64
    assert record_bytes(0, 4) == 64


def test_each_text_is_encoded_once_and_only_what_is_missing(tmp_path: Path) -> None:
    store, encoder = opened(tmp_path), Counting()
    twice = [*DOCUMENTS, Document(doc_id="copy", text=TEXTS[0])]
    store.build(twice, encoder)
    assert sorted(encoder.asked) == sorted(TEXTS)
    more = Document(doc_id="new", text="Cancel by letter.")
    steps: list[int] = []
    store.build([*twice, more], encoder, progress=steps.append)
    assert encoder.asked[len(TEXTS) :] == ("Cancel by letter.",)
    assert sum(steps) == 4


def test_a_changed_text_is_not_served_from_its_old_vectors(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.build(DOCUMENTS, ENCODER)
    edited = replace(DOCUMENTS[0], text="Refunds take two days.")
    assert edited.content_hash not in store
    with pytest.raises(StoreError, match=r"has no document .* Build it with that document"):
        store.get(edited.content_hash)
    store.build([edited], ENCODER)
    assert_holds(store, [edited, DOCUMENTS[0]])


def test_vectors_of_another_model_are_not_served(tmp_path: Path) -> None:
    opened(tmp_path).build(DOCUMENTS, ENCODER)
    other = HashingEncoder(dimension=32)
    store = TokenStore(tmp_path, other.model_version)
    assert store.missing(d.content_hash for d in DOCUMENTS) == [d.content_hash for d in DOCUMENTS]
    with pytest.raises(StoreError, match="has no document"):
        store.get(DOCUMENTS[0].content_hash)
    with pytest.raises(ModelMismatchError, match="is of hashing-32, the encoder is hashing-64"):
        store.build(DOCUMENTS, ENCODER)
    store.build(DOCUMENTS, other)
    assert store.get(DOCUMENTS[1].content_hash).vectors.shape[1] == 32
    assert_holds(opened(tmp_path), DOCUMENTS)


def test_beyond_the_limit_nothing_is_built_and_the_reason_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path, max_bytes=live_bytes(DOCUMENTS) - 1)
    encoder = Counting()
    why = store.plan(DOCUMENTS, encoder).refused_because
    assert "above the limit of 0.0 MB; raise max_bytes, or work with exact" in why
    with pytest.raises(StoreError, match="token store is not built: it would take"):
        store.build(DOCUMENTS, encoder)
    assert not encoder.asked
    assert store.n_bytes == 0
    opened(tmp_path, max_bytes=live_bytes(DOCUMENTS)).build(DOCUMENTS, ENCODER)


def test_an_encoder_without_token_vectors_is_refused_with_its_reason(tmp_path: Path) -> None:
    class ByFirstToken(HashingEncoder):
        no_token_vectors_because = "it pools by the first token"

    store = opened(tmp_path)
    assert store.plan(DOCUMENTS, ByFirstToken()).refused_because == "it pools by the first token"
    with pytest.raises(StoreError, match="not built: it pools by the first token"):
        store.build(DOCUMENTS, ByFirstToken())


def test_vectors_of_a_wrong_shape_are_not_stored(tmp_path: Path) -> None:
    class Short(HashingEncoder):
        def document_tokens(self, texts: Any, **knobs: Any) -> list[TokenVectors]:
            return [replace(t, vectors=t.vectors[:-1]) for t in super().document_tokens(texts)]

    store = opened(tmp_path)
    with pytest.raises(ModelError, match=r"shape \(4, 64\) for 5 tokens"):
        store.build(DOCUMENTS[:1], Short())
    assert not store.hashes()


def test_progress_may_stop_a_build_and_what_was_stored_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "_TOKENS_PER_COMMIT", 1)
    done: list[int] = []

    class StoppedError(Exception):
        pass

    def stop_at_third(n: int) -> None:
        done.append(n)
        if len(done) == 3:
            raise StoppedError

    store = opened(tmp_path)
    with pytest.raises(StoppedError):
        store.build(DOCUMENTS, ENCODER, progress=stop_at_third)
    assert len(store.hashes()) == 2
    encoder = Counting()
    store.build(DOCUMENTS, encoder)
    assert len(encoder.asked) == 3
    assert_holds(store, DOCUMENTS)


def test_shards_are_filled_up_to_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "_TOKENS_PER_COMMIT", 1)
    monkeypatch.setattr(token_store, "_SHARD_BYTES", 10_000)
    store = opened(tmp_path)
    some = [Document(doc_id=str(i), text=f"Plan {i}. " * 10) for i in range(12)]
    for document in some:
        store.build([document], ENCODER)
    # Each takes 30 tokens * 136 bytes and 512 of sums, padded: 4,608; three fill a shard.
    assert [path.stat().st_size for path in shards(tmp_path)] == [3 * 4608] * 4
    assert_holds(store, some)


def test_what_was_dropped_is_gone_from_index_and_files_for_every_model(tmp_path: Path) -> None:
    store, small = opened(tmp_path), HashingEncoder(dimension=32)
    store.build(DOCUMENTS, ENCODER)
    TokenStore(tmp_path, small.model_version).build(DOCUMENTS, small)
    kept = store.get(DOCUMENTS[4].content_hash)
    secret = store.get(DOCUMENTS[0].content_hash).vectors.tobytes()
    assert any(secret in path.read_bytes() for path in shards(tmp_path))
    assert store.drop([DOCUMENTS[0].content_hash, DOCUMENTS[1].content_hash, "unknown"]) == 4
    assert not any(secret in path.read_bytes() for path in shards(tmp_path))
    assert store.hashes() == {d.content_hash for d in DOCUMENTS[2:]}
    assert_holds(store, DOCUMENTS[2:])
    (expected,) = ENCODER.document_tokens([TEXTS[4]])
    assert np.array_equal(kept.vectors, expected.vectors)
    store.drop(store.hashes())
    assert store.n_bytes == 0
    assert store.drop(["unknown"]) == 0


def test_another_open_store_sees_what_is_added_and_dropped(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    one.build(DOCUMENTS[:2], ENCODER)
    assert_holds(other, DOCUMENTS[:2])
    one.build(DOCUMENTS, ENCODER)
    assert_holds(other, DOCUMENTS)
    one.drop([DOCUMENTS[0].content_hash])
    assert_holds(other, DOCUMENTS[1:])
    assert DOCUMENTS[0].content_hash not in other


def test_a_torn_tail_is_not_served_and_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    store.build(DOCUMENTS[:2], ENCODER)
    with monkeypatch.context() as patched:
        # As if killed between the writing of the bytes and the commit.
        patched.setattr(
            store._index, "change", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            store.build(DOCUMENTS, ENCODER)
    assert store.n_bytes > live_bytes(DOCUMENTS[:2])
    again = opened(tmp_path)
    assert again.hashes() == {d.content_hash for d in DOCUMENTS[:2]}
    again.build(DOCUMENTS, ENCODER)
    assert_holds(again, DOCUMENTS)
    assert again.n_bytes == live_bytes(DOCUMENTS)


def test_records_cut_off_by_a_power_cut_are_told_and_only_they_are_built_again(
    tmp_path: Path,
) -> None:
    opened(tmp_path).build(DOCUMENTS, ENCODER)
    (path,) = shards(tmp_path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    store, encoder = opened(tmp_path), Counting()
    assert_holds(store, DOCUMENTS[:-1])
    with pytest.raises(StoreError, match=r"is damaged: .* Build it again; only what is damaged"):
        store.get(DOCUMENTS[-1].content_hash)
    store.build(DOCUMENTS, encoder)
    assert encoder.asked == (TEXTS[-1],)
    assert_holds(store, DOCUMENTS)


def test_a_lost_shard_is_told_and_built_again_and_a_stray_one_is_deleted(tmp_path: Path) -> None:
    opened(tmp_path).build(DOCUMENTS, ENCODER)
    (path,) = shards(tmp_path)
    path.rename(tmp_path / "stray.tokens")
    store = opened(tmp_path)
    with pytest.raises(StoreError, match="is damaged"):
        store.get(DOCUMENTS[0].content_hash)
    store.build(DOCUMENTS, ENCODER)
    assert_holds(store, DOCUMENTS)
    assert store.n_bytes == live_bytes(DOCUMENTS)


def test_what_is_no_store_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"token store .*file cannot be used"):
        opened(tmp_path / "file")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "index.sqlite").write_bytes(b"no database" * 200)
    with pytest.raises(StoreError, match=r"index .*broken.* cannot be used: .* delete its folder"):
        opened(broken)


@pytest.mark.parametrize("version", [1, 9])
def test_a_folder_of_another_format_is_not_read_and_once_deleted_is_built_again(
    tmp_path: Path, version: int
) -> None:
    folder = tmp_path / "tokens"
    opened(folder).build(DOCUMENTS, ENCODER)
    with sqlite3.connect(folder / "index.sqlite") as db:
        db.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(
        StoreError, match=rf"has format {version}; this version reads format 2. Delete the folder"
    ):
        opened(folder)
    shutil.rmtree(folder)
    store = opened(folder)
    store.build(DOCUMENTS, ENCODER)
    assert_holds(store, DOCUMENTS)


@given(n_tokens=st.integers(0, 200_000), dimension=st.sampled_from([384, 768, 1024]))
def test_a_token_takes_few_bytes_beyond_its_vector(n_tokens: int, dimension: int) -> None:
    # A float16 vector, 8 bytes of offsets, a twentieth of a float64 vector; per document one more
    # row of sums, and padding.
    beyond = record_bytes(n_tokens, dimension) - n_tokens * (2 * dimension + 8)
    assert beyond <= n_tokens * dimension * 8 / 160 + dimension * 8 + 64
    if dimension == 384 and n_tokens > 5000:
        assert record_bytes(n_tokens, dimension) <= 800 * n_tokens


def encoded(process: subprocess.Popen[str]) -> int | None:
    """How many tokens it says it encoded; None when it was killed before it could say so."""
    out, _ = process.communicate()
    last = out.split()[-1] if out.split() else ""
    return int(last) if last.isdigit() else None


def kill_at(process: subprocess.Popen[str], line: str, count: int, delay: float) -> bool:
    """Kill it shortly after it has said a line so many times; whether that cut it short."""
    assert process.stdout is not None
    while count:
        heard = process.stdout.readline()
        assert heard, f"it ended before it said {line!r} so many times"
        count -= heard == f"{line}\n"
    time.sleep(delay)
    process.kill()
    return encoded(process) is None


def test_kills_at_any_moment_leave_a_store_that_tells_no_lie_and_converges(tmp_path: Path) -> None:
    chance, n_kills, interrupted = random.Random(11), 9, 0
    waiting = child(SCRIPT, tmp_path, 0)
    for number in range(n_kills):
        running = waiting
        let_go(running)
        waiting = child(SCRIPT, tmp_path, number + 1)
        delay = chance.uniform(0, 0.01)
        if number % 3:
            # Every round encodes more groups than that.
            interrupted += kill_at(running, "step", chance.randint(1, 10), delay / 10)
        else:
            interrupted += kill_at(running, "built", 1, delay)
        store = opened(tmp_path)
        known = {d.content_hash: d for n in range(number + 1) for d in building.documents(n)}
        assert store.hashes() <= known.keys()
        assert_holds(store, [known[content_hash] for content_hash in store.hashes()])
        store.close()
    assert interrupted >= 3
    let_go(waiting)
    assert encoded(waiting) is not None
    live = building.documents(n_kills)
    store = opened(tmp_path)
    assert store.hashes() == {document.content_hash for document in live}
    assert_holds(store, live)
    assert store.n_bytes == live_bytes(live)


def test_two_processes_building_at_once_encode_everything_once(tmp_path: Path) -> None:
    pair = [child(SCRIPT, tmp_path, 0), child(SCRIPT, tmp_path, 0)]
    for process in pair:
        let_go(process)
    shares = [encoded(process) or 0 for process in pair]
    live = building.documents(0)
    assert sum(shares) == sum(ENCODER.tokenizer.count([d.text for d in live]))
    store = opened(tmp_path)
    assert_holds(store, live)
    assert store.n_bytes == live_bytes(live)
