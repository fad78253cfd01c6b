"""The project's notebooks opened in a JupyterLab, beside a copy of the corpus and of a store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from lab_notebook import LabNotebook
from servers import LabServer

_ROOT = Path(__file__).parents[2]
NOTEBOOKS = _ROOT / "notebooks"
_SCROLL = """async source => {
  const {content} = window.jupyterapp.shell.currentWidget;
  const i = content.widgets.findIndex(cell => cell.model.sharedModel.getSource() === source);
  content.activeCellIndex = i;
  await content.scrollToItem(i, 'start');
}"""


def furnish(server: LabServer, store: Path) -> None:
    """Put what notebooks look for where they look for it: documents and store beside the root.

    The store is copied. The documents are the project's own: a store knows which files it is of.
    """
    around = server.root.parent
    # A Jupyter of its own may keep its data in a folder of that name.
    (around / "data").mkdir(exist_ok=True)
    (around / "data" / "helpdesk").symlink_to(_ROOT / "data" / "helpdesk")
    shutil.copytree(store, around / "store", dirs_exist_ok=True)


def load(lab: LabNotebook, server: LabServer, file: Path) -> None:
    """Replace what an open page shows by a copy of a notebook of the project, as it is stored."""
    shutil.copyfile(file, server.root / lab.name)
    lab.reload()


def scroll_to(lab: LabNotebook, words: str) -> None:
    """Bring the first code cell with these words in it to the top of the page."""
    sources = [cell["source"] for cell in lab.save()["cells"] if cell["cell_type"] == "code"]
    lab.page.evaluate(_SCROLL, next(source for source in map("".join, sources) if words in source))


def failures(saved: dict[str, Any]) -> list[str]:
    """What went wrong in a notebook that was run, and code cells that were not run at all."""
    found = []
    for i, cell in enumerate(cell for cell in saved["cells"] if cell["cell_type"] == "code"):
        if cell["execution_count"] is None:
            found.append(f"code cell {i} was not run")
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                found.append(f"code cell {i}: {output['ename']}: {output['evalue']}")
            elif output.get("name") == "stderr":
                found.append(f"code cell {i} wrote to stderr: {''.join(output['text'])}")
    return found
