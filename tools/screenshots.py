"""Pictures of the product at work in JupyterLab, light and dark: for the README, or to look at.

Everything in them is computed while they are taken, from the bundled corpus.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from figures import browsing, reduced
from playwright.sync_api import FloatRect, Locator, expect

# JupyterLab is driven as the tests drive it.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

from lab_notebook import LabNotebook, Theme
from notebook_files import NOTEBOOKS, failures, furnish, load
from servers import LabServer, running_lab

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "images"
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
WIDTH, HEIGHT = 1240, 1000
MOST_HEIGHT: Final = 16_000
"""Pixels; a Chromium draws no more on one picture."""

SECONDS: Final = 300
QUESTION: Final = "Do annual plans include phone support?"
EVIDENCE: Final = "The use of this line is included at no charge in all annual plans"
OPEN: Final = f"""\
import os
import whymiss

plain = whymiss.PipelineConfig().replace(retrieval__mode="dense", rerank__model="")
workbench = whymiss.open(os.environ["WHYMISS_STORE"], config=plain)
walk = workbench.walk({QUESTION!r}, questions="../data/helpdesk/questions.jsonl")
walk"""
WALK: Final = f"""
walk.flush({SECONDS}); walk.press("wrong")
walk.press("paste", "quote", text={EVIDENCE!r}); walk.flush({SECONDS})
walk.press("diagnose"); walk.flush({SECONDS})
"""
MARGIN: Final = 12
BELOW: Final = 80
"""Pixels of JupyterLab's own below the last cell."""

SHOWN: Final = ("funnel", "cause", "repairs")
LENGTH: Final = """() => Math.max(
  ...[...document.querySelectorAll('.jp-Notebook-cell')].map(
    cell => cell.getBoundingClientRect().bottom))"""
TO_TOP: Final = """async () => {
  const {content} = window.jupyterapp.shell.currentWidget;
  content.activeCellIndex = 0;
  await content.scrollToItem(0, 'start');
}"""

Opened = Callable[[str], LabNotebook]


def main() -> None:
    """Take the pictures of the README, or of every notebook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--store", type=Path, default=os.environ.get("WHYMISS_STORE", ROOT / ".whymiss"),
        help="an ingested store of the bundled corpus; it is copied",
    )  # fmt: skip
    parser.add_argument("--notebooks", type=Path, metavar="OUT", help="every notebook, to OUT")
    parser.add_argument("files", type=Path, nargs="*", help="of the notebooks, only these")
    given = parser.parse_args()
    with lab(given.store) as (server, opened):
        if given.notebooks is None:
            readme(opened)
        else:
            given.notebooks.mkdir(parents=True, exist_ok=True)
            for file in given.files or sorted(NOTEBOOKS.glob("*.ipynb")):
                whole(opened, server, file, given.notebooks)


@contextmanager
def lab(store: Path) -> Iterator[tuple[LabServer, Opened]]:
    """A JupyterLab over a copy of a store, and what opens a notebook of one cell in it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as server,
        browsing() as browser,
    ):
        furnish(server, store)

        def opened(cell: str) -> LabNotebook:
            made = LabNotebook(browser, server, [cell], theme="light")
            made.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            return made

        yield server, opened


def readme(opened: Opened) -> None:
    """The walk of the first notebook, from the place where the evidence was lost to its repairs."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with closing(opened(OPEN)) as notebook:
        notebook.run_all(seconds=SECONDS)
        notebook.execute(WALK, seconds=2 * SECONDS)
        walk = notebook.page.locator(".whymiss.wm-walk")
        expect(walk.get_by_role("heading", name="5. Repairs")).to_be_visible()
        notebook.page.set_viewport_size({"width": WIDTH, "height": 4000})
        # What stood in front of the evidence, chunk by chunk, is more than a first look takes in.
        for part in SHOWN:
            for opened_part in walk.locator(f"[data-part={part}] details[open] > summary").all():
                opened_part.click()
        for theme in THEMES:
            prepare(notebook, theme)
            keep(notebook.page.screenshot(clip=span(walk)), IMAGES / f"walk_{theme}.png")


def whole(opened: Opened, server: LabServer, file: Path, out: Path) -> None:
    """A notebook from its first line to its last, as it looks after it was run.

    Raises
    ------
    SystemExit : a cell failed.
    """
    with closing(opened("")) as notebook:
        load(notebook, server, file)
        notebook.run_all(seconds=SECONDS)
        notebook.wait_idle(seconds=SECONDS)
        if failed := failures(notebook.save()):
            sys.exit(f"{file.name}: {'; '.join(failed)}")
        for theme in THEMES:
            prepare(notebook, theme)
            page = notebook.page
            page.set_viewport_size({"width": WIDTH, "height": MOST_HEIGHT})
            # Running all cells leaves the page at the last.
            page.evaluate(TO_TOP)
            page.wait_for_timeout(2000)
            height = min(MOST_HEIGHT, int(page.evaluate(LENGTH)) + BELOW)
            page.set_viewport_size({"width": WIDTH, "height": height})
            page.evaluate(TO_TOP)
            page.wait_for_timeout(1000)
            keep(page.screenshot(), out / f"{file.stem[:2]}_{theme}.png")


def prepare(notebook: LabNotebook, theme: Theme) -> None:
    """Put on a theme and fold the side bars away."""
    notebook.set_theme(theme)
    notebook.page.evaluate("() => { jupyterapp.shell.collapseLeft(); }")
    notebook.page.wait_for_timeout(500)


def span(walk: Locator) -> FloatRect:
    """The part of the page from the first to the last of the parts that are shown."""
    boxes = [box for part in SHOWN if (box := walk.locator(f"[data-part={part}]").bounding_box())]
    first, last = boxes[0], boxes[-1]
    return {
        "x": first["x"] - MARGIN,
        "y": first["y"],
        "width": first["width"] + 2 * MARGIN,
        "height": last["y"] + last["height"] - first["y"],
    }


def keep(png: bytes, path: Path) -> None:
    """Write a picture with a palette of its own."""
    path.write_bytes(reduced(png))
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
