"""A library of synthetic documents in rounds, and an ingest of it that a test can kill.

Run as a script it waits for a line on stdin, ingests, and says "done".
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from whymiss.chunking import make_chunker
from whymiss.config import PipelineConfig
from whymiss.documents import FileReport
from whymiss.embedding import CachedEncoder, VectorCache, cache
from whymiss.index import (
    BuildReport,
    Store,
    SyncReport,
    build,
    build_index,
    ingest,
    read_catalogue,
    sync_documents,
    sync_folder,
)
from whymiss.records import Document
from whymiss.testing import HashingEncoder

ROOT = Path("/library")
CONFIG = PipelineConfig().replace({"chunking.size": 32, "chunking.overlap": 0})
N_DOCUMENTS = 300


def small_batches() -> None:
    """Make commits so small that an ingest of 300 documents is dozens of them."""
    ingest._DOCUMENTS_PER_COMMIT = 12  # type: ignore[misc]
    build._CHUNKS_PER_COMMIT = 48  # type: ignore[misc]
    cache._TEXTS_PER_COMMIT = 16  # type: ignore[misc]


def documents(round_number: int) -> list[Document]:
    """Of 300, each round: a tenth is missing, two thirds have new text, a third new readers."""
    found = []
    for i in range(N_DOCUMENTS):
        if (i + round_number) % 10 == 0:
            continue
        edition = round_number if i % 3 else 0
        paragraphs = [
            f"Article {i} in edition {edition}, paragraph {p}: plan {i * p} lasts {p} months."
            for p in range(1 + (i + edition) % 5)
        ]
        found.append(
            Document(
                doc_id=f"{i:03}.md",
                text=f"# Article {i}\n\n" + "\n\n".join(paragraphs),
                source=str(ROOT / f"{i:03}.md"),
                title=f"Article {i}",
                metadata={"plan": f"p{i % 7}"},
                allowed=["staff" if i % 3 else f"group{round_number}"],
            )
        )
    return found


def reports(found: Iterable[Document]) -> list[FileReport]:
    """What reading these documents from files below ROOT would have said."""
    return [
        FileReport(
            doc_id=document.doc_id,
            source=document.source,
            status="ok",
            format="markdown",
            raw_fingerprint=document.content_hash[:16] + ",".join(document.allowed),
            document=document,
        )
        for document in found
    ]


class Library:
    """A store, an encoder behind its cache, and a configuration."""

    def __init__(self, folder: Path, config: PipelineConfig = CONFIG) -> None:
        self.folder = folder
        self.config = config
        self.store = Store(folder)
        self.cache = VectorCache(self.store.state / "vectors.sqlite")
        self.encoder = CachedEncoder(HashingEncoder(), self.cache)

    def sync(self, found: Iterable[Document | FileReport], root: Path = ROOT) -> SyncReport:
        """Bring the documents up to date with the files below a root."""
        made = [r if isinstance(r, FileReport) else reports([r])[0] for r in found]
        with self.store.writing():
            return sync_folder(self.store, root, made)

    def give(self, found: Iterable[Document]) -> SyncReport:
        """Hand over documents from Python."""
        with self.store.writing():
            return sync_documents(self.store, found)

    def build(self, *, rebuild: bool = False, config: PipelineConfig | None = None) -> BuildReport:
        """Bring the index up to date with the documents."""
        config = config or self.config
        with self.store.writing():
            return build_index(
                self.store,
                config,
                read_catalogue(self.store),
                chunker=make_chunker(config.chunking, self.encoder.tokenizer),
                encoder=self.encoder,
                rebuild=rebuild,
            )

    def rows(self, table: str) -> list[dict[str, object]]:
        """Every column of every row of a table, in the order of its first column."""
        opened = self.store.open_existing(table)
        found = self.store.read(opened).to_pylist()
        return sorted(found, key=lambda row: str(next(iter(row.values()))))

    def versions(self) -> dict[str, int]:
        """The version of every table."""
        names = self.store.table_names()
        return {name: int(self.store.open_existing(name).version) for name in names}


def main(folder: str, round_number: str) -> None:
    small_batches()
    found = documents(int(round_number))
    print("ready", flush=True)
    sys.stdin.readline()
    library = Library(Path(folder))
    library.sync(found)
    library.build()
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
