"""A small library whose map is fitted once, and a map panel over it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation import EvidenceSpan, Question, write_questions
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.desk import Desk
from whymiss.widgets.map.panel import MapPanel
from whymiss.workbench import Workbench

WORDS = [
    "refund", "invoice", "annual", "monthly", "plan", "phone", "support", "seat", "credit", "mail",
    "trial", "team", "audit", "export", "limit", "quota", "login", "reset", "owner", "guest",
]  # fmt: skip
CONFIG = PipelineConfig().replace({"retrieval.k": 4, "chunking.size": 24, "rerank.model": ""})


def library() -> list[Document]:
    rng = random.Random(5)
    documents = []
    for n in range(24):
        parts = [
            f"## Part {part}\n\n" + " ".join(rng.choices(WORDS, k=12)).capitalize() + f" {n}."
            for part in range(3)
        ]
        documents.append(
            Document(
                doc_id=f"page{n:02}.md", title=f"Page {n}", allowed=["*"],
                text=f"# Page {n}\n\n" + "\n\n".join(parts),
                metadata={"plan": "annual" if n % 2 else "monthly"},
            )
        )  # fmt: skip
    return documents


@pytest.fixture(scope="session")
def labelled() -> list[Question]:
    document = library()[3]
    start = document.text.index("## Part 1") + len("## Part 1\n\n")
    end = document.text.index(".", start) + 1
    words = document.text[start:end].split()
    query = Query(query_id="q<3>", text=" ".join(words[2:7]) + "?")
    span = EvidenceSpan(doc_id=document.doc_id, start=start, end=end)
    return [Question(query=query, evidence=((span,),))]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingested, and its map fitted."""
    folder = tmp_path_factory.mktemp("map") / "store"
    with whymiss.open(folder, config=CONFIG, encoder=HashingEncoder()) as workbench:
        workbench.ingest(library())
        workbench.map()
    return folder


@pytest.fixture
def wb(store: Path) -> Iterator[Workbench]:
    with whymiss.open(store, config=CONFIG, encoder=HashingEncoder()) as workbench:
        yield workbench


@pytest.fixture
def questions_file(labelled: list[Question], tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    write_questions(path, labelled)
    return path


@pytest.fixture
def panel(wb: Workbench, labelled: list[Question]) -> Iterator[MapPanel]:
    """The fitted map, with nothing selected."""
    desk = Desk(wb)
    desk.use(labelled)
    made = desk.panel(MapPanel)
    assert made.flush(60)
    yield made
    desk.close()


@pytest.fixture
def seen() -> Callable[..., BeautifulSoup]:
    """`seen(panel, "part")`: what a part shows, parsed; all parts when none is named."""

    def parse(made: MapPanel, *parts: str) -> BeautifulSoup:
        shown = {**made._surface.parts, **made._below.parts}
        return BeautifulSoup("".join(shown[name] for name in parts or shown), "html.parser")

    return parse
