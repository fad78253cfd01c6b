"""A small store with questions that succeed and fail, evaluated, for every test of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation import EvidenceSpan, Question, evaluate
from whymiss.evaluation.run import EvaluationRun
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

FILES = {
    "annual.md": "---\nplan_type: annual\n---\n# Annual plans\n\n"
    "Annual plans include phone support.\n\n## Refunds\n\nA refund takes ten days.\n",
    "monthly.md": "---\nplan_type: monthly\n---\n# Monthly plans\n\n"
    "Monthly plans include support by mail, FW-1042 aside.\n",
    "credit.md": "---\nallowed: [support]\n---\n# Goodwill\n\n"
    "An agent may give a credit of forty euros.\n",
}


def question(
    query_id: str, text: str, quote: str = "", doc_id: str = "annual.md", **fields: object
) -> Question:
    split = str(fields.pop("split", "tune"))
    query = Query(query_id=query_id, text=text, **fields)  # type: ignore[arg-type]
    evidence = ((EvidenceSpan(doc_id=doc_id, quote=quote),),) if quote else ()
    return Question(query=query, evidence=evidence, split=split)


QUESTIONS = (
    question("phone", "Do annual plans include phone support?", "phone support", tags=("plans",)),
    question("refund", "A refund takes how many days?", "takes ten days", tags=("money",)),
    question(
        "credit", "How much credit may an agent give?", "forty euros", "credit.md",
        tags=("money",),
    ),
    question("moon", "Who lives on the moon?", tags=("unanswerable",)),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    root.mkdir()
    for name, content in FILES.items():
        (root / name).write_text(content, encoding="utf-8")
    return root


@pytest.fixture
def folder_wb(tmp_path: Path, folder: Path) -> Iterator[Workbench]:
    """A store that was filled from a folder."""
    with whymiss.open(tmp_path / "store", encoder=HashingEncoder()) as workbench:
        workbench.ingest(folder, allowed=["*"])
        yield workbench


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[Workbench]:
    """A store of the same documents, given from Python."""
    with whymiss.open(tmp_path / "store", encoder=HashingEncoder()) as workbench:
        workbench.ingest(
            [
                Document(
                    doc_id=name,
                    text=text.split("---\n")[-1],
                    allowed=["support"] if name == "credit.md" else ["*"],
                )
                for name, text in FILES.items()
            ]
        )
        yield workbench


@pytest.fixture(scope="session")
def evaluated() -> Callable[..., EvaluationRun]:
    """`evaluated(workbench, questions, config=, answer=)`: a run named "hybrid"."""

    def make(
        workbench: Workbench,
        questions: Sequence[Question] = QUESTIONS,
        *,
        config: PipelineConfig | None = None,
        answer: bool = True,
    ) -> EvaluationRun:
        pipeline = workbench.pipeline(config, answer=answer)
        return evaluate({"hybrid": pipeline}, questions)["hybrid"]

    return make


@pytest.fixture(scope="session")
def questions() -> tuple[Question, ...]:
    """Found, found, lost to a permission, and unanswerable."""
    return QUESTIONS


@pytest.fixture(scope="session")
def asked() -> Callable[..., Question]:
    """`asked(query_id, text, quote, doc_id)`: a question with one quote as evidence, or none."""
    return question


@pytest.fixture
def run(wb: Workbench, evaluated: Callable[..., EvaluationRun]) -> EvaluationRun:
    return evaluated(wb)
