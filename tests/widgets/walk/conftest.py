"""A small store in which a question goes wrong, and a walk over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.walk.panel import WalkPanel
from whymiss.workbench import Workbench

ASKED = "Do annual plans include phone support?"
GOLD = "Annual plans include phone support at no charge."

PARAGRAPHS = {
    "monthly": "Do monthly plans include phone support? Monthly plans include no phone support, "
    "and phone calls are not answered.\n\nMonthly plans are paid by card.",
    "trial": "Does a trial include phone support? A trial does not include phone support.",
    "legacy": "Legacy plans include phone support? Legacy plans include no support by phone.",
    "annual": "Annual plans are paid once a year, by card, by transfer or by invoice. The price is "
    "fixed for the year and seats can be added at any time during it. "
    f"{GOLD} Invoices are sent in January, and reminders in February; a late "
    "payment costs nothing in the first month.",
    "invoices": "Invoices are sent by letter in January.",
    "exports": "Exports are written every night.",
}


def page(name: str, paragraphs: str, **fields: Any) -> Document:
    made = {
        "doc_id": f"{name}.md", "title": name.title(),
        "text": f"# {name.title()}\n\n{paragraphs}\n",
        "allowed": ("*",), "metadata": {"plan": name}, **fields,
    }  # fmt: skip
    return Document(**made)


@dataclass(frozen=True)
class World:
    """What the tests know of the store.

    asked : a question whose evidence, `gold`, is not among the first k. `question` : the same with
        its label. `questions` : that, and two that come through.
    config : of the pipeline that goes wrong.
    """

    asked: str
    gold: str
    documents: tuple[Document, ...]
    config: PipelineConfig

    def span(self, doc_id: str, quote: str) -> EvidenceSpan:
        text = next(d.text for d in self.documents if d.doc_id == doc_id)
        start = text.index(quote)
        return EvidenceSpan(doc_id=doc_id, start=start, end=start + len(quote), quote=quote)

    @property
    def questions(self) -> tuple[Question, ...]:
        rows = (
            ("phone", self.asked, "annual.md", self.gold),
            ("letters", "When are invoices sent?", "invoices.md", PARAGRAPHS["invoices"]),
            ("trial", "Does a trial include phone support?", "trial.md",
             "A trial does not include phone support."),
        )  # fmt: skip
        return tuple(
            Question(
                query=Query(query_id=i, text=text, expected_answer=quote),
                evidence=((self.span(doc_id, quote),),),
            )
            for i, text, doc_id, quote in rows
        )

    @property
    def question(self) -> Question:
        return self.questions[0]


@pytest.fixture(scope="session")
def world() -> World:
    config = PipelineConfig().replace({
        "retrieval.mode": "dense", "retrieval.k": 1, "rerank.model": "",
        "context.token_budget": 200,
    })  # fmt: skip
    documents = tuple(page(name, text) for name, text in PARAGRAPHS.items())
    return World(asked=ASKED, gold=GOLD, documents=documents, config=config)


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Workbench]:
    """`opened(documents, config)`: a workbench over a new store."""

    def made(documents: tuple[Document, ...], config: PipelineConfig) -> Workbench:
        store = tmp_path_factory.mktemp("walk") / "store"
        workbench = whymiss.open(store, encoder=HashingEncoder(dimension=128), config=config)
        workbench.ingest(documents)
        return workbench

    return made


@pytest.fixture
def wb(opened: Callable[..., Workbench], world: World) -> Iterator[Workbench]:
    with opened(world.documents, world.config) as workbench:
        yield workbench


@pytest.fixture
def walk(wb: Workbench, world: World) -> WalkPanel:
    """The question asked, and its wrong answer there."""
    panel = wb.walk(world.asked, questions=world.questions)
    assert panel.flush(20)
    return panel


Shown = Callable[..., BeautifulSoup]


@pytest.fixture
def shown() -> Shown:
    """`shown(panel, "part")`: a part of a panel, or all of them, as elements."""

    def parsed(panel: WalkPanel, *names: str) -> BeautifulSoup:
        parts = panel._surface.parts
        return BeautifulSoup("".join(parts[name] for name in names or parts), "html.parser")

    return parsed


@pytest.fixture
def done() -> Callable[..., None]:
    """`done(panel, action, value, **fields)`: press a button, and wait until nothing goes on."""

    def pressed(panel: WalkPanel, action: str, value: Any = "", **fields: Any) -> None:
        panel.press(action, value, **fields)
        assert panel.flush(60)
        assert panel._surface.parts["problem"] == ""

    return pressed


@pytest.fixture
def diagnosed(walk: WalkPanel, world: World, done: Callable[..., None]) -> WalkPanel:
    """The walk as far as the cause and its repairs."""
    done(walk, "wrong")
    done(walk, "paste", "quote", text=world.gold)
    done(walk, "diagnose")
    return walk


@pytest.fixture
def repair_of(diagnosed: WalkPanel) -> Callable[[str], str]:
    """`repair_of(kind)`: the value of the button that applies the first repair of a kind."""

    def place(kind: str) -> str:
        assert diagnosed.walked.diagnosis is not None
        kinds = [repair.kind for repair in diagnosed.walked.diagnosis.repairs]
        return str(kinds.index(kind))  # type: ignore[arg-type]

    return place


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
