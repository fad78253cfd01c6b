"""Drills over sixty made-up guides in memory, and over the bundled corpus with its model."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from planting import document, question

from whymiss.config import PipelineConfig
from whymiss.drills.catalogue import KINDS
from whymiss.drills.setting import Instance, Setter
from whymiss.evaluation.labels import Question
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench
from whymiss.workbench import open as open_workbench

PLAIN = PipelineConfig().replace({"rerank.model": ""})
HELPDESK = Path(__file__).parents[2] / "data" / "helpdesk"
BY_FAULT = {kind.fault.name: kind for kind in KINDS}

Set = Callable[[str], Instance]


@pytest.fixture(scope="session")
def guides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench over the guides, without a reranker; its encoder is a double."""
    store, encoder = tmp_path_factory.mktemp("guides"), HashingEncoder(dimension=128)
    with open_workbench(store, config=PLAIN, encoder=encoder) as workbench:
        workbench.ingest([document(number)[0] for number in range(60)])
        yield workbench


@pytest.fixture(scope="session")
def guide_questions() -> list[Question]:
    """Labelled questions over the guides."""
    found = [document(number) for number in range(60)]
    return [question(made, said, asked) for made, facts in found for said, asked in facts[:2]]


@pytest.fixture(scope="session")
def guide_setter(guides: Workbench, guide_questions: list[Question]) -> Setter:
    return Setter(guides, guide_questions)


@pytest.fixture(scope="session")
def in_guides(guide_setter: Setter) -> Set:
    """`in_guides(fault)`: a drill of a kind over the guides, set once."""
    return _setting(guide_setter, "ada")


@pytest.fixture(scope="session")
def helpdesk(helpdesk_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench over the bundled corpus."""
    store = tmp_path_factory.mktemp("drills") / "store"
    shutil.copytree(helpdesk_store, store)
    with open_workbench(store) as workbench:
        yield workbench


@pytest.fixture(scope="session")
def helpdesk_setter(helpdesk: Workbench) -> Setter:
    return Setter(helpdesk, HELPDESK / "questions.jsonl")


@pytest.fixture(scope="session")
def in_helpdesk(helpdesk_setter: Setter) -> Set:
    """`in_helpdesk(fault)`: a drill of a kind over the bundled corpus, set once."""
    return _setting(helpdesk_setter, "ada")


def _setting(setter: Setter, seed: str) -> Set:
    kept: dict[str, Instance] = {}

    def instance(name: str) -> Instance:
        if name not in kept:
            number = 1 + list(BY_FAULT).index(name)
            kept[name] = setter.set(BY_FAULT[name], seed, number)
        return kept[name]

    return instance
