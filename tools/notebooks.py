"""Run notebooks and store them as they are read on GitHub: figures as pictures, no living widgets.

Each file is executed from top to bottom in a kernel of its own, offline, in its own folder. It is
written only when all of it may be shown to others; otherwise what is wrong is said and the file
stays as it was. Run again by a reader, figures and panels are live as ever.
"""

from __future__ import annotations

import argparse
import base64
import html
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from stored import is_view, problems

PLOTLY: Final = "application/vnd.plotly.v1+json"
CELL_SECONDS: Final = 300
KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}

OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "true",
}  # fmt: skip

Paint = Callable[[Mapping[str, Any]], bytes]
"""From the JSON of a plotly figure to a PNG."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and store the notebooks that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a notebook")
    given = parser.parse_args(arguments)
    if missing := [str(path) for path in given.files if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    failed = [path.name for path in given.files if not stored(path)]
    if failed:
        sys.exit(f"not written: {', '.join(failed)}")


def stored(path: Path) -> bool:
    """Run a notebook and write it, if all of it may be shown; whether it was written."""
    notebook = nbformat.read(path, as_version=4)
    try:
        executed(notebook, path.resolve().parent)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return False
    with ExitStack() as opened:
        cleaned(notebook, _painter(opened))
    wrong = problems(notebook)
    for said in wrong:
        print(f"{path.name}: {said}", file=sys.stderr)
    if not wrong:
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return not wrong


def executed(notebook: NotebookNode, folder: Path) -> None:
    """Run a notebook in place, in a fresh kernel that works in `folder`.

    Raises
    ------
    CellExecutionError, CellTimeoutError, DeadKernelError : it did not come to its end.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    with tempfile.TemporaryDirectory() as profile:
        client = NotebookClient(
            notebook, timeout=CELL_SECONDS, kernel_name=KERNEL["name"], record_timing=False,
            store_widget_state=False, coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )  # fmt: skip
        # No start-up files of the user's, and nothing of plotly's but the figure itself.
        own = {"IPYTHONDIR": profile, "PLOTLY_RENDERER": "plotly_mimetype"}
        client.execute(env={**os.environ, **OFFLINE, **own})


def cleaned(notebook: NotebookNode, paint: Paint) -> None:
    """Change a notebook that has run into the one that is stored, in place.

    Figures become pictures; views of widgets go, and what panels wrote for readers stays; cells
    are counted from 1; of the metadata remain the kernel and the tags of cells.
    """
    for cell in notebook.cells:
        cell.metadata = {"tags": tags} if (tags := cell.metadata.get("tags")) else {}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for n, cell in enumerate(code, start=1):
        cell.execution_count = n
        # Where a widget is all there is, it stays, for `problems` to find: nobody could read it.
        readable = [output for output in cell.outputs if not is_view(output)]
        cell.outputs = [_plain(output, n, paint) for output in readable or cell.outputs]
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}


def _plain(output: NotebookNode, n: int, paint: Paint) -> NotebookNode:
    data = output.get("data", {})
    if PLOTLY in data:
        title = data[PLOTLY].get("layout", {}).get("title", {}).get("text", "")
        title = html.unescape(title.replace("<br>", " "))
        picture = base64.b64encode(paint(data[PLOTLY])).decode()
        data = {"image/png": picture, "text/plain": f"Figure: {title}"}
    own = {"data": data, "metadata": {}, "execution_count": n}
    return NotebookNode({**output, **{key: own[key] for key in own if key in output}})


def _painter(opened: ExitStack) -> Paint:
    """Opens a browser for the first figure, if there is any."""

    @cache
    def painter() -> Paint:
        from figures import Painter, browsing

        return Painter(opened.enter_context(browsing()).new_page())

    return lambda figure: painter()(figure)


if __name__ == "__main__":
    main()
