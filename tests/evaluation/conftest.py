"""A small library with labelled questions of every kind, in a store, and doubles that count."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import whymiss
from whymiss.errors import GenerationError
from whymiss.evaluation import EvidenceSpan, Question
from whymiss.records import Answer, Chunk, Clause, Context, Document, Query
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

if TYPE_CHECKING:
    from whymiss.protocols import Vectors

WORDS = [
    "refund", "annual", "monthly", "plan", "phone", "support", "seat", "invoice", "credit", "mail",
    "trial", "team", "audit", "export", "limit", "quota", "login", "reset", "owner", "guest",
    "region", "backup", "restore",
]  # fmt: skip


class CountingEncoder(HashingEncoder):
    """Remembers every question it was given, call by call, and counts passages."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "asked", [])
        object.__setattr__(self, "n_passages", 0)

    def encode_documents(self, texts: Sequence[str], *, progress: Any = None) -> Vectors:
        object.__setattr__(self, "n_passages", self.n_passages + len(texts))  # type: ignore[attr-defined]
        return super().encode_documents(texts, progress=progress)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))  # type: ignore[attr-defined]
        return HashingEncoder().encode_queries(texts)


class ByLength:
    """A reranker that prefers long chunks."""

    model_version = "by length"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        return [len(chunk.text) + len(query.text) / 100 for chunk in chunks]


class Echo:
    """A generator that repeats the first passage, counts, and may fail after some answers."""

    name = "echo"

    def __init__(self, fail_after: int = 10**9, error: BaseException | None = None) -> None:
        self.asked: list[str] = []
        self.fail_after = fail_after
        self.error = error or GenerationError("the endpoint is gone")

    def generate(self, query: Query, context: Context) -> Answer:
        if len(self.asked) >= self.fail_after:
            raise self.error
        self.asked.append(query.query_id)
        text = context.passages[0].text if context.passages else "no idea"
        return Answer(text=text, abstained=not context.passages, generator=self.name)


def library(n: int = 24, seed: int = 7) -> list[Document]:
    """Documents of two to five paragraphs; every sixth is for staff only, every eighth hidden."""
    rng = random.Random(seed)
    documents = []
    for i in range(n):
        paragraphs = [
            " ".join(rng.choices(WORDS, k=rng.randint(6, 14))).capitalize() + f" {i}.{part}."
            for part in range(rng.randint(2, 5))
        ]
        allowed = [] if i % 8 == 7 else ["staff"] if i % 6 == 5 else ["*"]
        documents.append(
            Document(
                doc_id=f"d{i:02d}",
                text="\n\n".join(paragraphs),
                allowed=allowed,
                metadata={"plan": rng.choice(["annual", "monthly"])},
            )
        )
    return documents


def labelled(documents: Sequence[Document], n: int = 30, seed: int = 3) -> list[Question]:
    """Questions with spans, alternatives, whole documents, both, or nothing to judge by."""
    rng = random.Random(seed)
    return [_question(rng, documents, i) for i in range(n)]


def _question(rng: random.Random, documents: Sequence[Document], i: int) -> Question:
    gold = rng.choice(documents)
    span = _span(rng, gold)
    assert span.start is not None
    near = gold.text.lower()[max(0, span.start - 10) :].split()[1:8]
    words = [*near, *rng.sample(WORDS, 2)]
    kind = ("span", "span", "all of two", "any of two", "document", "both", "none", "never")[i % 8]
    query = Query(
        query_id=f"q{i:02d}",
        text=" ".join(words),
        principals=("staff",) if i % 3 == 0 else (),
        where=(Clause(field="plan", op="eq", value="annual"),) if i % 5 == 4 else (),
        expected_answer=gold.text.split(".")[0],
        tags=("unanswerable",) if kind == "never" else tuple(rng.sample(["a", "b", "c"], i % 3)),
    )
    other = rng.choice(documents)
    spans: dict[str, list[list[EvidenceSpan]]] = {
        "span": [[span]],
        "all of two": [[span, _span(rng, other)]],
        "any of two": [[span], [_span(rng, other)]],
        "both": [[span]],
    }
    documents_of = {"document": [gold.doc_id, other.doc_id], "both": [other.doc_id]}
    return Question(
        query=query,
        evidence=tuple(tuple(every) for every in spans.get(kind, [])),
        documents=documents_of.get(kind, {}),  # type: ignore[arg-type]
        split="holdout" if i % 4 == 3 else "tune",
    )


def _span(rng: random.Random, document: Document) -> EvidenceSpan:
    paragraph = rng.choice(document.text.split("\n\n"))
    words = paragraph.split(" ")
    first = rng.randrange(len(words) - 3)
    quote = " ".join(words[first : first + rng.randint(1, 4)])
    start = document.text.index(paragraph) + len(" ".join([*words[:first], ""]))
    return EvidenceSpan(doc_id=document.doc_id, start=start, end=start + len(quote), quote=quote)


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    return library()


@pytest.fixture(scope="session")
def questions(documents: list[Document]) -> list[Question]:
    return labelled(documents)


@pytest.fixture(scope="session")
def counting_encoder() -> type[CountingEncoder]:
    return CountingEncoder


@pytest.fixture(scope="session")
def echo() -> type[Echo]:
    return Echo


@pytest.fixture(scope="session")
def by_length() -> type[ByLength]:
    return ByLength


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """A store that holds the library; it may be read by every test and changed by none."""
    place = tmp_path_factory.mktemp("library") / "store"
    with whymiss.open(place, encoder=HashingEncoder(), config=small()) as wb:
        wb.ingest(documents)
    return place


def small() -> whymiss.PipelineConfig:
    """Small chunks, few of them, and no traces."""
    return whymiss.PipelineConfig().replace(
        {"chunking.size": 12, "retrieval.k": 3, "retrieval.candidate_depth": 12,
         "trace.keep": False}
    )  # fmt: skip


@pytest.fixture(scope="session")
def config() -> whymiss.PipelineConfig:
    return small()


@pytest.fixture
def open_lab(tmp_path: Path, documents: list[Document]) -> Iterator[Callable[..., Workbench]]:
    """`open_lab(encoder=, generator=, ...)`: the library in this test's own store, opened again."""
    opened: list[Workbench] = []

    def make(**parts: Any) -> Workbench:
        encoder = parts.pop("encoder", None) or HashingEncoder()
        wb = whymiss.open(tmp_path / "store", encoder=encoder, config=small(), **parts)
        if not len(wb.documents):
            wb.ingest(documents)
        opened.append(wb)
        return wb

    yield make
    for wb in opened:
        wb.close()
