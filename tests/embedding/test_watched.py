"""An encoder that is watched gives the same vectors, and can be stopped between blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from whymiss.embedding import CachedEncoder, VectorCache
from whymiss.embedding.watched import WatchedEncoder
from whymiss.testing import HashingEncoder

TEXTS = [f"sentence number {n}" for n in range(70)]


class Stopped(Exception):
    pass


def test_its_vectors_are_those_of_the_encoder() -> None:
    watched = WatchedEncoder(HashingEncoder(), lambda done, total: None)
    assert np.array_equal(watched.encode_documents(TEXTS), HashingEncoder().encode_documents(TEXTS))
    assert np.array_equal(watched.encode_queries(TEXTS), HashingEncoder().encode_queries(TEXTS))
    assert watched.encode_documents([]).shape == (0, 64)


def test_it_tells_what_the_encoder_tells_of_itself() -> None:
    encoder = HashingEncoder(dimension=32, max_tokens=99)
    watched = WatchedEncoder(encoder, lambda done, total: None)
    assert (watched.model_version, watched.dimension) == ("hashing-32", 32)
    assert (watched.max_tokens, watched.tokenizer) == (99, encoder.tokenizer)


def test_it_reports_from_nothing_to_everything() -> None:
    told: list[tuple[int, int]] = []
    watched = WatchedEncoder(HashingEncoder(), lambda done, total: told.append((done, total)))
    watched.encode_documents(TEXTS)
    assert told[0] == (0, 70)
    assert told[-1] == (70, 70)
    assert told == sorted(told)


def test_stopped_between_blocks_it_keeps_what_was_done(tmp_path: Path) -> None:
    cached = CachedEncoder(HashingEncoder(), VectorCache(tmp_path / "vectors.sqlite"))

    def stop(done: int, total: int) -> None:
        if done:
            raise Stopped("enough")

    with pytest.raises(Stopped, match="enough"):
        WatchedEncoder(cached, stop).encode_documents(TEXTS)
    done = cached.n_encoded
    assert 0 < done < 70
    WatchedEncoder(cached, lambda done, total: None).encode_documents(TEXTS)
    assert cached.n_encoded == 70
