"""Live search on Chroma's corpora: how fast, how often right, and whether the stated risk is true.

Every configuration of 3 strategies, 6 sizes and 2 overlaps is searched for 472 questions as if no
chunk of it had ever been embedded: exact vectors are looked up, so that this takes minutes and not
days, but the search sees each only after it has "embedded" it. Times come from searches that really
embed, with an empty cache, for a sample of questions; full re-embedding is timed in the same run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from labelled_sets import chroma
from reporting import report
from whymiss.config import PipelineConfig
from whymiss.embedding import SentenceTransformersEncoder, VectorCache
from whymiss.index import Store, sync_documents
from whymiss.live import Live
from whymiss.live.layout import Layout
from whymiss.live.search import LiveSearch
from whymiss.models import Models
from whymiss.records import Query
from whymiss.retrieval import DenseRetriever
from whymiss.spaces import Spaces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Encoder, Vectors

STRATEGIES: Final = ("fixed", "recursive", "sentence")
SIZES: Final = (64, 96, 128, 160, 200, 254)
DENSE: Final = PipelineConfig().replace({"retrieval.mode": "dense", "rerank.model": ""})
BINS: Final = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def configurations(sizes: Sequence[int], strategies: Sequence[str]) -> list[PipelineConfig]:
    """All of them, in dense mode, by size."""
    return [
        DENSE.replace(
            {"chunking.strategy": strategy, "chunking.size": size, "chunking.overlap": overlap}
        )
        for size in sizes
        for strategy in strategies
        for overlap in (0, size // 4)
    ]


class Lookup:
    """An encoder that knows the vectors of a layout's chunks."""

    def __init__(self, encoder: Any, texts: Sequence[str], vectors: Vectors) -> None:
        self.model_version = encoder.model_version
        self.tokenizer, self.max_tokens = encoder.tokenizer, encoder.max_tokens
        self.dimension = encoder.dimension
        self._vectors = dict(zip(texts, vectors, strict=True))

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Looked up."""
        found = [self._vectors[text] for text in texts]
        return np.array(found, dtype=np.float32).reshape(len(found), self.dimension)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Not needed: questions come with their vectors."""
        raise NotImplementedError


@dataclass
class Case:
    """One question over one configuration."""

    size: int
    right: bool
    risk: float
    n_embedded: int
    n_tokens: int
    agreement: float
    states: list[tuple[float, bool]]


def case(search: LiveSearch, truth: tuple[str, ...]) -> Case:
    """Search as if nothing was embedded, and hold every state against the truth."""
    states: list[tuple[float, bool]] = []
    ranking, risk = None, 0.0
    for risk, ranking in search.exact_rankings(lambda: None):
        now = ranking or search.embedded_ranking()
        states.append((risk, now.chunk_ids == truth))
    assert ranking is not None
    known = search.layout.known
    preview = search.preview().chunk_ids
    return Case(
        size=search.config.chunking.size,
        right=ranking.chunk_ids == truth,
        risk=risk,
        n_embedded=int(known.sum()),
        n_tokens=int(search.layout.n_tokens[known].sum()),
        agreement=len(set(preview) & set(truth)) / len(truth),
        states=states,
    )


def cases(
    config: PipelineConfig,
    *,
    k: int,
    bench: Bench,
    queries: Sequence[Query],
    vectors: Vectors,
) -> list[Case]:
    """Every question over one configuration, against an index made without the live engine."""
    config = config.replace({"retrieval.k": k})
    encoder = bench.models.encoder(config)
    space = Spaces(bench.store, bench.models).trial(config)
    retriever = DenseRetriever(space, encoder, retrieval=config.retrieval, index=config.index)
    truths = retriever.search_vectors(queries, vectors, depth=k)
    layout: Layout = bench.live._layouts.layout(config, lambda: None)
    assert not layout.reason, layout.reason
    lookup = Lookup(
        encoder, [c.indexed_text for c in space.snapshot.chunks], space.snapshot.vectors
    )
    return [
        case(
            LiveSearch(
                query=query,
                vector=vector,
                config=config,
                layout=layout.unembedded(),
                encoder=lookup,
                risk=bench.risk,
            ),
            truth.chunk_ids,
        )
        for query, vector, truth in zip(queries, vectors, truths, strict=True)
    ]


@dataclass
class Bench:
    """What every part needs."""

    store: Store
    models: Models
    live: Live
    risk: float

    @classmethod
    def over(
        cls, store: Store, cache: VectorCache, tokens: Path, *, encoder: Encoder, risk: float
    ) -> Bench:
        """Live search over a store."""
        models = Models(cache, tokens=tokens, encoder=encoder)
        return cls(store, models, Live(store, models, risk=risk), risk)

    def with_empty_cache(self, folder: Path) -> Bench:
        """The same, with nothing embedded yet."""
        cache = VectorCache(Path(tempfile.mkdtemp(dir=folder)) / "vectors.sqlite")
        models = Models(
            cache, tokens=self.models.token_folder, encoder=self.models.token_encoder(DENSE)
        )
        return Bench(self.store, models, Live(self.store, models, risk=self.risk), self.risk)


def quality_row(name: str, found: Sequence[Case]) -> dict[str, Any]:
    """Share of cases settled right, the risk that was stated, and what it cost."""
    embedded = [c.n_embedded for c in found]
    return {
        "chunk tokens": name,
        "cases": len(found),
        "right": float(np.mean([c.right for c in found])),
        "wrong": float(np.mean([not c.right for c in found])),
        "stated risk": float(np.mean([c.risk for c in found])),
        "preview in top": float(np.mean([c.agreement for c in found])),
        "embedded p50": float(np.median(embedded)),
        "mean": float(np.mean(embedded)),
        "p95": float(np.percentile(embedded, 95)),
        "tokens p50": float(np.median([c.n_tokens for c in found])),
    }


def calibration_rows(found: Sequence[Case]) -> list[dict[str, Any]]:
    """Stated risk against how often the ranking was wrong, over every state of every search."""
    states = np.array([state for c in found for state in c.states], dtype=float)
    rows = []
    for low, high in pairwise(BINS):
        inside = (states[:, 0] >= low) & (states[:, 0] < high)
        if inside.any():
            rows.append(
                {
                    "stated": f"{low:g} to {high:g}",
                    "states": int(inside.sum()),
                    "mean stated": float(states[inside, 0].mean()),
                    "wrong": float(1 - states[inside, 1].mean()),
                }
            )
    return rows


def preview_seconds(
    live: Live, configs: Iterable[PipelineConfig], texts: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds to the preview: of each configuration when it is new, and when it is not."""
    new: list[float] = []
    again: list[float] = []
    for number, config in enumerate(configs):
        first, second = texts[2 * number % len(texts)], texts[(2 * number + 1) % len(texts)]
        for text, seconds in ((first, new), (second, again)):
            preview = live.search(text, config).latest
            live.cancel()
            live.flush()
            assert preview is not None
            assert preview.kind == "preview", "no preview"
            seconds.append(preview.seconds)
    return np.array(new), np.array(again)


def exact_seconds(
    bench: Bench, configs: Sequence[PipelineConfig], texts: Sequence[str], folder: Path
) -> NDArray[np.float64]:
    """Seconds to the exact result with an empty cache: each question over another configuration."""
    seconds = []
    for number, text in enumerate(texts):
        cold = bench.with_empty_cache(folder)
        config = configs[number % len(configs)]
        # Documents and model are at hand, this configuration's chunks are not.
        cold.live.prepare(config.replace({"chunking.size": 300}))
        result = cold.live.search(text, config).wait()
        cold.live.close()
        assert result is not None
        seconds.append(result.seconds)
    return np.array(seconds)


def full_seconds(bench: Bench, config: PipelineConfig, folder: Path) -> float:
    """Seconds to make the index of a configuration in memory with an empty cache."""
    cold = bench.with_empty_cache(folder)
    start = time.perf_counter()
    Spaces(cold.store, cold.models).trial(config)
    return time.perf_counter() - start


def timing_rows(
    bench: Bench, configs: Sequence[PipelineConfig], texts: Sequence[str], n_cold: int
) -> list[dict[str, Any]]:
    """Preview, exact and full times of one run, and their ratios."""
    new, again = preview_seconds(bench.live, configs, texts)
    with tempfile.TemporaryDirectory() as scratch:
        full = full_seconds(bench, configs[-1].replace({"chunking.size": 200}), Path(scratch))
        step = max(1, len(texts) // n_cold)
        top5 = exact_seconds(bench, configs, texts[::step][:n_cold], Path(scratch))
        deeper = [config.replace({"retrieval.k": 10}) for config in configs]
        top10 = exact_seconds(bench, deeper, texts[::step][:n_cold], Path(scratch))
    return [
        {
            "full re-embedding s": full,
            "preview, new configuration, p50 ms": 1000 * float(np.median(new)),
            "p95 ms": 1000 * float(np.percentile(new, 95)),
            "preview, known configuration, p95 ms": 1000 * float(np.percentile(again, 95)),
            "times faster than full (new, p95)": full / float(np.percentile(new, 95)),
            "exact top-5, empty cache, p50 s": float(np.median(top5)),
            "p95 s": float(np.percentile(top5, 95)),
            "questions": len(top5),
            "times faster than full (p50)": full / float(np.median(top5)),
            "exact top-10, empty cache, p50 s": float(np.median(top10)),
        }
    ]


def filled_right(bench: Bench, configs: Sequence[PipelineConfig], texts: Sequence[str]) -> float:
    """Share of configurations whose filled result is that of the full index, for one question."""
    right = []
    for number, config in enumerate(configs):
        text = texts[number % len(texts)]
        filled = bench.live.search(text, config).wait("filled")
        space = Spaces(bench.store, bench.models).trial(config)
        retriever = DenseRetriever(
            space, bench.models.encoder(config), retrieval=config.retrieval, index=config.index
        )
        query = Query(query_id="live", text=text)
        (truth,) = retriever.search([query], depth=config.retrieval.k)
        assert filled is not None
        right.append(filled.ranking.chunk_ids == truth.chunk_ids)
    return float(np.mean(right))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="corpora/ and questions_df.csv")
    parser.add_argument("--cache", type=Path, help="folder of vectors.sqlite; kept and added to")
    parser.add_argument("--tokens", type=Path, help="folder of a token store; kept and added to")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--strategies", nargs="*", default=STRATEGIES)
    parser.add_argument("--every", type=int, default=1, help="take every n-th question")
    parser.add_argument("--cold", type=int, default=36, help="questions timed with an empty cache")
    parser.add_argument("--risk", type=float, default=0.01)
    parser.add_argument("--only", choices=("times", "quality"), help="one half of it")
    given = parser.parse_args()
    documents, questions = chroma(given.data)
    configs = configurations(given.sizes, given.strategies)
    texts = [question.query.text for question in questions][:: given.every]
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch) / "store")
        with store.writing():
            sync_documents(store, documents)
        cache = VectorCache((given.cache or Path(scratch)) / "vectors.sqlite")
        encoder = SentenceTransformersEncoder(DENSE.embedding)
        tokens = given.tokens or Path(scratch) / "tokens"
        bench = Bench.over(store, cache, tokens, encoder=encoder, risk=given.risk)
        print(bench.live.prepare(configs[0]) or "token vectors are there")
        if given.only != "quality":
            report("live_times", timing_rows(bench, configs, texts, given.cold))
        if given.only != "times":
            quality(bench, configs, texts)
        bench.live.close()


def quality(bench: Bench, configs: Sequence[PipelineConfig], texts: Sequence[str]) -> None:
    """Print and keep the tables of agreement, per size and over all."""
    vectors = bench.models.encoder(configs[0]).encode_queries(texts)
    queries = [Query(query_id=str(number), text=text) for number, text in enumerate(texts)]
    rows: list[dict[str, Any]] = []
    for k in (5, 10):
        found: list[Case] = []
        for config in configs:
            found += cases(config, k=k, bench=bench, queries=queries, vectors=vectors)
        for size in sorted({c.size for c in found}):
            some = [c for c in found if c.size == size]
            rows += [{"k": k, **quality_row(str(size), some)}]
        rows.append({"k": k, **quality_row("all", found)})
        if k == 5:
            calibration = calibration_rows(found)
    report("live_quality", rows, line_per_row=True)
    report("live_risk", calibration, line_per_row=True)
    filled = filled_right(bench, configs, texts)
    report("live_filled", [{"filled result equals the full index": filled}])


if __name__ == "__main__":
    main()
