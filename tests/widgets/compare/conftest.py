"""A library with labelled questions of every kind, and a compare panel over it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation import UNANSWERABLE, EvidenceSpan, Question, write_questions
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.compare.panel import ComparePanel
from whymiss.widgets.desk import Desk
from whymiss.workbench import Workbench

WORDS = [
    "refund", "invoice", "annual", "monthly", "plan", "phone", "support", "seat", "credit", "mail",
    "trial", "team", "audit", "export", "limit", "quota", "login", "reset", "owner", "guest",
    "region", "backup", "restore",
]  # fmt: skip
PLAIN = PipelineConfig().replace({"retrieval.k": 4, "chunking.size": 32, "rerank.model": ""})
FEWER = PLAIN.replace({"retrieval.k": 1})


def library() -> list[Document]:
    rng = random.Random(7)
    documents = []
    for n in range(20):
        lines = [
            " ".join(rng.choices(WORDS, k=9)).capitalize() + f" number {n} {part}."
            for part in range(4)
        ]
        text = f"# Page {n}\n\n" + "\n\n".join(lines)
        documents.append(Document(doc_id=f"page{n:02}.md", text=text, allowed=["*"]))
    return documents


def labelled(documents: list[Document]) -> list[Question]:
    """Each asks for a sentence in some of its words; those of every fourth are kept back."""
    rng = random.Random(3)
    questions = []
    for n, document in enumerate(documents):
        sentence = document.text.split("\n\n")[1 + n % 4]
        words = rng.sample(sentence.lower().rstrip(".").split(), k=5)
        span = EvidenceSpan(doc_id=document.doc_id, quote=sentence)
        questions.append(
            Question(
                query=Query(query_id=f"q{n:02}", text=" ".join(words) + "?",
                            expected_answer=sentence),
                evidence=((span,),),
                split="holdout" if n % 4 == 3 else "tune",
            )
        )  # fmt: skip
    nothing = Query(query_id="q99", text="Who won the cup?", tags=(UNANSWERABLE,))
    return [*questions, Question(query=nothing, split="tune")]


@pytest.fixture(scope="session")
def wb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("compare") / "store"
    with whymiss.open(folder, config=PLAIN, encoder=HashingEncoder()) as workbench:
        workbench.ingest(library())
        yield workbench


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    return labelled(library())


@pytest.fixture(scope="session")
def questions_file(questions: list[Question], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "questions.jsonl"
    write_questions(path, questions)
    return path


@pytest.fixture
def panel(wb: Workbench, questions_file: Path) -> Iterator[ComparePanel]:
    """Four chunks against one, not compared yet."""
    desk = Desk(wb)
    desk.use(questions_file)
    made = desk.panel(ComparePanel)
    made.hold(PLAIN, FEWER, ("four", "one"))
    yield made
    desk.close()


@pytest.fixture
def compared(panel: ComparePanel) -> ComparePanel:
    """Compared on the tune questions."""
    panel.press("compare")
    assert panel.flush(60)
    assert panel.compared is not None, panel._surface.parts["problem"]
    return panel


@pytest.fixture
def seen() -> Callable[..., BeautifulSoup]:
    """`seen(panel, "part")`: what a part shows, parsed; all parts when none is named."""

    def parse(made: ComparePanel, *parts: str) -> BeautifulSoup:
        shown = made._surface.parts
        return BeautifulSoup("".join(shown[name] for name in parts or shown), "html.parser")

    return parse


@pytest.fixture
def by_documents(questions: list[Question]) -> list[Question]:
    """The same questions, labelled with documents alone."""
    return [
        replace(q, evidence=(), documents=[s.doc_id for way in q.evidence for s in way])
        for q in questions
        if q.evidence
    ]
