"""Faults of embedding: text the encoder never sees, vectors that do not belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.config import PipelineConfig
from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import dense_only, rows_in, targets, touching
from whymiss.diagnosis.faults.recut import recut
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import ModelSource, Scene
from whymiss.embedding import CachedEncoder
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.protocols import Chunker, Generator, Reranker
from whymiss.records import Chunk, Span, digest
from whymiss.retrieval import SearchSpace
from whymiss.retrieval.editing import revectored_space

if TYPE_CHECKING:
    from whymiss.protocols import TokenEncoder, Tokenizer, Vectors

_LIMITS: Final = {1: 0.5, 2: 0.25, 3: 0.125}
_LONG: Final = {1: 1.0, 2: 1.5, 3: 2.0}
_OTHERS: Final = 0.25
"""Share of the other documents whose rows come from the other model too, at the worst."""


class HeadEncoder(CachedEncoder):
    """Another encoder that reads fewer tokens of a passage, with a version of its own."""

    def __init__(self, encoder: CachedEncoder, limit: int) -> None:
        self._whole = encoder
        self._limit = limit
        self.n_encoded = 0

    @property
    def model_version(self) -> str:
        """The encoder's version, changed as settings change it."""
        version = self._whole.model_version
        return f"{version}.{digest(version, str(self._limit))[:8]}"

    @property
    def dimension(self) -> int:
        """The encoder's dimension."""
        return self._whole.dimension

    @property
    def max_tokens(self) -> int:
        """Most tokens it sees of a text, special tokens included."""
        return self._limit

    @property
    def tokenizer(self) -> Tokenizer:
        """The encoder's tokenizer."""
        return self._whole.tokenizer

    @property
    def token_encoder(self) -> TokenEncoder | None:
        """The encoder's own: token vectors are read in windows."""
        return self._whole.token_encoder

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Unit vectors of the heads of passages."""
        heads = self._heads(texts)
        return self._whole.encode_documents(heads, progress=progress)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the heads of queries."""
        return self._whole.encode_queries(self._heads(texts))

    @contextmanager
    def at_hand(self, texts: Sequence[str]) -> Iterator[Callable[[], Vectors]]:
        """The encoder's own, for the heads of queries."""
        with self._whole.at_hand(self._heads(texts)) as vectors:
            yield vectors

    def _heads(self, texts: Sequence[str]) -> list[str]:
        most = self._limit - self.tokenizer.n_special
        offsets = self.tokenizer.offsets(texts)
        return [
            text[: int(found.ends[most - 1])] if len(found) > most else text
            for text, found in zip(texts, offsets, strict=True)
        ]


class ShortSighted:
    """The models of another source; `embedding.max_tokens` makes their encoder read less."""

    def __init__(self, source: ModelSource) -> None:
        self._source = source
        self._encoders: dict[int, HeadEncoder] = {}

    def encoder(self, config: PipelineConfig) -> CachedEncoder:
        """The encoder, reading as much as the configuration says."""
        limit, whole = config.embedding.max_tokens, self._source.encoder(_unlimited(config))
        if not limit:
            return whole
        return self._encoders.setdefault(limit, HeadEncoder(whole, limit))

    def reranker(self, config: PipelineConfig, space: SearchSpace | None = None) -> Reranker | None:
        """The source's own: it reads tokens of whole documents."""
        return self._source.reranker(_unlimited(config), space)

    def generator(self, config: PipelineConfig) -> Generator:
        """The source's own."""
        return self._source.generator(_unlimited(config))

    def chunker(self, config: PipelineConfig) -> Chunker:
        """The source's own."""
        return self._source.chunker(_unlimited(config))


def _unlimited(config: PipelineConfig) -> PipelineConfig:
    return config.replace({"embedding.max_tokens": 0})


def encoder_truncation(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """An encoder that reads a half, a quarter or an eighth as much, for the whole index.

    Only where most of the evidence lies beyond what it reads of every chunk that holds it.
    """
    scene = run.scene
    limit = int(_LIMITS[severity] * scene.encoder.max_tokens)
    if scene.config.embedding.late_chunking or not _beyond(run, limit - _special(scene)):
        return None
    models = ShortSighted(scene.models)
    config = scene.config.replace({"embedding.max_tokens": limit})
    space = scene.space.derived(
        ("heads", limit), lambda: _of_heads(scene.space, HeadEncoder(scene.encoder, limit))
    )
    return replace(scene, models=models, space=space, config=config)


def overlong_chunks(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The evidence at the end of a chunk longer than the encoder reads."""
    scene = run.scene
    if scene.config.embedding.late_chunking:
        return None
    made: Scene | None = scene
    for doc_id, spans in targets(run.truth).items():
        if made is not None:
            made = _overlong(made, run, doc_id, spans, _LONG[severity])
    return made


def wrong_model_rows(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Vectors of another model, as a fixed rotation: the evidence's rows, its documents', more."""
    scene, found = run.scene, targets(run.truth)
    snapshot = scene.space.snapshot
    if severity == 1:
        rows = [row for d, spans in found.items() for row in touching(rows_in(scene, d), spans)]
    else:
        others = [d for d in snapshot.doc_ids if d not in found] if severity == 3 else []
        picked = [d for d in others if rng.random() < _OTHERS]
        rows = [row for doc_id in [*found, *picked] for row, _ in rows_in(scene, doc_id)]
    if not rows:
        return None
    dimension = snapshot.vectors.shape[1]
    rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    vectors = snapshot.vectors.copy()
    turned = vectors[rows] @ rotation.astype(np.float32)
    vectors[rows] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    return replace(scene, space=revectored_space(scene.space, vectors))


def wrong_metric(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Rows that were never brought to length 1, so that the product prefers long passages."""
    snapshot = run.scene.space.snapshot
    tokens = np.array([chunk.n_tokens for chunk in snapshot.chunks], dtype=np.float64)
    lengths = (tokens / tokens.min()) ** {1: 0.25, 2: 0.5, 3: 1.0}[severity]
    vectors = snapshot.vectors * lengths.astype(np.float32)[:, None]
    return replace(run.scene, space=revectored_space(run.scene.space, vectors))


def _special(scene: Scene) -> int:
    return scene.encoder.tokenizer.n_special


def _beyond(run: Run, most: int) -> bool:
    """Whether most of each piece of evidence lies behind the first tokens of all its rows."""
    tokenizer = run.scene.encoder.tokenizer
    held: list[tuple[Chunk, EvidenceSpan]] = []
    for doc_id, spans in targets(run.truth).items():
        rows = rows_in(run.scene, doc_id)
        chunks = dict(rows)
        held += [(chunks[row], span) for span in spans for row in touching(rows, [span])]
    found = tokenizer.offsets([chunk.indexed_text for chunk, _ in held])
    for (chunk, span), offsets in zip(held, found, strict=True):
        seen = int(offsets.ends[most - 1]) if len(offsets) > most else len(chunk.indexed_text)
        start, end = span.interval
        if 2 * (chunk.start + seen - len(chunk.prefix) - start) > end - start:
            return False
    return bool(held)


def _of_heads(space: SearchSpace, encoder: HeadEncoder) -> SearchSpace:
    """The whole index as an encoder that reads less would have made it."""
    snapshot = space.snapshot
    whole = [c.n_tokens <= encoder.max_tokens for c in snapshot.chunks]
    vectors = snapshot.vectors.copy()
    cut = [row for row, all_seen in enumerate(whole) if not all_seen]
    vectors[cut] = encoder.encode_documents([snapshot.chunks[row].indexed_text for row in cut])
    chunks = tuple(
        chunk if all_seen else replace(chunk, n_truncated=chunk.n_tokens - encoder.max_tokens)
        for chunk, all_seen in zip(snapshot.chunks, whole, strict=True)
    )
    manifest = replace(snapshot.manifest, model_version=encoder.model_version)
    made = revectored_space(space, vectors)
    # The texts are the same, so that the terms counted of them stay good.
    return replace(made, snapshot=replace(made.snapshot, chunks=chunks, manifest=manifest))


def _overlong(
    scene: Scene, run: Run, doc_id: str, spans: Sequence[EvidenceSpan], share: float
) -> Scene | None:
    """Rows before the evidence joined with it until it lies beyond what the encoder sees."""
    document, rows = run.truth.documents[doc_id], rows_in(scene, doc_id)
    held = touching(rows, spans)
    if not held or any((c.parent_start, c.parent_end) != (c.start, c.end) for _, c in rows):
        return None
    places = [place for place, (row, _) in enumerate(rows) if row in held]
    last, start = places[-1], spans[0].interval[0]
    tokenizer, wanted = scene.encoder.tokenizer, share * scene.encoder.max_tokens
    for first in range(places[0], -1, -1):
        head = document.text[rows[first][1].start : start]
        if tokenizer.count([head])[0] >= wanted:
            some = rows[first : last + 1]
            span = Span(start=some[0][1].start, end=max(c.end for _, c in some))
            drop = [row for row, _ in some]
            return recut(scene, document, drop=drop, spans=[span], truncates=True)
    return None


FAULTS: Final = (
    Fault(
        name="encoder_truncation", title="the encoder stops before it comes to the evidence",
        cause="S3a", stage="embed", prepare=dense_only, plant=encoder_truncation,
    ),
    Fault(
        name="overlong_chunks", title="the chunk is longer than what the encoder reads",
        cause="S3a", stage="embed", prepare=dense_only, plant=overlong_chunks,
    ),
    Fault(
        name="wrong_model_rows", title="some rows hold vectors of another model",
        cause="S3b", stage="embed", prepare=dense_only, plant=wrong_model_rows,
    ),
    Fault(
        name="wrong_metric", title="vectors are not of length 1, yet compared by product",
        cause="S3b", stage="embed", prepare=dense_only, plant=wrong_metric,
    ),
)  # fmt: skip
