"""How notebooks are stored: what stays of an output, and what keeps a file from being written."""

from __future__ import annotations

import base64
import doctest
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import stored
from stored import ROOT, problems

from notebooks import KERNEL, PLOTLY, cleaned, main

VIEW = "application/vnd.jupyter.widget-view+json"
FIGURE = {
    "data": [{"type": "bar"}],
    "layout": {"title": {"text": "Recall of 5 &amp; 10<br>chunks"}},
}
LATE = """
import threading
from IPython.display import display
shown = display({"text/plain": "first"}, raw=True, display_id=True)
go = threading.Event()
def late():
    go.wait()
    shown.update({"text/plain": "last"}, raw=True)
writer = threading.Thread(target=late)
writer.start()
"""


def shown(data: Mapping[str, Any], **more: Any) -> NotebookNode:
    return new_output("display_data", data=dict(data), **more)


def ran(*outputs: NotebookNode) -> NotebookNode:
    return new_notebook(cells=[new_code_cell("made", outputs=[*outputs])])


def paint(figure: Mapping[str, Any]) -> bytes:
    assert figure == FIGURE
    return b"picture"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (new_output("error", ename="KeyError", evalue="'k'"), "ended in an error: KeyError: 'k'"),
        (new_output("stream", name="stderr", text="slow\n"), "wrote to stderr: slow"),
        (new_output("stream", text="10%\r20%"), r"drew progress: '10%\r20%'"),
        (shown({"text/plain": "'/home/ada/a.md'"}), "shows a path of one machine: /home/ada"),
        (shown({"text/html": "<td>C:\\Users\\ada</td>"}), r"shows a path of one machine: C:\Users"),
        (shown({"text/html": "<p></p><SCRIPT src=x>"}), "stored a script"),
        (
            shown({VIEW: {"model_id": "1"}, "text/plain": "IntSlider(value=0)"}),
            "shows a widget, of which nothing is left to read without a kernel",
        ),
    ],
)
def test_what_nobody_should_read_is_found(output: NotebookNode, said: str) -> None:
    assert problems(ran(new_output("stream", text="fine"), output)) == [f"cell 0 {said}"]


def test_the_folder_of_the_project_is_found_wherever_it_lies() -> None:
    said = f"cell 0 shows a path of one machine: {ROOT}/build"
    assert problems(ran(shown({"text/plain": f"<Store {ROOT}/build/main>"}))) == [said]
    assert problems(new_notebook(cells=[new_markdown_cell(f"In {ROOT}/build")])) == [
        f"cell 0 names a path of one machine: {ROOT}/build"
    ]


@pytest.mark.parametrize(
    "text",
    ["docs/home/ada.md", "https://example.org/home/ada", "a/tmp/b", "../tmp/x", "either/or", "/v1/",
     "<img src='data:image/png;base64,A+/tmp/AA=='>"],
)  # fmt: skip
def test_what_only_looks_like_a_path_is_none(text: str) -> None:
    assert problems(ran(shown({"text/html": text}))) == []


def test_state_of_widgets_and_a_large_file_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST_BYTES", 500)
    large = ran(shown({"image/png": "A" * 500}))
    large.metadata["widgets"] = {}
    state, size = problems(large)
    assert state == "the notebook holds the state of widgets"
    assert size == f"the notebook has {len(nbformat.writes(large))} bytes, more than 500"


def test_a_figure_becomes_a_picture_with_its_title() -> None:
    notebook = ran(shown({PLOTLY: FIGURE, "text/html": "<script>"}, metadata={"a": 1}))
    cleaned(notebook, paint)
    picture = base64.b64encode(b"picture").decode()
    (output,) = notebook.cells[0].outputs
    assert output.data == {"image/png": picture, "text/plain": "Figure: Recall of 5 & 10 chunks"}
    assert output.metadata == {}
    assert problems(notebook) == []


def test_of_a_panel_what_it_wrote_for_readers_stays() -> None:
    written = {"text/html": "<p>The answer</p>", "text/plain": "The answer"}
    notebook = ran(shown({VIEW: {"model_id": "1"}, "text/plain": "Surface()"}), shown(written))
    cleaned(notebook, paint)
    assert [output.data for output in notebook.cells[0].outputs] == [written]


def test_a_widget_that_wrote_nothing_for_readers_is_found() -> None:
    notebook = ran(shown({VIEW: {"model_id": "1"}, "text/plain": "IntSlider(value=0)"}))
    cleaned(notebook, paint)
    assert len(problems(notebook)) == 1


def test_counts_and_metadata_do_not_tell_how_often_it_was_run() -> None:
    result = new_output("execute_result", data={"text/plain": "2"}, execution_count=40)
    cells = [
        new_markdown_cell("# One", metadata={"collapsed": True}),
        new_code_cell("one", execution_count=38, metadata={"execution": {"iopub": "now"}}),
        new_code_cell("1 + 1", outputs=[result], metadata={"tags": ["nbval-check-output"]}),
    ]
    ids = [cell.id for cell in cells]
    notebook = new_notebook(cells=cells, metadata={"widgets": {}, "signature": "x"})
    cleaned(notebook, paint)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == ids
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2]
    assert notebook.cells[2].outputs[0].execution_count == 2
    assert [cell.metadata for cell in notebook.cells] == [{}, {}, {"tags": ["nbval-check-output"]}]
    assert notebook.metadata == {"kernelspec": KERNEL, "language_info": {"name": "python"}}


def test_what_a_thread_writes_while_a_later_cell_runs_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "late.ipynb"
    nbformat.write(
        new_notebook(cells=[new_code_cell(LATE), new_code_cell("go.set()\nwriter.join()")]), file
    )
    main([str(file)])
    (output,) = nbformat.read(file, as_version=4).cells[0].outputs
    assert output.data == {"text/plain": "last"}


def test_a_notebook_with_something_wrong_stays_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {
        "raised": "1 / 0",
        "warned": "import warnings\nwarnings.warn('old')",
        "told": "import os\nos.getcwd()",
    }
    files = [tmp_path / f"{name}.ipynb" for name in wrong]
    for file, source in zip(files, wrong.values(), strict=True):
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), file)
    before = [file.read_bytes() for file in files]
    with pytest.raises(SystemExit, match=r"not written: raised\.ipynb, warned\.ipynb, told\.ipynb"):
        main([str(file) for file in files])
    assert [file.read_bytes() for file in files] == before
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "warned.ipynb: cell 0 wrote to stderr:" in said
    assert (
        f"told.ipynb: cell 0 shows a path of one machine: {tmp_path.parent.parent.parent}" in said
    )


def test_the_examples_of_the_rules_hold() -> None:
    assert doctest.testmod(stored).failed == 0
