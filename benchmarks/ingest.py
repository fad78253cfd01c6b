"""What an ingest costs: beside bare encoding of the same chunks, in memory, and a second time.

Three child processes, one after the other: a first ingest with the default settings except for
late interaction (`token_store.py` measures what its token vectors cost), a second run over the same
corpus, and bare encoding of the very chunks that the first one wrote, by the same
encoder. The ratio of the first to the last is what everything but encoding costs; since a machine
may be busier in one process than in the next, `ratio_inside` divides the same ingest by the time it
spent in the encoder itself. Then questions.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import whymiss
from reporting import report
from whymiss import PipelineConfig
from whymiss.embedding import SentenceTransformersEncoder

PLAIN = PipelineConfig().replace({"rerank.model": ""})
QUESTIONS = (
    "how do I copy a nested list", "what does the with statement do", "show the history of a file",
    "convert bytes to text", "undo the last commit", "why is my loop variable shared",
    "run a program and read its output", "merge two branches without a commit", "parse a date",
    "what is the difference between a tuple and a list", "ignore files", "read a large file",
)  # fmt: skip


class Timed(SentenceTransformersEncoder):
    """The default encoder, counting the seconds spent in it."""

    seconds = 0.0

    def encode_documents(self, texts: Any, *, progress: Any = None) -> Any:
        start = time.perf_counter()
        vectors = super().encode_documents(texts, progress=progress)
        self.seconds += time.perf_counter() - start
        return vectors


def ingest(corpus: Path, store: Path) -> dict[str, Any]:
    """One ingest; the model is loaded before the clock starts."""
    encoder = Timed(PLAIN.embedding)
    encoder.warm_up()
    with whymiss.open(store, config=PLAIN, encoder=encoder) as workbench:
        start = time.perf_counter()
        done = workbench.ingest(corpus, allowed=["*"])
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "inside_encoder": encoder.seconds,
            "embedded": done.n_embedded,
            "version": done.built[0].version,
            "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        }


def encode(store: Path) -> dict[str, Any]:
    """Bare encoding of the stored chunks: no cache, no store, one call."""
    with whymiss.open(store, config=PLAIN) as workbench:
        chunks = workbench.space().snapshot.chunks
    encoder = SentenceTransformersEncoder(PLAIN.embedding)
    encoder.warm_up()
    start = time.perf_counter()
    encoder.encode_documents([chunk.indexed_text for chunk in chunks])
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "tokens": sum(c.n_tokens for c in chunks), "chunks": len(chunks)}


def ask(store: Path) -> dict[str, Any]:
    """Milliseconds of a hybrid question without reranking or an answer, everything warm."""
    with whymiss.open(store, config=PLAIN) as workbench:
        for question in QUESTIONS:
            workbench.ask(question, answer=False)
        spent, encoding = [], []
        for question in QUESTIONS * 10:
            start = time.perf_counter()
            trace = workbench.ask(question, answer=False)
            spent.append(1000 * (time.perf_counter() - start))
            encoding.append(1000 * trace.seconds["embed"])
        return {
            "p50_ms": statistics.median(spent),
            "p95_ms": statistics.quantiles(spent, n=20)[-1],
            "encoder_p50_ms": statistics.median(encoding),
        }


def child(step: str, corpus: Path, store: Path) -> dict[str, Any]:
    """Run one step in a process of its own, so that each starts cold and memory is its own."""
    command = [sys.executable, __file__, "--step", step]
    command += ["--corpus", str(corpus), "--store", str(store)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--step", choices=["ingest", "encode", "ask"])
    parser.add_argument("--store", type=Path)
    given = parser.parse_args()
    if given.step:
        steps = {
            "ingest": lambda: ingest(given.corpus, given.store),
            "encode": lambda: encode(given.store),
            "ask": lambda: ask(given.store),
        }
        print(json.dumps(steps[given.step]()))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        first, bare = child("ingest", given.corpus, store), child("encode", given.corpus, store)
        second, asked = child("ingest", given.corpus, store), child("ask", given.corpus, store)
    name = given.corpus.parent.name
    row = {
        "corpus": name,
        "chunks": bare["chunks"],
        "tokens": bare["tokens"],
        "ingest_s": first["seconds"],
        "encode_s": bare["seconds"],
        "ratio": first["seconds"] / bare["seconds"],
        "ratio_inside": first["seconds"] / first["inside_encoder"],
        "peak_gb": first["peak_gb"],
        "second_s": second["seconds"],
        "second_share": second["seconds"] / first["seconds"],
        "second_embedded": second["embedded"],
        "same_version": second["version"] == first["version"],
        **asked,
    }
    report(f"ingest_{name}", [row])


if __name__ == "__main__":
    main()
