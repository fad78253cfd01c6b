"""A small store with documents of every kind, and a chunk browser over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from bs4 import BeautifulSoup

import whymiss
import whymiss.widgets.chunks.panel as panel_module
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.desk import Desk
from whymiss.workbench import Workbench

PLANS = """# Plans

Ten euros a month for each seat. Paid by card, or by invoice for more than ten seats.

## Annual

Paid once a year, in January. Phone support is included at no charge in all annual plans,
and it is not limited to a number of calls.

## Monthly

Paid on the first of the month. Phone support is not included in monthly plans.
"""
GOLD = "Phone support is included at no charge in all annual plans"
LONG = "\n".join(f"Line {n} of a long list of invoices, one for each customer." for n in range(500))
ODD = "Odd \u202emarks\x07 and\r\nlines, in ten days. And again in ten days."


def question(query_id: str, text: str, doc_id: str, *spans: tuple[int, int]) -> Question:
    evidence = tuple((EvidenceSpan(doc_id=doc_id, start=s, end=e),) for s, e in spans)
    return Question(query=Query(query_id=query_id, text=text), evidence=evidence)


def place(text: str, quote: str) -> tuple[int, int]:
    start = text.index(quote)
    return start, start + len(quote)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "SETTLED", 0)


@pytest.fixture(scope="session")
def questions() -> tuple[Question, ...]:
    return (
        question("phone", "Do annual plans include phone support?", "plans.md", place(PLANS, GOLD)),
        question("calls", "How many calls?", "plans.md", place(PLANS, "not limited to a number")),
        question("again", "Is phone support free?", "plans.md", place(PLANS, GOLD)),
        question("late", "Who is last?", "long.txt", place(LONG, "Line 499")),
    )


@pytest.fixture(scope="session")
def wb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Documents "long.txt", "odd.txt" and "plans.md"."""
    folder = tmp_path_factory.mktemp("chunks") / "store"
    with whymiss.open(folder, encoder=HashingEncoder()) as workbench:
        workbench.ingest([
            Document(doc_id="plans.md", text=PLANS, title="Plans and prices", allowed=["*"]),
            Document(doc_id="long.txt", text=LONG, syntax="plain", allowed=["*"]),
            Document(doc_id="odd.txt", text=ODD, syntax="plain", allowed=["*"]),
        ])  # fmt: skip
        yield workbench


@pytest.fixture
def browser(wb: Workbench, questions: tuple[Question, ...]) -> Iterator[ChunkBrowser]:
    """Over "plans.md", with its borders drawn."""
    desk = Desk(wb)
    desk.use(questions)
    panel = desk.panel(ChunkBrowser)
    panel.open("plans.md")
    assert panel.flush(10)
    yield panel
    desk.close()


@pytest.fixture
def turn() -> Callable[..., None]:
    """`turn(browser, knob, value)`: move a control, and wait for what comes of it."""

    def move(panel: ChunkBrowser, knob: str, value: object) -> None:
        panel._surface.receive({"knob": knob, "value": value, "seen": 1})
        assert panel.flush(10)

    return move


@pytest.fixture
def seen() -> Callable[..., BeautifulSoup]:
    """`seen(browser, "part")`: what a part shows, parsed; all parts when none is named."""

    def parse(panel: ChunkBrowser, *parts: str) -> BeautifulSoup:
        shown = panel._surface.parts
        return BeautifulSoup("".join(shown[name] for name in parts or shown), "html.parser")

    return parse
