"""Encoding passages and questions beside `SentenceTransformer.encode` with its defaults.

Real texts: chunks of 200 tokens and the questions of a labelled set. Peer and encoders take turns
in one process, each round on the same texts; a ratio is the median over the rounds of the peer's
seconds to ours, so that what else the machine does falls out. Tokens are those the model reads,
special tokens included. Both sides run under OMP_WAIT_POLICY=PASSIVE, which whymiss sets.

A figure is NaN where the processor does not take the precision; the row says why.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from labelled_sets import read
from reporting import report
from timing import seconds
from whymiss.chunking import make_chunker
from whymiss.config import ChunkingConfig, EmbeddingConfig
from whymiss.embedding import SentenceTransformersEncoder, locate_model
from whymiss.errors import ModelError

PRECISIONS: Final = ("float32", "bfloat16")
CHUNK_TOKENS: Final = 200

if TYPE_CHECKING:
    from whymiss.protocols import Vectors

    Encode = Callable[[list[str]], Vectors]


def passages(data: Path, n_texts: int) -> tuple[list[str], list[str]]:
    """Some chunks of the Chroma corpora, and some of their questions, at random."""
    documents, questions = read("chroma", data)
    encoder = SentenceTransformersEncoder(EmbeddingConfig())
    chunker = make_chunker(
        ChunkingConfig(strategy="fixed", size=CHUNK_TOKENS, overlap=0), encoder.tokenizer
    )
    chunks = [d.text[span.start : span.end] for d in documents for span in chunker.spans(d)]
    chance = random.Random(0)
    some = chance.sample(chunks, min(n_texts, len(chunks)))
    asked = [question.query.text for question in questions]
    return some, chance.sample(asked, min(n_texts, len(asked)))


def peer() -> Encode:
    """sentence-transformers with its defaults."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(locate_model(EmbeddingConfig()).folder), device="cpu", local_files_only=True
    )

    def encode(texts: list[str]) -> Vectors:
        vectors: Vectors = model.encode(texts, show_progress_bar=False)
        return vectors

    return encode


def tokens_read(encoder: SentenceTransformersEncoder, texts: Sequence[str]) -> int:
    """Tokens that the model sees of the texts, special tokens included."""
    special = encoder.tokenizer.n_special
    return sum(min(n + special, encoder.max_tokens) for n in encoder.tokenizer.count(texts))


def cosines(one: Vectors, other: Vectors) -> Vectors:
    """Of two vectors in the same row, whatever their lengths, in double precision."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    products: Vectors = (a * b).sum(axis=1)
    return products / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def compared(
    name: str, texts: list[str], encoders: dict[str, Encode], n_tokens: int, rounds: int
) -> list[dict[str, Any]]:
    """Rows of one kind of text: the peer first, then each encoder beside it."""
    vectors = {key: encode(texts) for key, encode in encoders.items()}
    taken: dict[str, list[tuple[float, float]]] = {key: [] for key in encoders}
    for number in range(rounds):
        order = list(encoders)
        # Nobody always runs first.
        for key in order if number % 2 == 0 else order[::-1]:
            taken[key].append(seconds(partial(encoders[key], texts)))
    rows = []
    for key in encoders:
        same = cosines(vectors[key], vectors["peer"])
        ratios = np.array(taken["peer"]) / np.array(taken[key])
        rows.append(
            {
                "texts": name,
                "encoder": key,
                "number of texts": len(texts),
                "tokens": n_tokens,
                "tokens/s": n_tokens / float(np.median(taken[key], axis=0)[0]),
                "times the peer": float(np.median(ratios[:, 0])),
                "lowest round": float(ratios[:, 0].min()),
                "processor time": float(np.median(ratios[:, 1])),
                "mean cosine": float(same.mean()),
                "1 - lowest cosine": float(1 - same.min()),
                "why not": "",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chunks, questions = passages(options.data, options.texts)
    encoders: dict[str, Encode] = {"peer": peer()}
    refused: dict[str, str] = {}
    for precision in PRECISIONS:
        encoder = SentenceTransformersEncoder(EmbeddingConfig(precision=precision))
        try:
            encoder.warm_up()
        except ModelError as error:
            refused[precision] = str(error)
        else:
            encoders[precision] = encoder.encode_documents
    rows = []
    for name, texts in ((f"chunks of {CHUNK_TOKENS} tokens", chunks), ("questions", questions)):
        some = compared(name, texts, encoders, tokens_read(encoder, texts), options.rounds)
        nothing = {key: np.nan if isinstance(v, float) else v for key, v in some[0].items()}
        some += [nothing | {"encoder": key, "why not": why} for key, why in refused.items()]
        rows += some
    report("encoding", rows)


if __name__ == "__main__":
    main()
