"""The notebooks as files: complete, short, readable without a kernel, of no one's machine."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from stored import ROOT, problems

from notebooks import KERNEL

NAMES = (
    "00_start_here", "01_ingest_and_chunk", "02_embedding_map", "03_live_retrieval",
    "04_wrong_answer_walk", "05_evaluate_and_compare", "06_chunking_study",
    "07_freshness_and_permissions", "08_bring_your_own", "09_drills",
)  # fmt: skip
OPENINGS = ("**Question.**", "**Inputs.**", "**Time.**", "**You will know**")
OWN_FUNCTIONS = "08_bring_your_own"
"""The one notebook whose point is to bring functions of one's own."""

PANEL = re.compile(r"\bworkbench\.(?:\w+_panel|walk|chunk_browser|show)\(")
"""How a cell shows a panel."""

IMPORT = re.compile(r"import |from \w+(?:\.\w+)* import ")

MOST_LINES, MOST_COLUMNS, MOST_WORDS = 12, 100, 110


def found() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=found(), ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def first_lines(cells: list[NotebookNode]) -> list[str]:
    return [cell.source.partition("\n")[0] for cell in cells]


def test_all_ten_are_there_and_nothing_else() -> None:
    assert tuple(path.stem for path in found()) == NAMES


def test_it_opens_with_its_title_its_question_and_what_it_takes(notebook: NotebookNode) -> None:
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S", first.source)
    assert [line for line in OPENINGS if f"\n{line}" not in first.source] == []


def test_every_code_cell_is_introduced(notebook: NotebookNode) -> None:
    follows = [
        after
        for before, after in zip(notebook.cells, notebook.cells[1:], strict=False)
        if before.cell_type == after.cell_type == "code"
        # A panel's cell is followed by the one that works it from Python and waits for it.
        and ".flush(" not in after.source
    ]
    assert first_lines(follows) == []


def test_cells_are_short(notebook: NotebookNode) -> None:
    lines = [
        [line for line in cell.source.splitlines() if line and not IMPORT.match(line)]
        for cell in code(notebook)
    ]
    words = [cell for cell in notebook.cells[1:] if cell.cell_type == "markdown"]
    assert [(cell[0], len(cell)) for cell in lines if len(cell) > MOST_LINES] == []
    assert [line for cell in lines for line in cell if len(line) > MOST_COLUMNS] == []
    assert first_lines([cell for cell in words if len(cell.source.split()) > MOST_WORDS]) == []


def test_it_defines_nothing(path: Path, notebook: NotebookNode) -> None:
    kinds: tuple[type[ast.AST], ...] = (ast.ClassDef, ast.AsyncFunctionDef, ast.FunctionDef)
    parsed = [ast.parse(cell.source) for cell in code(notebook)]
    defined = [node.name for tree in parsed for node in ast.walk(tree) if isinstance(node, kinds)]
    assert defined == [] or path.stem == OWN_FUNCTIONS


def test_it_ends_by_pointing_on_and_closing_what_it_opened(notebook: NotebookNode) -> None:
    *_, onward, last = notebook.cells
    if PANEL.search("\n".join(cell.source for cell in code(notebook))):
        # Closed, the panels would be gone as soon as all cells have run.
        onward = last
        assert "`workbench.close()`" in last.source
    else:
        assert last.cell_type == "code"
        assert ".close()" in last.source
    assert onward.cell_type == "markdown"
    assert "Where to go next" in onward.source
    assert re.search(r"\d\d_[a-z_]+", onward.source)


def test_notebooks_that_it_names_exist(notebook: NotebookNode) -> None:
    named = {
        name
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for name in re.findall(r"\b\d\d_[a-z_]+\b", cell.source)
    }
    assert named <= set(NAMES)


def test_it_is_stored_as_it_ran_from_top_to_bottom(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    cells = code(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(len(cell.outputs) > 0 for cell in cells) > len(cells) / 2


def test_it_holds_nothing_but_what_a_reader_needs(notebook: NotebookNode) -> None:
    assert notebook.metadata == {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    assert {name for cell in notebook.cells for name in cell.metadata} <= {"tags"}
    assert problems(notebook) == []
