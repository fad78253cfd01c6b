"""Scenes made by hand: every paragraph is a chunk, and every cosine is written in a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from whymiss.chunking import build_chunks
from whymiss.config import PipelineConfig
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.scene import Replaced, Scene
from whymiss.embedding import VectorCache
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.index import Catalogue, Manifest, Snapshot
from whymiss.index.schema import document_row, document_state
from whymiss.models import Models
from whymiss.pipeline import Pipeline
from whymiss.protocols import Generator, Reranker, Tokenizer
from whymiss.records import Answer, Chunk, Citation, Clause, Context, Document, Query, Span
from whymiss.retrieval import SearchSpace
from whymiss.testing import RegexTokenizer

ASKED = "How long until money is back?"
"""Shares no word with `GOLD`, so that BM25 finds it only where a test wants that."""

GOLD = "Refunds take ten business days to arrive."

FAR = 0.02
"""Cosine with the question of a text that the table does not name."""

Table = Mapping[str, float]
"""What texts are like, told by words that stand in them; the first that does counts."""

_DIMENSION = 128


def looked_up(table: Table | Callable[[str], float], text: str) -> float:
    if callable(table):
        return table(text)
    return next((value for words, value in table.items() if words in text), FAR)


def vector(cosine: float, kind: str) -> np.ndarray[Any, Any]:
    """A unit vector with this cosine to the first axis; two of one kind lean the same way."""
    seed = int.from_bytes(blake2b(kind.encode(), digest_size=8).digest())
    rest = np.random.default_rng(seed).normal(size=_DIMENSION)
    rest[0] = 0.0
    made = rest / np.linalg.norm(rest) * np.sqrt(1 - cosine**2)
    made[0] = cosine
    return made.astype(np.float32)


@dataclass(frozen=True)
class DialEncoder:
    """A text has the cosine with the question that a table gives it; all else is of its own kind.

    `kinds` names texts that say nearly the same. Only what fits into `max_tokens` is read.
    """

    asked: str = ASKED
    cosines: Table | Callable[[str], float] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    heard: Table = field(default_factory=dict)
    max_tokens: int = 256
    tokenizer: Tokenizer = field(default_factory=RegexTokenizer)
    model_version: str = "dial"
    dimension: int = _DIMENSION

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Any:
        return self._stacked(self._read(text) for text in texts)

    def encode_queries(self, texts: Sequence[str]) -> Any:
        # A question with words added to it, or changed in it, stays what it is.
        return self._stacked(
            vector(1.0, "")
            if text[:8] == self.asked[:8]
            else vector(looked_up(self.heard, text), text)
            for text in texts
        )

    def _read(self, text: str) -> np.ndarray[Any, Any]:
        ends = self.tokenizer.offsets([text])[0].ends
        room = self.max_tokens - self.tokenizer.n_special
        read = text[: int(ends[room - 1])] if len(ends) > room else text
        kind = next((kind for words, kind in self.kinds.items() if words in read), read)
        return vector(looked_up(self.cosines, read), kind)

    def _stacked(self, vectors: Iterable[np.ndarray[Any, Any]]) -> Any:
        found = list(vectors)
        return np.stack(found) if found else np.empty((0, self.dimension), np.float32)


@dataclass(frozen=True)
class Paragraphs:
    """One chunk per paragraph; documents that are named are cut as given."""

    cuts: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)

    def spans(self, document: Document) -> list[Span]:
        places = self.cuts.get(document.doc_id)
        if places is None:
            found = re.finditer(r"\S(?:(?!\n\n).)*\S", document.text, re.DOTALL)
            places = [m.span() for m in found if not m.group().startswith("#")]
        return [Span(start=start, end=end) for start, end in places]


@dataclass(frozen=True)
class TableReranker:
    """Scores passages by a table."""

    table: Table | Callable[[str], float]
    model_version: str = "table"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        return [looked_up(self.table, chunk.text) for chunk in chunks]


@dataclass(frozen=True)
class Writer:
    """Answers with what a function makes of the context: (text, numbers of cited passages)."""

    write: Callable[[Context], tuple[str, Sequence[int]]]
    name: str = "writer"

    def generate(self, query: Query, context: Context) -> Answer:
        text, numbers = self.write(context)
        passages = {passage.number: passage for passage in context.passages}
        return Answer(
            text=text,
            generator=self.name,
            citations=tuple(
                Citation(
                    start=0, end=len(text), passage=number,
                    chunk_id=passages[number].chunk_ids[0], doc_id=passages[number].doc_id,
                )
                for number in numbers
            ),
        )  # fmt: skip


def filler(
    n: int, first: float = 0.7, last: float = 0.3
) -> tuple[dict[str, str], dict[str, float]]:
    """Documents about nothing that is asked, and their cosines, from `first` down to `last`."""
    names = [f"filler{number:02}" for number in range(n)]
    texts = {
        f"{name}.md": f"Topic {name} is told here in a paragraph of about usual length for rows."
        for name in names
    }
    return texts, dict(
        zip((f"Topic {n} " for n in names), np.linspace(first, last, n).tolist(), strict=True)
    )


def span(texts: Mapping[str, str], doc_id: str, words: str) -> EvidenceSpan:
    """Where words stand in a document; a quote without a place where they do not."""
    at = texts.get(doc_id, "").find(words)
    if at < 0:
        return EvidenceSpan(doc_id=doc_id, quote=words)
    return EvidenceSpan(doc_id=doc_id, start=at, end=at + len(words), quote=words)


def question(
    texts: Mapping[str, str], *spans: tuple[str, str], text: str = ASKED, **of_query: Any
) -> Question:
    """A question whose evidence is all of these (doc_id, words)."""
    evidence = tuple(span(texts, doc_id, words) for doc_id, words in spans)
    query = Query(query_id="q", text=text, **of_query)
    return Question(query=query, evidence=(evidence,) if evidence else ())


BASE: Mapping[str, Any] = {
    "retrieval.mode": "dense", "retrieval.k": 3, "rerank.model": "", "chunking.size": 64,
}  # fmt: skip


def handmade(
    texts: Mapping[str, str],
    asked: Question,
    cosines: Table | Callable[[str], float],
    *,
    knobs: Mapping[str, Any] | None = None,
    kinds: Mapping[str, str] | None = None,
    heard: Table | None = None,
    max_tokens: int = 256,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    indexed: Mapping[str, str] | None = None,
    index_cuts: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    chunker_cuts: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    index_knobs: Mapping[str, Any] | None = None,
    rows: Callable[[list[Chunk]], list[Chunk]] = list,
    reranker: Reranker | None = None,
    generator: Generator | None = None,
    others: Sequence[str] = (),
    space_type: type[SearchSpace] = SearchSpace,
) -> Scene:
    """A question over documents, and an index of them.

    Parameters
    ----------
    about : per document what else it is given: title, metadata, allowed.
    indexed : texts from which the index made its rows, where they are others.
    index_cuts, chunker_cuts : places where the index, and the chunker now, cut a document.
    index_knobs : knobs under which the index was made, where they are others.
    rows : the rows as they came to be.
    """
    config = PipelineConfig().replace({**BASE, **(knobs or {})})
    encoder = DialEncoder(
        asked.query.text, cosines, kinds or {}, heard or {}, max_tokens=max_tokens
    )
    documents = {
        doc_id: Document(
            doc_id=doc_id, text=text, **{"allowed": ("*",), **(about or {}).get(doc_id, {})}
        )
        for doc_id, text in texts.items()
    }
    read = {d: replace(doc, text=(indexed or {}).get(d, doc.text)) for d, doc in documents.items()}
    made_with = config.replace(index_knobs or {})
    cutter = Paragraphs({**(chunker_cuts or {}), **(index_cuts or {})})
    chunks = rows([
        chunk
        for doc in read.values()
        for chunk in build_chunks(
            doc, cutter.spans(doc), config=made_with.chunking, tokenizer=encoder.tokenizer,
            max_tokens=max_tokens,
        )
    ])  # fmt: skip
    models = Models(
        VectorCache(Path(":memory:")), tokens=Path("unused"), encoder=encoder,
        reranker=reranker, generator=generator,
    )  # fmt: skip
    kept = Paragraphs(chunker_cuts or {})
    return Scene(
        question=asked,
        config=config,
        space=space_type(_snapshot(chunks, read, encoder), _catalogue(documents)),
        models=Replaced(
            source=models,
            replace_chunker=lambda found, asked_for: (
                kept if asked_for.chunking == config.chunking else found
            ),
        ),
        read_documents=lambda wanted: {d: documents[d] for d in wanted if d in documents},
        answers=generator is not None,
        others=tuple(others),
    )


def _snapshot(
    chunks: Sequence[Chunk], documents: Mapping[str, Document], encoder: DialEncoder
) -> Snapshot:
    ordered = sorted(chunks, key=lambda c: (c.doc_id, c.start, c.chunk_id))
    return Snapshot(
        name="main",
        version=1,
        manifest=Manifest(
            knobs={}, model_version=encoder.model_version, dimension=encoder.dimension
        ),
        chunks=tuple(ordered),
        vectors=encoder.encode_documents([c.indexed_text for c in ordered]),
        states={c.doc_id: _state(documents[c.doc_id]) for c in ordered},
    )


def _state(document: Document) -> str:
    return document_state(document.content_hash, document.title)


def _catalogue(documents: Mapping[str, Document]) -> Catalogue:
    return Catalogue(
        version=1,
        documents={d: replace(doc, text="") for d, doc in documents.items()},
        content_hashes={d: doc.content_hash for d, doc in documents.items()},
        row_hashes={d: str(document_row(doc)["row_hash"]) for d, doc in documents.items()},
        states={d: _state(doc) for d, doc in documents.items()},
    )


def pipeline(scene: Scene) -> Pipeline:
    """The pipeline of a scene, without anything of the diagnosis."""
    return Pipeline(
        config=scene.config,
        space=scene.space,
        encoder=scene.encoder,
        read_documents=scene.read_documents,
        query_hash=lambda text: "hash",
        reranker=scene.reranker,
        generator=scene.models.generator(scene.config) if scene.answers else None,
    )


def proves(scene: Scene, cause: str, *, together: bool = False) -> Diagnosis:
    """The diagnosis of a scene, of which a cause is the first that is proven."""
    made = diagnose(scene)
    assert made.proven[:1] == (cause,), made.proven
    finding = made.finding(cause)
    assert finding.verdict == "proven"
    assert finding.says
    assert finding.patch
    assert bool(finding.together_with) == together
    assert made.stage == finding.stage
    return made


def clears(
    scene: Scene, cause: str, verdict: str = "cleared", *, ending: str = "lost"
) -> Diagnosis:
    """The diagnosis of a scene that goes wrong for another reason than a cause."""
    made = diagnose(scene)
    assert made.ending == ending
    assert cause not in made.proven
    finding = made.finding(cause)
    assert finding.verdict == verdict, finding
    assert finding.says
    assert not finding.deviation
    return made


def where(**values: Any) -> tuple[Clause, ...]:
    return tuple(Clause(field=name, op="eq", value=value) for name, value in values.items())
