"""A small guide with labelled questions, and a desk over it on which panels are opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whymiss.config import PipelineConfig
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.desk import Desk
from whymiss.workbench import Workbench
from whymiss.workbench import open as open_workbench

PLANS = ("annual", "monthly", "trial", "legacy", "student", "partner")
GUIDE_CONFIG = PipelineConfig().replace(
    {"chunking.size": 32, "chunking.overlap": 0, "retrieval.k": 3, "rerank.model": ""}
)


def guide() -> list[Document]:
    return [
        Document(
            doc_id=f"{plan}.md", title=plan.title(), allowed=("*",), metadata={"plan": plan},
            text=f"# {plan.title()}\n\n" + " ".join(
                f"Rule {n}: {plan} refunds take {n} days for order {n}{plan}." for n in range(20)
            ),
        )
        for plan in PLANS
    ]  # fmt: skip


def guide_questions() -> list[Question]:
    """One for each plan, about its rule number 7; and one whose label fits no document."""
    made = [
        Question(
            query=Query(query_id=plan, text=f"How long do refunds of order 7{plan} take?"),
            evidence=((EvidenceSpan(
                doc_id=f"{plan}.md",
                quote=f"{plan} refunds take 7 days for order 7{plan}."),),),
        )
        for plan in PLANS
    ]  # fmt: skip
    nowhere = EvidenceSpan(doc_id="annual.md", quote="It stands nowhere.")
    lost = Question(query=Query(query_id="unfit", text="Where?"), evidence=((nowhere,),))
    return [*made, lost]


@pytest.fixture(scope="session")
def open_guide(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Workbench]:
    """`open_guide()`: a workbench over a new store; `open_guide(store)`: over one that is there."""

    def opened(store: Path | None = None, config: PipelineConfig = GUIDE_CONFIG) -> Workbench:
        folder = store or tmp_path_factory.mktemp("guide") / "store"
        workbench = open_workbench(folder, encoder=HashingEncoder(dimension=128), config=config)
        if store is None:
            workbench.ingest(guide())
        return workbench

    return opened


@pytest.fixture(scope="session")
def guide_wb(open_guide: Callable[..., Workbench]) -> Iterator[Workbench]:
    with open_guide() as workbench:
        yield workbench


@pytest.fixture(scope="session")
def labelled_guide() -> list[Question]:
    """One question for each plan, and one whose label fits no document."""
    return guide_questions()


@pytest.fixture
def desk(guide_wb: Workbench, labelled_guide: list[Question]) -> Iterator[Desk]:
    """With labelled questions; its panels are closed after the test."""
    made = Desk(guide_wb)
    made.use(labelled_guide)
    yield made
    made.close()
