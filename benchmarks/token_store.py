"""The token store on real text: its size, its building beside plain embedding, and re-pooling.

Each corpus of the Chroma data is embedded in chunks of 200 tokens and built into a token store,
document by document in turns, in one process; the ratio is of the summed seconds. `--share` takes
only the first part of every document.

Then a child that builds a store of documentation pages is killed after its first commits; what the
next build encodes is counted against what was missing. One document is changed, and what that
encodes is counted against its length.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from labelled_sets import read
from reporting import report
from timing import seconds
from whymiss.chunking import make_chunker
from whymiss.chunking.build import build_chunks
from whymiss.config import ChunkingConfig, EmbeddingConfig
from whymiss.embedding import SentenceTransformersEncoder, TokenStore, pool_chunks
from whymiss.records import Chunk, Document

SIZES: Final = (64, 96, 128, 160, 200, 254)
CHUNK_TOKENS: Final = 200
POOLINGS: Final = 7


def chunked(
    encoder: SentenceTransformersEncoder, documents: Sequence[Document], size: int
) -> list[Chunk]:
    """Fixed chunks without overlap."""
    config = ChunkingConfig(strategy="fixed", size=size, overlap=0, heading_prefix=False)
    chunker = make_chunker(config, encoder.tokenizer)
    return [
        chunk
        for document in documents
        for chunk in build_chunks(
            document,
            chunker.spans(document),
            config=config,
            tokenizer=encoder.tokenizer,
            max_tokens=encoder.max_tokens,
        )
    ]


def built_beside_embedded(
    encoder: SentenceTransformersEncoder, store: TokenStore, documents: Sequence[Document]
) -> dict[str, Any]:
    """Bytes and seconds, document by document."""
    embedding: list[tuple[float, float]] = []
    building: list[tuple[float, float]] = []
    for number, document in enumerate(documents):
        texts = [chunk.text for chunk in chunked(encoder, [document], CHUNK_TOKENS)]
        turns = [
            (embedding, lambda texts=texts: encoder.encode_documents(texts)),
            (building, lambda document=document: store.build([document], encoder)),
        ]
        # Neither always runs first.
        for taken, work in turns if number % 2 == 0 else turns[::-1]:
            taken.append(seconds(work))
    n_tokens = sum(encoder.tokenizer.count([document.text for document in documents]))
    (wall, used), (wall_building, used_building) = (
        np.sum(taken, axis=0).tolist() for taken in (embedding, building)
    )
    return {
        "tokens": n_tokens,
        "bytes a token": store.n_bytes / n_tokens,
        "seconds, embedding once": wall,
        "seconds, building": wall_building,
        "building / embedding": wall_building / wall,
        "building / embedding, processor time": used_building / used,
    }


def re_pooled(
    encoder: SentenceTransformersEncoder, store: TokenStore, documents: Sequence[Document]
) -> dict[str, Any]:
    """Median milliseconds of the vectors of all chunks, by size, and the whole store once."""
    hash_of = {document.doc_id: document.content_hash for document in documents}
    row = {}
    for size in SIZES:
        chunks = chunked(encoder, documents, size)
        taken = [
            seconds(lambda chunks=chunks: pool_chunks(chunks, lambda i: store.get(hash_of[i])))[0]
            for _ in range(POOLINGS)
        ]
        row[f"ms, {size} tokens, {len(chunks)} chunks"] = 1000 * float(np.median(taken))
    return row


def killed_and_resumed(
    encoder: SentenceTransformersEncoder, folder: Path, data: Path
) -> dict[str, Any]:
    """Counts of tokens; "twice" and "beyond the changed document" should be 0."""
    documents = pages(data)
    with subprocess.Popen(
        [sys.executable, __file__, "--data", str(data), "--child", str(folder)],
        stdout=subprocess.DEVNULL,
    ) as child:
        store = TokenStore(folder, encoder.model_version)
        while not store.hashes() and child.poll() is None:
            time.sleep(0.05)
        child.kill()
    survived = store.hashes()
    missing = [document for document in documents if document.content_hash not in survived]
    count = encoder.tokenizer.count
    encoded: list[int] = []
    store.build(documents, encoder, progress=encoded.append)
    changed = replace(documents[0], text=documents[0].text + "\nOne more sentence.")
    edited: list[int] = []
    store.build([changed, *documents[1:]], encoder, progress=edited.append)
    lost = sum(document.content_hash not in store for document in documents)
    store.close()
    return {
        "documents": len(documents),
        "documents stored when killed": len(survived),
        "documents missing after resuming": lost,
        "tokens encoded twice": sum(encoded) - sum(count([d.text for d in missing])),
        "tokens encoded beyond the changed document": sum(edited) - sum(count([changed.text])),
    }


def pages(data: Path) -> list[Document]:
    """Distinct documentation pages."""
    documents, _ = read("claude_docs", data)
    return list({document.content_hash: document for document in documents}.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    encoder = SentenceTransformersEncoder(EmbeddingConfig())
    encoder.warm_up()
    if options.child:
        TokenStore(options.child, encoder.model_version).build(pages(options.data), encoder)
        return
    whole, _ = read("chroma", options.data)
    documents = [replace(d, text=d.text[: int(options.share * len(d.text))]) for d in whole]
    with TemporaryDirectory() as folder:
        store = TokenStore(Path(folder) / "chroma", encoder.model_version)
        row = built_beside_embedded(encoder, store, documents)
        row |= re_pooled(encoder, store, documents)
        store.close()
        row |= killed_and_resumed(encoder, Path(folder) / "pages", options.data)
    report("token_store", [row])


if __name__ == "__main__":
    main()
