"""Builds a token store of synthetic documents, for tests that kill it or run two at once.

Run as a script it says "ready", waits for a line on stdin, says "step" for each group that is
encoded, "built" before it drops what is gone, and at last how many tokens it encoded.
"""

from __future__ import annotations

import sys
from pathlib import Path

from whymiss.embedding import TokenStore, token_store
from whymiss.records import Document
from whymiss.testing import HashingEncoder

ENCODER = HashingEncoder()


def documents(round_number: int, n: int = 120) -> list[Document]:
    """Each round a third of the texts is new and a tenth of the documents is gone."""
    return [
        Document(
            doc_id=f"{i:03}",
            text=f"Article {i}, edition {round_number if i % 3 == 0 else 0}. "
            + "Plans renew by themselves. " * (i % 40),
        )
        for i in range(n)
        if (i + round_number) % 10
    ]


def build(folder: Path, round_number: int) -> int:
    """Add what is missing, erase what is gone; how many tokens were encoded."""
    # Dozens of commits and several shards.
    token_store._TOKENS_PER_COMMIT = 200  # type: ignore[misc]
    token_store._SHARD_BYTES = 500_000  # type: ignore[misc]
    store = TokenStore(folder, ENCODER.model_version)
    steps: list[int] = []

    def step(n_tokens: int) -> None:
        steps.append(n_tokens)
        print("step", flush=True)

    live = documents(round_number)
    store.build(live, ENCODER, progress=step)
    print("built", flush=True)
    store.drop(store.hashes() - {document.content_hash for document in live})
    store.close()
    return sum(steps)


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    print(build(Path(sys.argv[1]), int(sys.argv[2])), flush=True)
