"""What a stored notebook must not hold: it is read by people who never run it."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nbformat
from nbformat import NotebookNode

ROOT: Final = Path(__file__).parents[1]
MOST_BYTES: Final = 300_000

_HERE: Final = (ROOT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir()))
_COMMON: Final = r"/(?:home|root|tmp|Users|private|var|usr|opt|mnt|srv)"
# A path that goes on from something, as of an address or a folder, is not one from the root.
_PATH: Final = re.compile(
    rf"(?<![\w.])(?:{'|'.join([*(re.escape(str(path)) for path in _HERE), _COMMON])})/[\w.-]+"
    r"|\b[A-Z]:\\+Users\b"
)
_IMAGE: Final = re.compile(r"data:image/[\w+;-]+,[\w+/=]+")
_SCRIPT: Final = re.compile(r"<script\b", re.IGNORECASE)


def problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with the outputs and the metadata of a notebook, each as a sentence.

    Looked at are errors and warnings, paths of somebody's machine, state and views of widgets,
    scripts, drawn progress, and the size of the file.

    >>> from nbformat.v4 import new_code_cell, new_notebook, new_output
    >>> warned = new_output("stream", name="stderr", text="FutureWarning: a < b")
    >>> problems(new_notebook(cells=[new_code_cell("a < b", outputs=[warned])]))
    ['cell 0 wrote to stderr: FutureWarning: a < b']
    """
    found = [f"cell {i} {said}" for i, cell in enumerate(notebook.cells) for said in _of_cell(cell)]
    if "widgets" in notebook.metadata:
        found.append("the notebook holds the state of widgets")
    size = len(nbformat.writes(notebook).encode())
    if size > MOST_BYTES:
        found.append(f"the notebook has {size:,} bytes, more than {MOST_BYTES:,}")
    return found


def is_view(output: NotebookNode) -> bool:
    """Whether an output is a widget, which only a living kernel can show."""
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def texts(output: NotebookNode) -> Iterator[tuple[str, str]]:
    """Everything readable in an output, each with its type; a stream is text/plain.

    >>> from nbformat.v4 import new_output
    >>> list(texts(new_output("stream", text="done")))
    [('text/plain', 'done')]
    """
    if output.output_type == "stream":
        yield "text/plain", output.text
    for kind, content in output.get("data", {}).items():
        if kind.startswith("text/"):
            yield kind, content


def _of_cell(cell: NotebookNode) -> Iterator[str]:
    if path := _PATH.search(cell.source):
        yield f"names a path of one machine: {path[0]}"
    for output in cell.get("outputs", []):
        yield from _of_output(output)


def _of_output(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "error":
        yield f"ended in an error: {output.ename}: {output.evalue}"
    elif output.output_type == "stream" and output.name == "stderr":
        yield f"wrote to stderr: {output.text.strip()}"
    if is_view(output):
        yield "shows a widget, of which nothing is left to read without a kernel"
    for kind, text in texts(output):
        if path := _PATH.search(_IMAGE.sub("", text)):
            yield f"shows a path of one machine: {path[0]}"
        if kind == "text/html" and _SCRIPT.search(text):
            yield "stored a script"
        if "\r" in text:
            yield f"drew progress: {text.strip()[:200]!r}"
